"""The attentive probe finds what is in one cell anywhere, and chooses its learning rate on training labels alone."""

import numpy as np
import pytest
import torch

from avssl.evaluation.probes import Attentive, Labels
from avssl.evaluation.probes.attentive import standardised_cells


def hidden_sign(count, seed):
    """Return maps in which one cell of nine, anywhere, is loud and says the class; and the classes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(2, size=count)
    maps = rng.normal(0, 0.3, (count, 6, 9)).astype(np.float32)
    place = rng.integers(9, size=count)
    maps[:, 1] = 2.0 * rng.choice([-1, 1], (count, 9))  # all cells speak, at random
    maps[np.arange(count), 1, place] = 2.0 * (2 * label - 1)
    maps[np.arange(count), 0, place] = 4.0  # whom to listen to
    return maps.reshape(count, 6, 3, 3), Labels(label, None, ("no", "yes"))


def test_what_one_cell_says_is_found_where_the_mean_of_all_hides_it():
    train, labels = hidden_sign(400, 0)
    test, truth = hidden_sign(200, 1)
    probe = Attentive(lrs=(1e-2,), steps=150, heads=1)
    right = (probe(train, labels, test, seed=0).argmax(1) == truth.one).mean()
    means = (probe(train.mean((2, 3)), labels, test.mean((2, 3)), seed=0).argmax(1) == truth.one).mean()
    assert right > 0.9 and means < 0.8


def test_the_rate_is_chosen_on_training_labels_and_the_protocol_says_so(monkeypatch):
    train, labels = hidden_sign(60, 0)
    probe, learned = Attentive(lrs=(3e-3, 1e-9), steps=60, heads=2), []
    fit = probe.fit
    monkeypatch.setattr(probe, "fit", lambda cells, *rest: learned.append((len(cells), rest[1])) or fit(cells, *rest))
    probe(train, labels, np.full((3, 6, 3, 3), 99.0, np.float32), seed=0)
    assert [lr for _, lr in learned][:2] == [1e-9, 3e-3] and learned[-1] == (60, 3e-3)
    assert all(count < 60 for count, _ in learned[:2])
    assert "0.2 of the training labels" in probe.settings()["learning rate chosen"]


def test_the_same_seed_gives_the_same_scores_and_the_callers_chance_stays():
    train, labels = hidden_sign(20, 0)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, other = (Attentive(steps=5, lrs=(1e-3,))(train, labels, train, seed=1) for _ in range(2))
    assert np.array_equal(one, other) and torch.random.get_rng_state().equal(before)


def test_several_labels_an_item_may_be_unknown():
    rng = np.random.default_rng(0)
    table = rng.integers(0, 2, (12, 3)).astype(float)
    table[0, 0] = np.nan
    found = Attentive(steps=3, lrs=(1e-3,))(
        rng.normal(size=(12, 5, 2, 2)), Labels(None, table, ("a", "b", "c")), rng.normal(size=(4, 5, 2, 2)), seed=0
    )
    assert found.shape == (4, 3) and np.isfinite(found).all()


def test_vectors_are_one_cell_and_what_never_varies_is_0():
    train = np.stack([np.arange(4.0), np.full(4, 7.0)], 1)
    known, asked = standardised_cells(train, train + 1)
    assert known.shape == (4, 1, 2) and known[..., 1].eq(0).all() and asked[..., 1].eq(0).all()
    torch.testing.assert_close(known[..., 0].std(correction=0), torch.tensor(1.0), atol=2e-3, rtol=0)


@pytest.mark.parametrize("wrong", [{"lrs": ()}, {"lrs": (0.0,)}, {"held_out": 1.0}, {"heads": 0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="needs learning rates"):
        Attentive(**wrong)
