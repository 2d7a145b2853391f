"""The recipes of papers: their numbers as the authors' released code has them, and as settings."""

import pytest

from avssl.config import describe, make
from avssl.transforms import MultiView, recipes

JITTER = ("brightness", "contrast", "saturation", "hue")


def told(recipe):
    """Return the steps of a recipe in short: a name and its numbers."""
    lines = []
    for step in map(describe, recipe):
        match step["name"]:
            case "RandomResizedCrop":
                lines.append(f"crop {step['size']} {step['scale'][0]}-{step['scale'][1]}")
                assert step["ratio"] == pytest.approx([3 / 4, 4 / 3])
            case "ColorJitter":
                lines.append(f"jitter {' '.join(str(step[name]) for name in JITTER)} p {step['chance']}")
            case "GaussianBlur":
                lines.append(f"blur {step['sigma'][0]}-{step['sigma'][1]} p {step['chance']}")
                assert step["kernel"] is None
            case "Solarize":
                lines.append(f"solarize {step['threshold']} p {step['chance']}")
            case "RandAugment":
                lines.append(f"rand {step['num_ops']} {step['magnitude']} p {step['chance']}")
            case name:
                lines.append(f"{name.lower()} p {step['chance']}")
        assert step["scope"] == "tuple"
    return lines


SWAV = ["flip p 0.5", "jitter 0.8 0.8 0.8 0.2 p 0.8", "grey p 0.2", "blur 0.1-2.0 p 0.5"]
BYOL = ["crop 224 0.08-1.0", "flip p 0.5", "jitter 0.4 0.4 0.2 0.1 p 0.8", "grey p 0.2"]


@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("moco_v1", [["crop 224 0.2-1.0", "grey p 0.2", "jitter 0.4 0.4 0.4 0.4 p 1.0", "flip p 0.5"]] * 2),
        (
            "moco_v2",
            [["crop 224 0.2-1.0", "jitter 0.4 0.4 0.4 0.1 p 0.8", "grey p 0.2", "blur 0.1-2.0 p 0.5", "flip p 0.5"]]
            * 2,
        ),
        ("simclr", [["crop 224 0.08-1.0", *SWAV]] * 2),
        (
            "byol",
            [
                [*BYOL, "blur 0.1-2.0 p 1.0", "solarize 0.5 p 0.0"],
                [*BYOL, "blur 0.1-2.0 p 0.1", "solarize 0.5 p 0.2"],
            ],
        ),
        ("swav", [["crop 224 0.14-1.0", *SWAV]] * 2 + [["crop 96 0.05-0.14", *SWAV]] * 6),
        ("infomin", [["crop 224 0.2-1.0", *SWAV[:2], SWAV[3], "rand 2 30 p 0.5", SWAV[2]]] * 2),
        ("rho", [["crop 224 0.2-0.766", "flip p 0.5", "jitter 0.6 0.6 0.6 0.15 p 0.8", *SWAV[2:]]] * 2),
    ],
)
def test_a_recipe_has_the_numbers_of_its_paper(name, views):
    assert [told(recipe) for recipe in getattr(recipes, name)()] == views


def test_sizes_counts_and_strengths_can_be_set():
    assert len(recipes.rho(views=4)) == 4
    assert [told(recipe)[0] for recipe in recipes.swav(size=32, small=16, views=1, small_views=2)] == [
        "crop 32 0.14-1.0",
        "crop 16 0.05-0.14",
        "crop 16 0.05-0.14",
    ]
    cifar = told(recipes.simclr(size=32, strength=0.5, blur=False)[0])
    assert cifar == ["crop 32 0.08-1.0", "flip p 0.5", "jitter 0.4 0.4 0.4 0.1 p 0.8", "grey p 0.2"]


@pytest.mark.parametrize("name", ["moco_v1", "moco_v2", "simclr", "byol", "swav", "infomin", "rho"])
def test_views_can_be_written_as_settings_and_read_back(name):
    settings = describe(MultiView(getattr(recipes, name)(size=32)))
    assert describe(make(settings, MultiView)) == settings
