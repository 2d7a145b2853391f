"""What is of one recording is never told from itself: items that stand twice in a batch, share a file, or a group."""

from itertools import islice

import pytest
import torch
from every import Items, make

from avssl.data import Endless, collate
from avssl.methods.banks import own_noise
from avssl.methods.inputs import owners_of
from avssl.methods.pretext.jigsaw_plus_plus import foreign_tiles
from avssl.methods.pretext.rotation_decoupling import recall
from avssl.methods.recordings import in_company, recordings_of
from avssl.methods.sound.nce import relations
from avssl.methods.sound.pairs import measure_pairs, pairs_of, partners, turns, verify_pairs
from avssl.methods.sound.shifts import moments_of, negatives_of
from avssl.transforms import Draws


def batch_of(keys, name="L3", **about):
    made = collate([Items(name)[key] for key in keys])
    return made | about


TWICE = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 3)]  # item 0 stands there twice: an epoch ends in the batch


def test_items_are_of_one_recording_by_index_file_or_group():
    plain = recordings_of(batch_of(TWICE))
    assert plain[0] == plain[3] and len(plain.unique()) == 4
    pieces = recordings_of(batch_of(TWICE, path=["a.mp4", "b.mp4", "a.mp4", "a.mp4", "c.mp4"]))
    assert pieces[0] == pieces[2] == pieces[3] and len(pieces.unique()) == 3
    films = recordings_of(batch_of(TWICE, group=["x", "x", "y", "x", ""]))
    assert films[0] == films[1] == films[3] and len(films.unique()) == 3
    assert torch.equal(recordings_of(batch_of(TWICE)), plain)  # the same whatever the batch and the process


@pytest.mark.parametrize(("size", "batch"), [(3, 8), (20, 24), (2, 3)])
def test_no_sound_of_another_recording_is_the_pictures_own_where_data_are_fewer_than_the_batch(size, batch):
    draws = list(islice(Endless(size, 0), batch * 50))
    for step in range(50):
        key = torch.tensor([[0, epoch, index, 0] for epoch, index in draws[step * batch : (step + 1) * batch]])
        if len(key[:, 2].unique()) < 2:
            continue
        found = partners(key, torch.arange(batch))
        assert found.sort().values.tolist() == list(range(batch))
        most = int(key[:, 2].bincount().max())
        assert int((key[found, 2] == key[:, 2]).sum()) == max(0, 2 * most - batch)  # those that cannot have another's


def test_further_partners_are_others_too_and_each_is_another():
    key = torch.tensor([[0, 0, index, clip] for index in (0, 1, 2, 3, 0) for clip in range(2)])
    rounds = turns(key, key[:, 2])
    found = torch.stack([partners(key, key[:, 2], places) for places in range(1, rounds + 1)])
    assert rounds == 10 // 4 - 1 and (key[found, 2] != key[:, 2]).all()
    with pytest.raises(ValueError, match=f"places must be 1 to {rounds} in a batch of 4 recordings"):
        partners(key, key[:, 2], rounds + 1)


def test_pairs_left_with_their_own_sound_count_neither_as_true_nor_as_false():
    pairs = pairs_of(batch_of([(0, 0), (1, 0), (2, 0), (0, 1)]), (), train=False)
    rows = torch.arange(4.0)
    seen = []

    def decide(pictures, sounds):
        seen.append((pictures, sounds))
        return torch.where(pairs.recording[pictures.long()] == pairs.recording[sounds.long()], 5.0, -5.0)

    found = verify_pairs(decide, rows, rows, pairs)
    assert found["accuracy"] == 1 and found["loss"] < 0.01
    scores = measure_pairs(
        lambda pictures, sound: torch.ones(len(sound)), [batch_of([(0, 0), (1, 0), (2, 0), (0, 1)])], ()
    )
    assert scores["alone"] == pytest.approx(0.5) and scores["accuracy"] == 0.5


@pytest.mark.parametrize("shift", ["ignored", "variant", "invariant"])
def test_a_recording_that_stands_twice_in_a_batch_is_no_negative_of_itself(shift):
    key = torch.tensor([[0, epoch, index, clip] for epoch, index in TWICE for clip in range(2)])
    films = torch.tensor([0, 0, 1, 1, 1, 1, 0, 0, 3, 3])  # items 1 and 2 are of one film
    positive, counted = relations(key, torch.zeros(10, dtype=torch.bool), shift, "none", films)
    negative = counted & ~positive
    same = films[:, None] == films
    if shift == "variant":  # other windows of the same look are, by choice
        look = (key[:, None, 1:3] == key[None, :, 1:3]).all(2)
        assert torch.equal(negative & same, look & ~torch.eye(10, dtype=torch.bool))
    else:
        assert not (negative & same).any()
    assert torch.equal(negative & ~same, ~same) and positive.diagonal().all()


def test_windows_of_the_same_film_are_no_easy_false_pairs():
    batch = batch_of([(0, 0), (0, 1), (0, 2), (1, 0)], "AVTS", group=["film", "film", "", "film"])
    pairs = pairs_of(batch, (), train=False)
    found = negatives_of(pairs, moments_of(batch), gap=0.0, least=0.2)
    same = pairs.recording[:, None] == pairs.recording
    assert torch.equal(found["easy"], ~same)
    item = pairs.key[:, 2, None] == pairs.key[None, :, 2]
    assert found["hard"].any() and not (found["hard"] & ~item).any()


def test_entries_of_the_own_film_are_no_noise_of_a_bank():
    owners = torch.tensor([-1, 7, 7, 9])
    entries = torch.tensor([[1, 2, 3, 0], [3, 1, 2, 0]])
    mine = own_noise(owners, entries[:, 0], torch.tensor([7, 9]), entries, known=True)
    assert mine.tolist() == [[True, True, False, False], [True, False, False, False]]


@pytest.mark.parametrize("noise", [None, 16])
def test_rotation_decoupling_does_not_tell_a_picture_from_its_own_film(noise):
    from avssl.methods import RotationDecoupling
    from avssl.nets import SmallNet

    torch.manual_seed(0)
    method = RotationDecoupling(SmallNet(dim=8, width=2), pictures=3, noise=noise, dim=4)
    key = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 0]])
    with torch.no_grad():
        method.bank.rows[1] = method.bank.rows[0]  # pieces of one film look alike
    means = torch.randn(2, 4)
    method.contrast(means, key, torch.tensor([5, 5]))
    assert method.owners.tolist() == [5, 5, -1]
    method.bank.rows.copy_(torch.nn.functional.normalize(torch.ones(3, 4), dim=1))
    same = method.contrast(means, key, torch.tensor([5, 5]))
    method.bank.rows.copy_(torch.nn.functional.normalize(torch.ones(3, 4), dim=1))
    others = method.contrast(means, key, torch.tensor([5, 6]))
    assert same < others


def test_the_same_picture_twice_does_not_answer_for_itself():
    copies = torch.randn(2, 4, 3)
    assert recall(torch.cat([copies, copies + 1e-4]), torch.tensor([0, 1, 0, 1])) == recall(copies)


def test_foreign_tiles_are_of_another_recording():
    batch = batch_of([(0, 0), (0, 1), (1, 0), (0, 2)], "JigsawPlusPlus", group=["film", "film", "film", ""])
    owners = owners_of(batch)
    key = torch.cat([batch["key"], torch.zeros(4, 1, dtype=torch.int64)], 1)
    swaps = foreign_tiles(Draws(key), owners, torch.zeros(4, dtype=torch.bool), puzzles=20, most=2)
    given = swaps.places.any(2)
    assert given.any() and (owners[swaps.donors] != owners[:, None])[given].all()
    with pytest.raises(ValueError, match="all here are of one recording"):
        make("JigsawPlusPlus")(batch_of([(0, 0), (0, 1)], "JigsawPlusPlus", group=["film", "film"]))


def test_older_checkpoints_without_owners_load():
    for name in ("bank", "CMA", "RotationDecoupling"):
        method = make(name)
        state = {key: value for key, value in method.state_dict().items() if not key.endswith("owners")}
        assert len(state) < len(method.state_dict())
        method.load_state_dict(state)


def test_lone_batches_join_their_neighbours():
    def sizes(*counts):
        items = iter([Items("Rotation", 99)[index] for index in range(sum(counts))])
        return [len(batch["path"]) for batch in in_company(collate([next(items) for _ in range(n)]) for n in counts)]

    assert sizes(4, 1) == [5] and sizes(1, 4) == [5] and sizes(4, 4, 1) == [4, 5] and sizes(3, 3) == [3, 3]
    assert sizes(1, 1, 1) == [3] and sizes(*[1] * 6) == [2, 2, 2] and sizes(1) == [1] and sizes() == []


def test_a_lone_batch_of_another_size_comes_as_it_is():
    large = batch_of([(0, 0), (0, 1)])
    small = batch_of([(0, 2)])
    small["frames"] = small["frames"][..., :16, :16]
    assert [len(batch["path"]) for batch in in_company([large, small])] == [2, 1]
    assert [len(batch["path"]) for batch in in_company([small, large])] == [1, 2]
