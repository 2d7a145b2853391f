"""Any batch: a dict or a tensor alone, uint8 or float in [0, 1], with keys or without."""

import pytest
import torch
from every import ITEMS, MAKE, MOVING, OF_LABELS, SIDE, SOUNDING, Items, make

from avssl import methods
from avssl.data.batches import collate
from avssl.methods import Rotation, RotationDecoupling, SeveralTasks, ShuffleAndLearn
from avssl.methods.inputs import as_batch, owners_of, pictures_of, to_float
from avssl.methods.recordings import count, in_company
from avssl.nets import SmallNet
from avssl.training.step import agree

OF_PICTURES = sorted(MAKE.keys() - set(SOUNDING) - MOVING.keys())
OF_FRAMES = [*OF_PICTURES, *sorted(MOVING.keys() - set(SOUNDING))]
FORGETTING = [name for name in OF_PICTURES if name not in OF_LABELS and not getattr(methods, name).remembers]


def batch_of(name):
    return collate([Items(name)[0, index] for index in range(ITEMS)])


def pictures():
    return torch.randint(0, 256, (4, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", OF_FRAMES)
def test_floats_in_0_to_1_are_what_uint8_is(name):
    batch = batch_of(name)
    found = []
    for frames in (batch["frames"], batch["frames"].float() / 255):
        torch.manual_seed(0)
        found.append(make(name)(batch | {"frames": frames}))
    assert found[0].keys() == found[1].keys()
    for key, value in found[0].items():
        torch.testing.assert_close(found[1][key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FORGETTING)
def test_a_tensor_alone_is_learned_from_and_the_seed_of_torch_fixes_its_draws(name):
    found = []
    for seed in (1, 1, 2):
        method = make(name)
        torch.manual_seed(seed)
        found.append({key: float(value.detach()) for key, value in method(pictures()).items()})
    assert found[0] == found[1]
    assert "loss" in found[0]


def test_draws_without_keys_differ_with_the_seed_of_torch():
    keys = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        keys.append(as_batch(pictures())["key"])
    assert keys[0].equal(keys[1]) and not keys[0].equal(keys[2])
    assert keys[0][:, 2].tolist() == [0, 1, 2, 3]


def test_clips_alone_are_tuples_of_frames():
    clips = torch.rand(3, 5, 3, 32, 32)
    method = ShuffleAndLearn(SmallNet(dim=16, width=4), hidden=16).eval()
    key = torch.tensor([[0, 0, index] for index in range(3)])
    whole = method({"frames": clips[:, None], "key": key})
    alone = method(clips)
    assert alone.keys() == whole.keys()
    torch.testing.assert_close(alone["loss"], whole["loss"])  # nothing is drawn in evaluation
    found = method.measure([clips, clips])
    assert found == pytest.approx(method.measure([{"frames": clips, "key": key}] * 2))


def test_measuring_takes_tensors_alone_and_weighs_them_by_their_items():
    method = Rotation(SmallNet(dim=16, width=4)).eval()
    frames = torch.rand(5, 3, 16, 16)
    whole = method.measure([{"frames": frames, "key": torch.zeros(5, 3).long()}])
    assert method.measure([frames[:3], frames[3:]]) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("high", [255.0, 1.5])
@pytest.mark.parametrize("name", OF_FRAMES)
def test_floats_outside_0_to_1_are_refused_in_one_line(name, high):
    batch = batch_of(name)
    with pytest.raises(ValueError, match=r"^frames are uint8, or float in \[0, 1\]; got values from .* to .*; do not"):
        make(name)(batch | {"frames": batch["frames"].float() / 255 * high})


def test_normalised_pictures_are_refused_and_what_is_no_number_is_left_to_the_loop():
    with pytest.raises(ValueError, match="got values from -2 to 1"):
        to_float(torch.tensor([-2.0, 1.0]))
    with pytest.raises(ValueError, match=r"got torch\.int64"):
        to_float(torch.tensor([0, 255]))
    assert to_float(torch.tensor([0.5, torch.nan])).isnan().tolist() == [False, True]
    assert to_float(torch.tensor([0.25], dtype=torch.float64)).dtype == torch.float32
    assert to_float(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 4, 4)


@pytest.mark.parametrize(
    ("batch", "complaint"),
    [
        ([torch.rand(2, 3, 8, 8), torch.zeros(2)], "a batch is a tensor of pictures or clips, or a dict .*; got list"),
        ({"image": torch.rand(2, 3, 8, 8)}, "with such a tensor as frames; got a dict of image"),
        (torch.rand(2, 8, 8, 3), r"frames are pictures \(N, 3, H, W\), clips .*; got \(2, 8, 8, 3\)"),
        (torch.rand(2, 3, 4, 8, 8), r"clips \(N, frames, 3, H, W\) .*; got \(2, 3, 4, 8, 8\)"),
        ({"frames": torch.rand(2, 3, 8, 8), "key": torch.zeros(3, 3).long()}, "a row for each of 2 items; got .*3, 3"),
        ({"frames": torch.rand(2, 3, 8, 8), "key": torch.zeros(2, 3)}, "key is int64 .*; got torch.float32"),
    ],
)
def test_what_is_no_batch_is_refused_in_one_line(batch, complaint):
    with pytest.raises(ValueError, match=complaint):
        pictures_of(batch)


def test_a_memory_of_items_is_not_filled_by_places_of_a_batch():
    method = RotationDecoupling(SmallNet(dim=16, width=4), pictures=9, noise=4, dim=4)
    before = method.bank.rows.clone()
    with pytest.raises(ValueError, match=r"remembers each item by its number, and the batch has none: give it as"):
        method.train()(pictures())
    assert method.bank.rows.equal(before)
    assert "loss" in method.eval()(pictures())


def test_without_keys_every_item_is_a_recording_of_its_own():
    assert owners_of({"frames": torch.rand(3, 2, 3, 8, 8)}).tolist() == [0, 0, 1, 1, 2, 2]
    assert count({"frames": pictures()}) == 4 and count(pictures()) == 4 and count({"failures": []}) == 0
    lone = list(in_company([torch.rand(2, 3, 8, 8), torch.rand(1, 3, 8, 8)]))
    assert [len(batch) for batch in lone] == [3]


def test_batches_without_keys_are_learned_from_by_methods_that_need_company():
    class Alone:
        world_size = 1

    batches = [{"frames": pictures()}, {"failures": []}, {"frames": pictures()[:1]}]
    assert agree(Alone(), 0, batches, least=2)[1] == batches[:1]


def test_the_task_of_a_step_does_not_hang_on_the_chance_of_a_process():
    def net():
        return SmallNet(dim=16, width=4)

    several = SeveralTasks([Rotation(net()), Rotation(net())])
    drawn = set()
    for seed in range(20):
        torch.manual_seed(seed)
        drawn.add(several.drawn(pictures()))
    assert len(drawn) == 1
