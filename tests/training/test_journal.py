"""The log: what was cut off is dropped, nothing stands twice, and tables hold every column."""

import csv
import json
import math

from avssl.training.journal import Journal, Tally, read, rewind


def test_records_after_the_checkpoint_and_a_line_that_was_cut_off_are_dropped(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    rewind(path, 2)
    assert read(path) == [{"step": 1}, {"step": 2}]


def test_a_table_has_one_row_a_step_and_one_column_a_name(tmp_path):
    journal = Journal(tmp_path, None, tensorboard=False)
    journal.write(0, {"held_out/auc": 0.5})
    journal.write(1, {"loss": 2.0})
    journal.write(1, {"held_out/auc": 0.75})
    journal.close()
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"step": "0", "held_out/auc": "0.5", "loss": ""},
        {"step": "1", "held_out/auc": "0.75", "loss": "2.0"},
    ]


def test_a_score_that_is_no_number_is_null_for_json_has_no_nan(tmp_path):
    journal = Journal(tmp_path, None, tensorboard=False)
    journal.write(1, {"auc": math.nan})
    text = (tmp_path / "log.jsonl").read_text()
    assert json.loads(text, parse_constant=lambda _: 1 / 0) == {"step": 1, "auc": None}


def test_processes_beside_the_first_write_nothing_but_bad_recordings(tmp_path):
    journal = Journal(tmp_path, 0, active=False)
    journal.write(1, {"loss": 1.0})
    journal.fail(1, [{"path": "a.mp4", "error": "broken"}])
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == ["failures.jsonl"]
    assert read(tmp_path / "failures.jsonl") == [{"step": 1, "path": "a.mp4", "error": "broken"}]


def test_tensorboard_gets_the_same_scalars(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    journal = Journal(tmp_path, None)
    journal.write(1, {"loss": 2.5})
    journal.write(3, {"loss": 1.5})
    journal.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 2.5), (3, 1.5)]


def test_a_tally_goes_on_from_its_state_as_if_nothing_had_been():
    whole, first, second = Tally(), Tally(), Tally()
    for value in (0.1, 0.2, 0.7):
        whole.add({"loss": value})
    first.add({"loss": 0.1})
    first.add({"loss": 0.2})
    second.load_state_dict(first.state_dict())
    second.add({"loss": 0.7})
    assert second.take() == whole.take() and second.take() == {}
