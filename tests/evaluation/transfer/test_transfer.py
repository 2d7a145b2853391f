"""Knowledge transfer by one command: labels by hand, rows of the table, steps done once, leftovers refused."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from avssl import config
from avssl.config import ConfigError, describe
from avssl.data import Dataset, Pictures, Relabelled
from avssl.data.items import items_of
from avssl.data.label_files import read_labels
from avssl.evaluation import ClusterSettings, Probes, Student, Teacher
from avssl.evaluation.probes import KNearest, Linear
from avssl.evaluation.transfer import labels as steps
from avssl.evaluation.transfer.command import transfer
from avssl.evaluation.transfer.labels import Looking, label_items, permute_labels, permuted
from avssl.evaluation.transfer.steps import Step
from avssl.evaluation.transfer.teachers import find_teachers
from avssl.methods import KnowledgeTransfer
from avssl.nets import SmallNet, SmallSound, SpectrogramSpec
from avssl.training import AdamW, TrainingError
from avssl.training.export import load_encoder, load_method, write_export

THREE = ClusterSettings(clusters=3, components=4)
SPEC = SpectrogramSpec(rate=8000, window=64, hop=32, fft=64, mels=16, high=3900.0)


def pictures(folder, count=18, seed=0):
    """Return pictures in three colours, up to noise."""
    for number in range(count):
        colour = ("red", "green", "blue")[number % 3]
        pixels = np.random.default_rng((seed, number)).integers(0, 80, (16, 16, 3), dtype=np.uint8)
        pixels[..., number % 3] += 150
        (folder / colour).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / colour / f"{seed}-{number:02d}.png")
    return Pictures(folder)


def net_of(file, seed=0, **settings):
    """Write a network as the file of a teacher, and return its path."""
    torch.manual_seed(seed)
    net = SmallNet(dim=6, width=2, **settings)
    return str(write_export(file, describe(net), net.trunk.state_dict(), {}))


def student(**settings):
    known = {"encoder": SmallNet(dim=8, width=3), "optim": AdamW(lr=1e-2), "steps": 2, "batch_size": 6}
    return Student(**known | settings)


def probes(folder):
    train, test = pictures(folder / "train", 12, seed=8), pictures(folder / "test", 9, seed=9)
    asked = [Linear(penalties=(1e-2,)), KNearest(k=3)]
    return Probes(train, test, probes=asked, layers=["conv2", "output"], clusters=0, quiet=True)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One whole comparison, and what it was made of."""
    root = tmp_path_factory.mktemp("whole")
    arguments = {
        "data": pictures(root / "data"),
        "student": student(),
        "out": root / "out",
        "teachers": {"net": Teacher(source=net_of(root / "net.safetensors"), layer="conv3")},
        "evaluator": probes(root),
        "clustering": THREE,
        "extra": {"direct": [net_of(root / "one.safetensors", 1), net_of(root / "two.safetensors", 2)]},
        "seeds": [0, 1],
        "device": "cpu",
    }
    return arguments, transfer(**arguments)


# --- the table ------------------------------------------------------------------------------------------------------
def test_the_table_has_all_rows_of_students_teachers_and_chance(done):
    _, scores = done
    students = ["random", "permuted", "student of net", "student of pixels", "student of hog", "direct"]
    rows = {(line["row"], line["layer"]) for line in scores.table}
    wanted = {(row, layer) for row in students for layer in ("conv2", "output")}
    wanted |= {("teacher net", "conv3"), ("teacher pixels", "output"), ("teacher hog", "output"), ("chance", "")}
    assert rows == wanted and len(scores.table) == len(wanted)
    for line in scores.table:
        assert line["linear"] and ("±" in line["linear"]) == (line["row"] in students)
        assert bool(line["linear − random"]) == (line["row"] in students[1:])
        assert bool(line["NMI"]) == line["row"].startswith("student of ")
    assert next(line for line in scores.table if line["row"] == "chance")["linear"] == "33.3"


def test_the_table_is_written_for_people_and_for_programs(done):
    arguments, scores = done
    out = arguments["out"]
    with open(out / "transfer.csv", encoding="utf-8") as file:
        assert [dict(row) for row in csv.DictReader(file)] == [dict(line) for line in scores.table]
    text = (out / "transfer.md").read_text(encoding="utf-8")
    assert all(f"| {line['row']} | {line['layer']} |" in text for line in scores.table)
    record = json.loads((out / "scores.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert record["protocol"]["seeds"] == [0, 1] and record["protocol"]["student"]["steps"] == 2
    assert set(record["protocol"]["teachers"]) == {"net", "pixels", "hog"}
    assert "student of net" in (out / "report.html").read_text(encoding="utf-8")
    with open(out / "eval_probe" / "clusters.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["row"] for row in rows) == Counter(
        {f"student of {name}": 2 for name in ("net", "pixels", "hog")} | {"permuted": 2}
    )


def test_numbers_of_a_row_are_means_over_its_seeds(done):
    arguments, scores = done
    runs = {f"run{seed}": [str(arguments["out"] / "students" / f"net_{seed}")] for seed in (0, 1)}
    again = transfer(**arguments | {"extra": runs})
    each = [again.numbers[f"run{seed}/linear/all/output/accuracy"] for seed in (0, 1)]
    assert scores.numbers["student of net/linear/all/output/accuracy"] == pytest.approx(np.mean(each))


def test_students_are_ordinary_runs_of_one_architecture_from_initial_weights_that_the_seed_fixes(done):
    arguments, _ = done
    run = arguments["out"] / "students" / "net_1"
    method = load_method(run)
    assert isinstance(method, KnowledgeTransfer) and method.clusters == 3
    assert load_encoder(run).dim == 8 and (run / "log.jsonl").exists()
    one, same, other = (arguments["student"].method(3, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])
    assert not torch.equal(one["encoder.trunk.conv1.0.weight"], other["encoder.trunk.conv1.0.weight"])


# --- labels ---------------------------------------------------------------------------------------------------------
def test_another_data_set_is_labelled_by_the_same_mean_axes_and_centres(tmp_path):
    first, second = pictures(tmp_path / "first"), pictures(tmp_path / "second", 12, seed=5)
    teachers = {"net": net_of(tmp_path / "net.safetensors")}
    net = next(one for one in find_teachers(teachers, second, first) if one.name == "net")
    assert net.layer == "conv3"  # the deepest map
    file, _ = label_items(net, THREE, 0, tmp_path / "net", Looking())
    made = load_file(tmp_path / "net" / "clusters_0" / "clusters.safetensors")

    def rows(data):
        shown = torch.cat([data[index]["frames"][:, 0] for index in range(len(data))]) / 255
        with torch.inference_mode():
            return net.encoder.taps(shown, ["conv3"])["conv3"].flatten(1).numpy()

    np.testing.assert_allclose(
        made["mean"], rows(first).mean(0), rtol=1e-4, atol=1e-5
    )  # of the first set, not refitted
    white = (rows(second) - made["mean"]) @ made["axes"] * made["scale"]
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    nearest = ((white[:, None] - made["centres"]) ** 2).sum(2).argmin(1)
    assert len(set(nearest)) > 1 and Relabelled(second, file).labels.tolist() == nearest.tolist()


def test_a_teacher_that_hears_labels_the_recordings_whose_frames_the_student_sees(tmp_path):
    sound = SmallSound(widths=(2, 2, 4, 4), spec=SPEC)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("seed: 0\n")
    net_of(run / "encoder.safetensors")
    write_export(run / "sound.safetensors", describe(sound), sound.trunk.state_dict(), {})
    heard = Teacher(source=str(run), stream="sound", data=Band(heard=True))
    teachers = find_teachers({"sound": heard}, Band(), layer="conv3")
    one = next(one for one in teachers if one.name == "sound")
    two = ClusterSettings(clusters=2, components=2)
    file, _ = label_items(one, two, 0, tmp_path / "sound", Looking())
    found = Relabelled(Band(), file).labels  # of frames: Relabelled refuses other items
    assert one.layer == "output" and len({(label, index % 2) for index, label in enumerate(found)}) == 2


class Band(Dataset):
    """Recordings of a low and a high tone, whose frames say nothing of it."""

    digest = "ab" * 16

    def __init__(self, heard=False):
        self.heard = heard

    def __len__(self):
        return 8

    def __getitem__(self, key):
        index = key[1] if isinstance(key, tuple) else key
        item = {
            "frames": torch.full((1, 1, 3, 20, 20), 100, dtype=torch.uint8),
            "times": torch.zeros(1, 1, dtype=torch.float64),
            "valid": torch.ones(1, 1, dtype=torch.bool),
            "label": -1,
            "path": f"{index}.mp4",
            "key": torch.tensor([0, 0, index]),
        }
        if self.heard:
            tone = torch.sin(2 * torch.pi * (300, 2500)[index % 2] * torch.arange(800) / 8000)
            item |= {"sound": tone[None, None], "sound_valid": torch.ones(1, 800, dtype=torch.bool)}
            item["sound_times"] = torch.tensor([[0.0, 0.1]], dtype=torch.float64)
        return item


def test_permuted_labels_are_as_many_of_each_and_items_without_one_stay_so(done, tmp_path):
    arguments, _ = done
    data, folder = arguments["data"], arguments["out"] / "teachers" / "net"
    for seed in (0, 1):
        before = read_labels(folder / f"clusters_{seed}" / "labels.safetensors", items_of(data)).labels
        after = read_labels(folder / f"permuted_{seed}" / "labels.safetensors", items_of(data)).labels
        assert Counter(before.tolist()) == Counter(after.tolist()) and before.tolist() != after.tolist()
    given = np.array([4, -1, 0, 0, 2, 1, -1, 3])
    lots = [permuted(given, seed) for seed in (0, 0, 1)]
    assert lots[0].tolist() == lots[1].tolist() != lots[2].tolist()
    assert all(np.array_equal(one < 0, given < 0) and sorted(one) == sorted(given) for one in lots)


# --- steps ----------------------------------------------------------------------------------------------------------
def test_what_is_done_is_not_done_again(done, monkeypatch):
    arguments, scores = done

    def never(*_, **__):
        raise AssertionError("this was done before")

    for name in ("extract_features", "cluster_features", "write_labels"):
        monkeypatch.setattr(steps, name, never)
    before = {path: path.stat().st_mtime_ns for path in arguments["out"].rglob("step.json")}
    again = transfer(**arguments)
    assert [dict(line) for line in again.table] == [dict(line) for line in scores.table]
    assert before == {path: path.stat().st_mtime_ns for path in arguments["out"].rglob("step.json")}


def test_a_step_that_was_cut_off_or_lost_a_file_is_done_again(tmp_path):
    step, calls = Step(tmp_path / "step", {"a": (1, 2)}, ("made",)), []

    def work():
        calls.append(1)
        (tmp_path / "step" / "made").touch()
        if len(calls) == 1:
            raise KeyboardInterrupt
        return {"size": len(calls)}

    with pytest.raises(KeyboardInterrupt):
        step(work)
    assert step(work) == step(work) == {"size": 2.0}
    (tmp_path / "step" / "made").unlink()
    assert step(work) == {"size": 3.0}


def test_leftovers_that_do_not_fit_are_refused_in_one_line(done, tmp_path):
    arguments, _ = done
    with pytest.raises(ConfigError, match=r"net.clusters_0 was made with clustering.clusters=3, and now it is 4; take"):
        transfer(**arguments | {"clustering": ClusterSettings(clusters=4, components=4)})
    with pytest.raises(ConfigError, match=r"net.features was made with layer='conv3', and now it is 'conv2'; take"):
        transfer(**arguments | {"teachers": {"net": arguments["teachers"]["net"].source}, "layer": "conv2"})
    others = pictures(tmp_path / "others")
    with pytest.raises(ConfigError, match=r"net.features was made with data.source=.* or give another out="):
        transfer(**arguments | {"data": others})
    with pytest.raises(TrainingError, match=r"begun with method.balanced=False and this config says True"):
        transfer(**arguments | {"student": student(balanced=True)})
    (tmp_path / "out" / "teachers" / "net" / "features").mkdir(parents=True)
    (tmp_path / "out" / "teachers" / "net" / "features" / "x.npy").touch()
    with pytest.raises(ConfigError, match=r"features holds files and no step.json"):
        transfer(**arguments | {"out": tmp_path / "out"})
    (tmp_path / "out" / "teachers" / "net" / "features" / "step.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"step.json cannot be read; take it away"):
        transfer(**arguments | {"out": tmp_path / "out"})


def test_students_may_be_trained_by_the_training_tool_and_the_table_follows(tmp_path, capsys):
    arguments = {
        "data": pictures(tmp_path / "data"),
        "student": student(steps=1),
        "out": tmp_path / "out",
        "teachers": {},
        "evaluator": probes(tmp_path),
        "clustering": THREE,
        "permuted": False,
        "seeds": [0],
        "train": False,
        "device": "cpu",
    }
    assert transfer(**arguments) is None
    told = capsys.readouterr().out
    for name in ("pixels", "hog"):
        written = tmp_path / "out" / "students" / f"{name}_0" / "config.yaml"
        assert f"python tools/train.py {written}" in told
        config.build(config.plan("avssl.training", "train", config.read(written)))
    rows = {line["row"] for line in transfer(**arguments).table}
    assert rows == {"random", "student of pixels", "student of hog", "teacher pixels", "teacher hog", "chance"}
    assert "eval_finetune_voc07.yaml run=" in capsys.readouterr().out


# --- mistakes -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"clustering": ClusterSettings(clusters=19, components=4)}, "18 rows cannot make 19 clusters"),
        ({"teachers": {"net": "nowhere"}}, "teachers.net: run: there is no folder nowhere"),
        ({"layer": "conv9"}, "teachers.net: layer: SmallNet has no layer 'conv9'"),
        ({"teachers": {"permuted": "hog"}}, "teachers.permuted: there is a row of that name"),
        ({"teachers": {"pixels": "runs/x"}}, "teachers.pixels: the row of that name is added by itself"),
        ({"teachers": {"a/b": "hog"}}, "teachers: 'a/b' names a folder too"),
        ({"teachers": {"net": Teacher(source="hog", data=Band())}}, "teachers.net: its data are other items than"),
        ({"extra": {"direct": []}}, r"extra.direct: needs a list"),
        ({"seeds": [0, 0]}, "seeds: needs different"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path, change, complaint):
    arguments = {"teachers": {"net": net_of(tmp_path / "net.safetensors")}, "seeds": [0], "clustering": THREE}
    data = pictures(tmp_path / "data")
    with pytest.raises(ConfigError, match=complaint) as told:
        transfer(data, student(), tmp_path / "out", **arguments | {"device": "cpu"} | change)
    assert "\n" not in str(told.value)


def test_several_processes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="one process; start it without torchrun"):
        transfer(pictures(tmp_path / "data"), student(), tmp_path / "out", {})


def test_labels_of_other_data_are_refused(done, tmp_path):
    arguments, _ = done
    file = arguments["out"] / "teachers" / "net" / "clusters_0" / "labels.safetensors"
    with pytest.raises(ValueError, match=r"18 other items: names, labels or their order differ"):
        student().learn(pictures(tmp_path / "x", seed=3), file, 3, 0, tmp_path / "run", "cpu", now=True)
    with pytest.raises(ValueError, match=r"data of 18 items, and these have 12"):
        permute_labels(file, pictures(tmp_path / "y", 12), 0, tmp_path / "lots")
