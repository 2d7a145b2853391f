"""Retrieval across picture and sound: by hand, against chance, and on a page where sounds play."""

import base64
import io
import wave
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from sounding import Toy

from avssl.config import ConfigError
from avssl.evaluation.sound.clips import Heard
from avssl.evaluation.sound.crossmodal import CrossModal
from avssl.evaluation.sound.direction import DIRECTIONS, Direction, chance_of, score_direction
from avssl.evaluation.sound.page import page_of
from avssl.methods import AVE, L3
from avssl.nets import SmallSound, SmallVision, SpectrogramSpec
from avssl.report.embedded import sound_data

ACROSS = Direction("picture", "sound")
SPEC = SpectrogramSpec(window=64, hop=32, fft=64, mels=16)


def heard(labels, items=None):
    count = len(labels)
    return Heard(
        frames=torch.randint(0, 255, (count, 1, 3, 8, 8), dtype=torch.uint8),
        sound=torch.randn(count, 1, 400) / 4,
        key=torch.zeros(count, 4, dtype=torch.int64),
        item=torch.tensor(items or list(range(count))),
        recording=torch.tensor(items or list(range(count))),
        clip=torch.zeros(count, dtype=torch.int64),
        label=torch.tensor(labels),
        paths=[f"{row}.mp4" for row in range(count)],
        silent=0.0,
        failures=[],
    )


def test_a_case_by_hand():
    """Queries 0 and 1 are of one class; 0 finds itself first, then the right one, 1 finds the wrong one first."""
    pictures = np.eye(3)
    sounds = np.array([[1.0, 0.2, 0.0], [0.5, 0.1, 0.0], [0.0, 0.9, 0.0]])
    found = score_direction({"picture": pictures, "sound": sounds}, heard([0, 0, 1]), ACROSS, ks=(1, 2))
    assert found["R@1"] == 0.5 and found["R@2"] == 1.0  # the third has no other of its class and does not count
    assert found["own R@1"] == pytest.approx(1 / 3)
    assert found["own R@2"] == pytest.approx(1 / 3)


def test_scores_equal_a_slow_writing():
    rng = np.random.default_rng(0)
    labels, items = rng.integers(0, 4, 40).tolist(), np.arange(20).repeat(2).tolist()
    data = heard(labels, items)
    space = {name: rng.standard_normal((40, 8)) for name in ("picture", "sound")}
    for direction in DIRECTIONS:
        precisions, hits = [], []
        for row in range(40):
            scores = [(space[direction.query][row] @ space[direction.gallery][other], -other) for other in range(40)]
            order = [-place for _, place in sorted(scores, reverse=True) if items[-place] != items[row]]
            right = [labels[other] == labels[row] for other in order]
            if any(right):
                precisions.append(np.mean(right[:10]))
                hits.append(any(right[:5]))
        found = score_direction(space, data, direction, ks=(5,))
        assert found["P@10"] == pytest.approx(np.mean(precisions)) and found["R@5"] == pytest.approx(np.mean(hits))


def test_random_embeddings_score_what_chance_says():
    rng = np.random.default_rng(1)
    data = heard(rng.integers(0, 8, 400).tolist())
    space = {name: rng.standard_normal((400, 64)) for name in ("picture", "sound")}
    for direction in DIRECTIONS:
        found, expected = score_direction(space, data, direction, (1, 10)), chance_of(data, direction, (1, 10))
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, abs=0.05), name


def made(kind, seed=0):
    torch.manual_seed(seed)
    return kind(SmallVision(widths=(4, 4, 8, 8)), SmallSound(widths=(4, 4, 8, 8), spec=SPEC))


def test_all_directions_and_rows_are_told_and_a_page_is_written():
    scores = CrossModal(Toy(), workers=0, ks=(1, 10), num_shown=2)(made(AVE), fresh=lambda seed: made(AVE, seed))
    rows = [(line["from"], line["row"]) for line in scores.table]
    assert ("picture to picture", "pixels") in rows and ("sound to sound", "log-mel") in rows
    assert ("picture to sound", "pixels") not in rows and len(rows) == 3 * 4 + 2
    assert scores.numbers["picture to picture/pixels/P@10"] > 0.0
    assert "From sound to picture" in scores.pages["sheet"]


class Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, value) for name, value in attrs if name in ("src", "href")]


def test_the_page_is_whole_in_itself_and_its_sounds_can_be_played():
    data = heard([0, 0, 1, 1, 1])
    space = {name: np.random.default_rng(0).standard_normal((5, 4)) for name in ("picture", "sound")}
    reader = Addresses()
    reader.feed(page_of(data, {"trained": space}, ["bell", "<drum>"], 8000, queries=2))
    assert {tag for tag, _ in reader.found} == {"img", "audio"}
    assert all(value.startswith("data:") for _, value in reader.found)


def test_a_sound_survives_as_a_file():
    samples = np.sin(np.arange(800) / 10)
    stored = base64.b64decode(sound_data(samples, 8000).partition(",")[2])
    with wave.open(io.BytesIO(stored)) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (8000, 800, 1)
        read = np.frombuffer(file.readframes(800), "<i2") / 32767
    np.testing.assert_allclose(read, samples, atol=1e-4)


def test_a_method_without_a_common_space_and_data_without_classes_are_refused():
    with pytest.raises(ValueError, match="L3 has no common space"):
        CrossModal(Toy(), workers=0)(made(L3), fresh=lambda seed: made(L3, seed))

    class Nameless(Toy):
        def __getitem__(self, key):
            return super().__getitem__(key) | {"label": -1}

    with pytest.raises(ValueError, match="recordings without a class"):
        CrossModal(Nameless(), workers=0)(made(AVE), fresh=lambda seed: made(AVE, seed))
    with pytest.raises(ConfigError, match=r"^evaluator\.ks: got \[1, 500\], and there are \d+ pairs to choose from"):
        CrossModal(Toy(), ks=(1, 500), workers=0)(made(AVE), fresh=lambda seed: made(AVE, seed))


def test_another_item_of_the_same_recording_answers_no_query():
    """Rows 0 and 1 are two pieces of one file, 2 is the only other of their class, and the farthest."""
    rows = heard([0, 0, 0, 1], items=[0, 1, 2, 3])
    rows = replace(rows, recording=torch.tensor([5, 5, 7, 9]))
    sounds = np.array([[1, 0.9, 0, 0], [0.9, 1, 0, 0], [0, 0, 1, 0], [0.5, 0.5, 0, 1]])
    vectors = {"picture": np.eye(4), "sound": sounds}
    found = score_direction(vectors, rows, ACROSS, (1,))
    assert found["R@1"] == pytest.approx(1 / 3)  # row 2 alone finds one of its class first
    assert chance_of(rows, ACROSS, (1,))["R@1"] == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
