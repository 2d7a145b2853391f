"""What a masked run fills in, drawn beside the truth and an untrained network; what cannot be read is told."""

import numpy as np
import pytest
import torch
from PIL import Image

from avssl import config
from avssl.config import ConfigError
from avssl.inference.reconstruction import COLUMNS, reconstruct
from avssl.training import train

NET = {"name": "TubeletViT", "patch": 4, "tubelet": 2, "width": 12, "depth": 1, "heads": 2, "size": 16, "frames": 4}
METHOD = {"ratio": 0.75, "width": 12, "depth": 1, "heads": 2, "views": [{"name": "Crop", "size": 16}]}


def trained(out, folder, clips, name="VideoMAE"):
    torch.manual_seed(0)
    net = NET if clips else NET | {"takes": "pictures"}
    method = {"name": name, "encoder": net} | METHOD
    if name == "VJEPA":
        method.pop("ratio")
    data = {"name": "Videos" if clips else "Pictures", "source": str(folder), "size": [20, 20]}
    if clips:
        data |= {"sampler": {"name": "RandomClip", "frames": 4, "stride": "frames(1)", "count": 2}}
    train(
        method=config.make(method, "avssl.methods.Method"),
        data=config.make(data, "avssl.data.Dataset"),
        optim=config.make({"name": "AdamW", "lr": 1e-3}, "avssl.training.Optim"),
        out=out,
        steps=1,
        batch_size=1,
        workers=0,
        accelerator="cpu",
        tensorboard=False,
    )
    return out


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    import av

    folder = tmp_path_factory.mktemp("films")
    for number in range(2):
        with av.open(str(folder / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width = stream.height = 32
            for _ in range(8):
                pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(stream.encode())
    return folder


def test_a_sheet_a_video_is_written_and_the_errors_of_trained_and_untrained_are_told(films, tmp_path, capsys):
    run = trained(tmp_path / "run", films, clips=True)
    (films / "cut.mp4").write_bytes(b"no film")
    capsys.readouterr()
    out = reconstruct(files=[films], run=run, device="cpu")
    (films / "cut.mp4").unlink()
    printed = capsys.readouterr().out
    assert out == run / "reconstructed" and sorted(path.name for path in out.iterdir()) == ["0.png", "1.png"]
    assert "2 files drawn, 1 left out" in printed and all(column in printed for column in COLUMNS)
    numbers = [float(part.split()[-1]) for part in printed.split("in [0, 1]): ")[1].splitlines()[0].split(", ")[:1]]
    assert 0 < numbers[0] < 1
    before = np.asarray(Image.open(out / "0.png"))
    reconstruct(files=[films / "0.mp4"], run=run, device="cpu")
    assert np.array_equal(before, np.asarray(Image.open(out / "0.png")))  # the seed decides clip, mask and network


def test_pictures_are_filled_in_too_and_other_methods_are_refused(films, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    run = trained(tmp_path / "run", folder, clips=False)
    out = reconstruct(files=[folder / "1.png"], run=run, device="cpu", out=tmp_path / "drawn")
    assert [path.name for path in out.iterdir()] == ["1.png"]
    other = trained(tmp_path / "other", films, clips=True, name="VJEPA")
    with pytest.raises(ConfigError, match=r"VJEPA of .* fills no blocks; name a run of VideoMAE"):
        reconstruct(files=[films], run=other)
    with pytest.raises(ConfigError, match="files: give at least one"):
        reconstruct(files=[], run=run)
