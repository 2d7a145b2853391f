"""Few labels, what is left beside them, and pseudo-labels beside labelled items."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avssl.data import (
    DataError,
    Dataset,
    FewLabels,
    PseudoMasks,
    Relabelled,
    SceneCrops,
    Scenes,
    Some,
    Without,
    WithPseudoLabels,
)
from avssl.data.items import items_of, sources_of
from avssl.data.pseudo_masks import MaskWriter
from avssl.data.recordings import Recording


class Pictures(Dataset):
    """Pictures whose values say which they are, of three classes in turn."""

    def __init__(self, count, first=0):
        self.recordings = [Recording(path=Path(f"/p/{first + i}.png"), label=i % 3) for i in range(count)]
        self.classes, self.first = ["a", "b", "c"], first

    def __len__(self):
        return len(self.recordings)

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < len(self):
            raise IndexError(index)
        frames = torch.full((1, 1, 3, 4, 4), self.first + index, dtype=torch.uint8)
        label = self.recordings[index].label
        return {"frames": frames, "label": label, "path": str(index), "key": torch.tensor([0, epoch, index])}


def student(copies, labels=(0, 1, 2, 0, 1), ratio=2, count=3):
    pseudo = Relabelled(Pictures(5, 100), np.array(labels), np.array(copies, np.float32))
    return WithPseudoLabels(Pictures(count), pseudo, ratio, seed=4)


def test_few_labels_are_as_many_of_each_class_the_same_for_a_seed_and_nested():
    few, more = FewLabels(Pictures(60), each=2), FewLabels(Pictures(60), share=0.2)
    assert np.bincount(few.labels).tolist() == [2, 2, 2] and np.bincount(more.labels).tolist() == [4, 4, 4]
    assert set(few.places) < set(more.places) and FewLabels(Pictures(60), each=2).digest == few.digest
    assert FewLabels(Pictures(60), each=2, seed=1).digest != few.digest
    assert [few[i]["label"] for i in range(6)] == few.labels.tolist()
    assert few[2, 3]["key"].tolist() == [0, 2, 3] and few[3]["path"] == str(few.places[3])


def test_what_is_left_shares_no_file_with_what_was_taken():
    whole = Pictures(30)
    few, some = FewLabels(whole, each=3), Some(whole, count=4, seed=2)
    left = Without(whole, [few, some])
    assert not set(sources_of(left)) & (set(sources_of(few)) | set(sources_of(some)))
    assert len(left) == 30 - len({*few.places, *some.places})


def test_choices_that_cannot_be_are_refused_in_one_line():
    for call, said in (
        (lambda: FewLabels(Pictures(6), each=3), "class 0 has 2"),
        (lambda: FewLabels(Pictures(6)), r"a share in \(0, 1\] of each class"),
        (lambda: FewLabels(Pictures(6), share=0.0), r"a share in \(0, 1\]"),
        (lambda: FewLabels(Relabelled(Pictures(6), np.full(6, -1)), each=1), "none of the 6 items has a label"),
        (lambda: Some(Pictures(6), 7), "from 1 to the 6 items"),
        (lambda: Without(Pictures(6), [Pictures(9)]), "nothing is left of 6 items"),
        (lambda: student([0] * 5), "none of the 5 items with pseudo-labels counts"),
        (lambda: student([0.5] * 5), "whole numbers"),
    ):
        with pytest.raises(DataError, match=said) as found:
            call()
        assert "\n" not in str(found.value)


def test_each_item_has_a_labelled_one_first_and_others_as_often_as_their_weight_says():
    data = student([1, 0, 3, 1, 1])
    assert len(data) == 3
    for epoch in (0, 1):
        items = [data[epoch, index] for index in range(3)]
        shown = torch.stack([item["frames"][:, 0, 0, 0, 0] for item in items])
        assert shown[:, 0].sort().values.tolist() == [0, 1, 2]  # each labelled one before any comes again
        assert shown[:, 1:].flatten().sort().values.tolist() == [100, 102, 102, 102, 103, 104]
        for item, row in zip(items, shown.tolist(), strict=True):
            assert item["label"] == row[0] % 3
            assert item["pseudo"].tolist() == [(0, 1, 2, 0, 1)[place - 100] for place in row[1:]]
    assert not torch.stack([data[0, i]["frames"] for i in range(3)]).equal(
        torch.stack([data[1, i]["frames"] for i in range(3)])
    )


def test_a_look_is_the_same_whatever_was_asked_before():
    data, again = student([1, 0, 3, 1, 1]), student([1, 0, 3, 1, 1])
    wanted = [data[epoch, index] for epoch in range(3) for index in range(3)]
    for place in (8, 0, 4):
        found = again[divmod(place, 3)]
        assert all(
            value.equal(wanted[place][name]) if isinstance(value, torch.Tensor) else value == wanted[place][name]
            for name, value in found.items()
        )


def test_the_true_labels_of_the_others_are_nowhere_in_an_item():
    found = student([1] * 5, labels=(-1, -1, -1, -1, -1))[0]
    assert found["pseudo"].tolist() == [-1, -1] and set(found) == {"frames", "label", "path", "pseudo", "key"}


def test_the_digest_changes_with_the_labels():
    one, other = student([1] * 5), student([1] * 5, labels=(0, 1, 2, 0, 2))
    assert items_of(one)["digest"] != items_of(other)["digest"] and items_of(student([1] * 5)) == items_of(one)


@pytest.fixture
def scenes(tmp_path):
    """Return three pictures of different colours, two with a mask, left half 0 and right half 1."""
    lines = ["path,mask,split"]
    for number in range(3):
        Image.new("RGB", (8, 6), (number * 50, 0, 0)).save(tmp_path / f"{number}.png")
        mask = np.zeros((6, 8), np.uint8)
        mask[:, 4:] = 1
        Image.fromarray(mask).save(tmp_path / f"{number}_mask.png")
        lines.append(f"{number}.png,{f'{number}_mask.png' if number else ''},train")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return Scenes(tmp_path)


def with_masks(scenes):
    """Return the two pictures that have a mask."""
    one = next(one for one in (Some(scenes, 1, seed) for seed in range(20)) if one.places.tolist() == [0])
    return Without(scenes, [one])


@pytest.mark.parametrize("soft", [False, True])
def test_masks_that_were_written_are_read_and_pixels_nobody_is_sure_of_are_none(scenes, tmp_path, soft):
    writer = MaskWriter(tmp_path / "masks", scenes, soft)
    shares = np.zeros((2, 6, 8), np.float32)
    shares[0], shares[1] = 0.25, 0.75
    sure = np.zeros((6, 8), bool)
    sure[:2] = True
    for index in range(3):
        writer.add(index, shares, sure & (index > 0))
    with pytest.raises(DataError, match="does not exist; let a teacher label"):
        PseudoMasks(scenes, tmp_path / "masks")
    writer.finish()
    data = PseudoMasks(scenes, tmp_path / "masks")
    assert data.weights.tolist() == [0, 1, 1]
    item = data[1]
    if soft:
        assert item["shares"][1, :2].eq(item["shares"][1, 0, 0]).all() and not item["shares"][:, 2:].any()
        assert item["shares"][1, 0, 0].item() == pytest.approx(0.75, abs=3e-3) and "mask" not in item
    else:
        assert item["mask"][:2].eq(1).all() and item["mask"][2:].eq(255).all()
    both = WithPseudoLabels(SceneCrops(with_masks(scenes), (6, 8)), SceneCrops(data, (6, 8)))
    assert both[0]["pseudo"].shape == ((1, 2, 6, 8) if soft else (1, 6, 8)) and len(both) == 2
    with pytest.raises(DataError, match="masks of data of 3 items, and these have 2"):
        PseudoMasks(Some(scenes, 2), tmp_path / "masks")


def test_a_part_of_a_picture_has_the_part_of_its_mask(scenes):
    whole = scenes[1]["mask"]
    data = SceneCrops(with_masks(scenes), (4, 5), flip=True)
    seen = {data[epoch, 0]["mask"].numpy().tobytes() for epoch in range(20)}
    assert len(seen) > 2 and data[0]["frames"].shape == (1, 1, 3, 4, 5)
    assert all(np.frombuffer(one, np.uint8).max() <= whole.max() for one in seen)
    assert data[3, 0]["mask"].equal(data[3, 0]["mask"])


def test_pictures_without_a_mask_are_refused_where_one_is_learned_from(scenes):
    with pytest.raises(DataError, match=r"0\.png has no mask"):
        SceneCrops(scenes, (4, 4))[0]
    with pytest.raises(DataError, match="a crop of at least 1 pixel"):
        SceneCrops(scenes, (0, 4))
