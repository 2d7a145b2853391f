"""The page on samplers: its code runs, and its tables name what there is."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from avssl import sampling
from avssl.sampling import RandomClip, Sampler, Stride, presets

PAGE = (Path(__file__).parents[2] / "docs" / "sampling.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def write_film(path, frames=60, rate=25):
    """Write a small film with sound."""
    with av.open(str(path), "w") as file:
        picture, sound = file.add_stream("mpeg4", rate=rate), file.add_stream("aac", rate=16000)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            image = np.full((48, 64, 3), number * 4, dtype=np.uint8)
            file.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        wave = np.sin(np.arange(16000 * frames // rate) * 0.1).astype(np.float32)
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, start
            file.mux(sound.encode(frame))
        file.mux(picture.encode())
        file.mux(sound.encode())


@pytest.fixture
def films(tmp_path, monkeypatch):
    (tmp_path / "films").mkdir()
    for name in ("one", "two"):
        write_film(tmp_path / "films" / f"{name}.mp4")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("films")
def test_the_code_of_the_page_runs_from_top_to_bottom():
    names: dict = {"__name__": "page"}
    found = blocks("python")
    assert len(found) >= 7
    for number, code in enumerate(found, start=1):
        exec(compile(code, f"docs/sampling.md, block {number}", "exec"), names)
    assert names["clips"].index.shape == (2, 16)


def test_the_config_of_the_page_says_what_it_means():
    settings = yaml.safe_load(blocks("yaml")[0])["sampler"]
    kind = getattr(sampling, settings.pop("name"))
    settings["stride"] = Stride.parse(settings["stride"])
    assert kind(**settings) == RandomClip(frames=16, stride=sampling.fps(8))


@pytest.mark.parametrize("module", [sampling, presets])
def test_the_tables_name_every_public_sampler_and_no_other(module):
    kinds = {name for name in module.__all__ if isinstance(getattr(module, name), type)}
    kinds = {name for name in kinds if issubclass(getattr(module, name), Sampler)} - {"Sampler"}
    first_cells = " ".join(re.findall(r"^\| (`[A-Z].*?) \|", PAGE, flags=re.MULTILINE))
    named = set(re.findall(r"`(\w+)", first_cells))
    assert kinds <= named
    assert all(hasattr(sampling, name) or hasattr(presets, name) for name in named)


def test_the_table_of_samplers_names_every_argument():
    for name, arguments in re.findall(r"^\| `(\w+)\((.*?)\)`", PAGE, flags=re.MULTILINE):
        assert arguments.split(", ") == list(getattr(sampling, name).__dataclass_fields__), name
