"""A full disk, or a folder that must not be written to: one line, nothing lost, and the run goes on when it can."""

import errno
import os
from pathlib import Path

import pytest
import torch
from training_fakes import Dots, run
from two_processes import ended

from avssl.training import Stopped, TrainingError, appending, checkpoint
from avssl.training.appending import Appended, append
from avssl.training.journal import read


class Full:
    """Lets everything that is written under a name fail while it is full."""

    def __init__(self, monkeypatch, number=errno.ENOSPC):
        self.now, self.number = False, number
        fabric_save, append = checkpoint.settle, appending.append
        monkeypatch.setattr(checkpoint, "settle", self.guard(fabric_save))
        monkeypatch.setattr(appending, "append", self.guard(append))

    def guard(self, function):
        def guarded(*arguments, **settings):
            if self.now:
                raise OSError(self.number, os.strerror(self.number), str(arguments[0]))
            return function(*arguments, **settings)

        return guarded


class Filling(Dots):
    """Fills the disk when an epoch begins, and clears it when another does."""

    def __getitem__(self, key):
        if key[0] < 99:
            self.full.now = self.first <= key[0] < self.last
        return super().__getitem__(key)


def filling(full, first, last, kind=Filling):
    """Return dots whose settings are those of the fakes."""
    kind.__module__, kind.__qualname__, kind.__name__ = "training_fakes", "Dots", "Dots"
    data = kind()
    data.full, data.first, data.last = full, first, last
    return data


def steps(out):
    return [record["step"] for record in read(out / "log.jsonl") if "loss" in record]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_run_goes_on_through_a_full_disk_and_loses_nothing(tmp_path, monkeypatch, capsys, number):
    run(tmp_path / "whole", steps=14, log_every=1, save_every=1, tensorboard=True)
    full = Full(monkeypatch, number)
    run(tmp_path / "full", steps=14, log_every=1, save_every=1, tensorboard=True, data=filling(full, 1, 3))
    shown = capsys.readouterr().out.replace("\n", " ")
    assert shown.count(f"last.ckpt could not be written ({os.strerror(number)}); the former one stays") == 6
    assert f"log.jsonl cannot be written to ({os.strerror(number)}); its records wait until it can" in shown
    assert "records that waited are written" in shown and "lost" not in shown
    assert steps(tmp_path / "full") == list(range(1, 15))
    one, two = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "full"))
    assert all(torch.equal(two["method"][name], value) for name, value in one["method"].items())
    assert not list((tmp_path / "full").glob(".*.part"))
    assert scalars(tmp_path / "full") == scalars(tmp_path / "whole")


def scalars(out):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")]


def test_a_run_that_ends_on_a_full_disk_says_so_and_the_same_command_ends_it(tmp_path, monkeypatch):
    full = Full(monkeypatch)
    with pytest.raises(
        TrainingError, match=r"last\.ckpt could not be written after the last step \(No space left"
    ) as told:
        run(tmp_path, steps=7, save_every=3, data=filling(full, 2, 9))
    assert "\n" not in str(told.value) and not (tmp_path / "encoder.safetensors").exists()
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 6
    full.now = False
    run(tmp_path, steps=7)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["step"] == 7
    assert (tmp_path / "encoder.safetensors").exists()


def test_a_signal_on_a_full_disk_does_not_claim_that_all_is_saved(tmp_path, monkeypatch):
    import signal

    class Interrupted(Filling):
        def __getitem__(self, key):
            if key[0] == 1 and not asked:
                asked.append(key)
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__getitem__(key)

    full, asked = Full(monkeypatch), []
    with pytest.raises(Stopped, match=r"stopped after step \d of 20, not saved as .*last\.ckpt \(No space left"):
        run(tmp_path, steps=20, data=filling(full, 1, 9, Interrupted), held_out=None)


def test_a_best_checkpoint_that_found_no_room_is_not_taken_for_written(tmp_path, monkeypatch):
    full = Full(monkeypatch)
    run(tmp_path, steps=5, measure_every=1, save_every=1, data=filling(full, 0, 1), best="train/guess")
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)["best"]
    measured = {r["step"]: r["train/guess"] for r in read(tmp_path / "log.jsonl") if "train/guess" in r}
    assert best["value"] == measured[best["step"]]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["best"] == best


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_computed(tmp_path, monkeypatch, number):
    from avssl.training import run as module

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "NamedTemporaryFile", refuse)
    seen = Dots()
    monkeypatch.setattr(Dots, "__getitem__", lambda *_: seen.computed)
    with pytest.raises(
        TrainingError, match=rf"^out=.* cannot be written to: {os.strerror(number)}; make room or"
    ) as told:
        run(tmp_path, data=seen)
    assert "\n" not in str(told.value)


def test_a_file_in_the_place_of_the_folder_is_refused_in_one_line(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(TrainingError, match=r"^out=.*run cannot be written to: File exists"):
        run(tmp_path / "run")
    with pytest.raises(TrainingError, match=r"^out=.* cannot be written to: Not a directory"):
        run(tmp_path / "run" / "below")


def test_a_record_is_appended_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"first\n")

    class Short:
        def __init__(self, file):
            self.file, self.calls = file, 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def tell(self):
            return self.file.tell()

        def write(self, data):
            self.calls += 1
            if self.calls == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(bytes(data)[:3])

    monkeypatch.setattr(appending, "open", lambda *a, **k: Short(open(*a, **k)), raising=False)  # noqa: SIM115
    with pytest.raises(OSError, match="No space"):
        append(path, b"second\n")
    assert path.read_bytes() == b"first\n"


def test_what_never_finds_room_is_told_at_the_end(tmp_path):
    said = []
    records = Appended(tmp_path / "missing" / "log.jsonl", said.append)
    records.add(b"1\n")
    records.add(b"2\n")
    records.close()
    assert len(said) == 2 and said[1].endswith("2 records could not be written and are lost")


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits of file sizes are those of Linux")
def test_a_file_that_may_not_grow_is_as_a_full_disk(tmp_path, start):
    assert ended(start(limited, tmp_path)) == [0]


def limited(out):
    """Train where files of more than a few kilobytes fail, then without that limit."""
    import resource

    run(out, steps=3, save_every=1)
    size = (out / "last.ckpt").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, resource.RLIM_INFINITY))
    with pytest.raises(TrainingError, match="File too large"):
        run(out, steps=5, save_every=1)
    assert torch.load(out / "last.ckpt", weights_only=True)["step"] == 3
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run(out, steps=5, save_every=1)
    assert torch.load(out / "last.ckpt", weights_only=True)["step"] == 5
