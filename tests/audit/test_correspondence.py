"""The audit of correspondence tells those that know their place from those that do not."""

import pytest
import torch

from avssl.audit.correspondence import audit_correspondence
from avssl.audit.matching import ask, controls
from avssl.config import ConfigError
from avssl.data import Dataset
from avssl.methods import RandomWalk
from avssl.nets import MapNet
from avssl.training import SGD


class Placed(MapNet):
    """A net whose maps hold where cells lie."""

    def taps(self, images, layers, whole=True):
        found = super().taps(images, layers, whole)
        (name,) = layers
        height, width = found[name].shape[-2:]
        place = torch.eye(found[name].shape[1], height * width).reshape(-1, height, width)
        found[name] = found[name] * 0.1 + 5 * place
        return found


class Films(Dataset):
    def __init__(self, size=6):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, key):
        epoch, index = key
        frame = torch.randint(0, 256, (3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(index))
        frames = torch.stack([frame.roll(4 * time, 2) for time in range(3)])[None]
        return {"frames": frames, "valid": torch.ones(1, 3, dtype=torch.bool), "key": torch.tensor([0, epoch, index])}


def walk(kind=MapNet, **settings):
    torch.manual_seed(0)
    return RandomWalk(kind(dim=36, width=4), layer="conv3", dim=36, **settings)


def clips():
    return torch.rand(6, 3, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def test_a_net_that_knows_its_places_is_flagged_and_patches_are_cleared():
    shown = controls(clips(), 0)
    whole = ask(walk(Placed, patch=None, stride=4), shown["noise"], "conv3")
    assert whole.leaks and whole.match > 0.9 and whole.chance == pytest.approx(1 / 36)
    patches = ask(walk(Placed, patch=12, stride=4), shown["noise"], "conv3")
    assert not patches.leaks and patches.match < 0.25 and patches.chance == pytest.approx(1 / 16)


def test_controls_leave_what_their_names_say():
    films, shown = clips(), controls(clips(), 0)
    assert shown["static"].std(1).max() == 0 and shown["reversed"][:, 0].equal(films[:, 2])
    assert shown["other videos"][0, 2].equal(films[2, 2]) and shown["other videos"][5, 1].equal(films[0, 1])
    assert shown["grey"].std(2).max() < 1e-6 and shown["hue turned"][:, :, 0].equal(films[:, :, 2])
    noise = shown["noise"]
    assert len(noise) >= 24 and abs(torch.corrcoef(noise[:, :2].movedim(1, 0).flatten(1))[0, 1]) < 0.02


def test_static_clips_come_home_and_unrelated_frames_do_not():
    method, shown = walk(patch=8, stride=8), controls(clips(), 0)
    static, other = (ask(method, shown[name], "conv3") for name in ("static", "other videos"))
    assert static.match == 1 and other.match < 0.4


def test_the_table_is_written_and_random_weights_stand_beside(tmp_path, capsys):
    settings = {"data": Films(), "held_out": Films(), "optim": SGD(lr=0.01), "accelerator": "cpu", "workers": 0}
    found = audit_correspondence(
        method=walk(patch=8, stride=8), out=tmp_path, rounds=2, batch_size=2, items=4, **settings
    )
    assert found["static/trained/match"] == 1 and found["leak"] == 0 and 0 <= found["noise/random/match"] <= 1
    assert "places are not known" in capsys.readouterr().out and (tmp_path / "correspondence.csv").is_file()
    with pytest.raises(ConfigError, match="held_out: 2 clips of 3 frames"):
        audit_correspondence(method=walk(patch=8), out=tmp_path, rounds=1, items=2, **settings)
