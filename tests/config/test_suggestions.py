"""What is wrong is answered with what is nearest: keys at any depth, choices, configs wherever they lie."""

from pathlib import Path

import pytest

from avssl.config import ConfigError, plan, read
from avssl.config.finding import find
from avssl.config.overrides import lay_as_given

CONFIG = Path(__file__).parents[2] / "configs" / "shuffle_learn.yaml"


def complaint(*words):
    settings = read(CONFIG)
    for word in words:
        lay_as_given(settings, word)
    with pytest.raises(ConfigError) as error:
        plan("avssl.training", "train", settings)
    return str(error.value)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("stps=1", "stps: unknown (did you mean 'steps'?); train takes "),
        ("lr=0.1", "lr: unknown (did you mean 'optim.lr'?); train takes "),
        ("encoder.dim=3", "encoder: unknown (did you mean 'method.encoder'?); train takes "),
        ("method.lr=1", "method.lr: unknown (did you mean 'optim.lr'?); ShuffleAndLearn takes "),
        ("wieght_decay=1", "wieght_decay: unknown (did you mean 'optim.weight_decay'?)"),
        ("data.sampler.width=3", "data.sampler.width: unknown (did you mean 'method.encoder.width'?); OrderedFrames"),
        ("method.encoder.dmi=3", "method.encoder.dmi: unknown (did you mean 'dim'?); SmallNet takes"),
        ("method.views.1.prob=3", "method.views.1.prob: unknown"),
        ("zzzz=1", "zzzz: unknown; train takes"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_at_any_depth(word, told):
    assert complaint(word).startswith(told)


def test_of_several_places_the_least_deep_come_first():
    assert complaint("size=[3, 3]").startswith(
        "size: unknown (did you mean 'data.size' or 'held_out.size' or 'method.views.0.size'?); train takes"
    )


@pytest.mark.parametrize("word", ["optim=Nothing", "method.encoder=3", "held_out={}", "schedule=null"])
def test_an_unknown_key_beside_other_odd_settings_is_told_in_one_line(word):
    assert complaint(word, "lrate=1").startswith("lrate: unknown")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("precision=16", "'32-true', '16-mixed', 'bf16-mixed', '16-true' or 'bf16-true'"),
        ("accelerator=tpu", "'auto', 'cpu', 'gpu', 'cuda' or 'mps'"),
        ("devices=some", "'auto'"),
        ("schedule=Linear", "there is Constant, Cosine, OneCycle, Step"),
        ("method.head=deep", "'relation', 'mlp' or 'linear'"),
    ],
)
def test_a_wrong_choice_is_answered_with_all_there_are(word, told):
    assert told in complaint(word)


def test_a_missing_config_is_answered_with_the_nearest_beside_it_and_of_the_project(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    for name in ("banana.yaml", "configs/mine_at_home.yml"):
        (tmp_path / name).write_text("steps: 1\n")
    monkeypatch.chdir(tmp_path)
    for word, near in (
        (str(tmp_path / "bananna.yaml"), str(tmp_path / "banana.yaml")),
        ("bannana.yaml", "banana.yaml"),
        ("mine_at_hom", "configs/mine_at_home.yml"),
        ("nowhere/shufle_learn.yaml", "shuffle_learn"),
    ):
        with pytest.raises(ConfigError) as error:
            find(word)
        assert f"there is no such config (did you mean {near!r}?); " in str(error.value)
