"""Where an encoder looks, drawn and counted."""

import numpy as np
import pytest
from PIL import Image

from avssl.config import ConfigError
from avssl.data import Pictures
from avssl.evaluation import Attention
from avssl.nets import SmallNet
from tests.evaluation.worlds import Dots


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
    return tmp_path


def test_a_folder_of_pictures_is_drawn_beside_random_weights(folder):
    (folder / "broken.png").write_bytes(b"nothing")
    scores = Attention(Pictures(folder, on_bad="skip"), quiet=True, num_shown=None)(SmallNet(width=4, dim=8))
    assert set(scores.pictures) == {"conv3"} and scores.numbers == {}
    assert [row["row"] for row in scores.table] == ["random", "trained"]
    assert scores.notes[0].startswith("1 files could not be read") and "broken.png" in scores.notes[0]


@pytest.mark.parametrize("kind", ["activation", "occlusion"])
def test_with_key_points_peaks_are_counted_beside_centre_and_chance(kind):
    scores = Attention(Dots(4), kind=kind, initialisations=2, quiet=True)(SmallNet(width=4, dim=8))
    layer = "conv3" if kind == "activation" else "output"
    assert set(scores.numbers) == {
        f"{row}/pointing" for row in (f"random/{layer}", f"trained/{layer}", "centre", "chance")
    }
    assert all(0 <= value <= 1 for value in scores.numbers.values())
    assert len(scores.tables["items"]) == 8


def test_many_pictures_are_drawn_in_several_files():
    scores = Attention(Dots(5), layers=["conv1", "conv2"], num_shown=None, initialisations=1, quiet=True)(
        SmallNet(width=4)
    )
    assert set(scores.pictures) == {"conv1_000", "conv1_001", "conv2_000", "conv2_001"}


def test_settings_that_cannot_be_are_told():
    with pytest.raises(ValueError, match="side is a share"):
        Attention(Dots(2), side=2.0)
    with pytest.raises(ConfigError, match=r"layers: pool is a vector|has no layer 'pool'"):
        Attention(Dots(2), layers=["pool"], quiet=True)(SmallNet(width=4))
