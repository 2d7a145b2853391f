"""The page on samplers: its code runs, and its tables name what there is."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from avssl import sampling
from avssl.sampling import RandomClip, Sampler, Stride, presets
from tests.pages import write_film

PAGE = (Path(__file__).parents[2] / "docs" / "sampling.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def films(tmp_path, monkeypatch):
    (tmp_path / "films").mkdir()
    for name in ("one", "two"):
        images = [np.full((48, 64, 3), number * 4, dtype=np.uint8) for number in range(60)]
        write_film(tmp_path / "films" / f"{name}.mp4", images)
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
