"""A run says when its data grew, shrank or changed, and moving a folder is no change."""

import time
from pathlib import Path

import pytest
import torch
from training_fakes import Dots, run, toy

from avssl.data.items import items_of
from avssl.data.recordings import Recording
from avssl.training import TrainingError
from avssl.training.items import change_of


def listed(names="abcdef", folder="/data/films", label=0):
    """Return dots that say which files they read; their settings say nothing of it, as those of a folder."""
    data = Dots()
    data.size = len(names)
    data.recordings = [Recording(path=Path(folder) / "x" / f"{name}.mp4", label=label) for name in names]
    return data


def begun(out, data=None, **settings):
    return run(out, data=data or listed(), measure_every=99, save_every=99, **settings)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("abcdefgh", r"begun with data of 6 items, and now there are 8; set on_changed_data=go-on to go on with"),
        ("abcd", r"begun with data of 6 items, and now there are 4; set on_changed_data=go-on"),
        (
            "abcdeg",
            r"begun with data of 6 items, and now there are 6 others: names, labels or their order differ; set",
        ),
        ("abcdfe", r"6 others: names, labels or their order differ"),
    ],
)
def test_data_that_grew_shrank_or_changed_are_told_and_refused(tmp_path, names, told, capsys):
    begun(tmp_path, steps=2)
    with pytest.raises(TrainingError, match=told) as error:
        begun(tmp_path, listed(names), steps=3)
    assert "\n" not in str(error.value)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 2
    begun(tmp_path, listed(names), steps=3, on_changed_data="go-on")
    assert "it goes on with what there is now" in capsys.readouterr().out.replace("\n", " ")
    begun(tmp_path, listed(names), steps=4)  # from then on these are the data


def test_a_folder_that_was_moved_is_the_same_data(tmp_path):
    begun(tmp_path, steps=1)
    begun(tmp_path, listed(folder="/elsewhere/of/mine"), steps=2)
    with pytest.raises(TrainingError, match="6 others"):
        begun(tmp_path, listed(label=1), steps=3)


def test_held_out_data_that_changed_are_a_warning(tmp_path, capsys):
    begun(tmp_path, steps=1, held_out=listed("abc"))
    begun(tmp_path, steps=2, held_out=listed("abcd"))
    assert "begun with held_out of 3 items, and now there are 4; it goes on" in capsys.readouterr().out


def test_checkpoints_from_before_there_was_a_digest_go_on(tmp_path):
    begun(tmp_path, steps=1)
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del saved["items"]
    torch.save(saved, tmp_path / "last.ckpt")
    begun(tmp_path, listed("abc"), steps=2)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["items"]["data"]["count"] == 3


def test_methods_that_remember_items_by_number_do_not_go_on_with_others(tmp_path):
    method = toy()
    method.remembers = True
    with pytest.raises(TrainingError, match=r"Toy remembers items by their numbers, which other data would mix up"):
        begun(tmp_path / "run", method=method, on_changed_data="go-on")


def test_data_without_a_list_of_files_are_known_by_their_number():
    assert items_of(Dots(5)) == {"count": 5, "digest": ""}
    assert change_of(items_of(Dots(5)), items_of(Dots(6))) and not change_of(items_of(Dots(6)), items_of(listed()))


def test_a_million_items_take_seconds():
    data = listed("ab")
    data.recordings = [Recording(path=Path(f"/data/{number % 400}/{number}.mp4")) for number in range(20_000)]
    for recording in data.recordings:
        str(recording.path)
    begun_at = time.process_time()
    items_of(data)
    assert time.process_time() - begun_at < 3  # what grows by squares takes minutes
