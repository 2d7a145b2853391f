"""Monitors measure what features tell, the same whenever and wherever asked, and touch nothing of what is trained."""

import math
from types import SimpleNamespace

import pytest
import torch
from training_fakes import Classed, Dots, Linear, run, toy
from training_processes import COMMON, free_port, one_of_two
from training_results import assert_same, contents
from two_processes import ended

from avssl.methods import Method
from avssl.nets import SmallClips, SmallNet
from avssl.training import KNearestMonitor, LinearMonitor, RankMonitor, TrainingError, load_encoder
from avssl.training.classifiers import logistic
from avssl.training.feed import single_process
from avssl.training.frozen import Items, encode_items, freeze
from avssl.training.journal import read
from avssl.training.measures import Monitors


def three(train=None, test=None, k=3):
    train, test = train or Classed(), test or Classed(10, shift=2)
    return [KNearestMonitor(train, test, k=k), LinearMonitor(train, test), RankMonitor(train)]


def frozen(encoder, data, items=None):
    return freeze(single_process("cpu"), encoder, data, "", items=items, batch_size=4, workers=0, fail=print)


def monitored(out):
    """Return the records that monitors are in, by step."""
    return {record["step"]: record for record in read(out / "log.jsonl") if "monitor/rankme" in record}


def items(rows, labels, name="data", classes=()):
    return Items(name, torch.tensor(rows), torch.tensor(labels), classes)


# --- what they measure ----------------------------------------------------------------------------------------------
def test_nearest_neighbours_vote_with_the_exponential_of_their_cosine():
    gen = torch.Generator().manual_seed(0)
    known, asked = torch.randn(30, 4, generator=gen), torch.randn(9, 4, generator=gen)
    labels = torch.randint(3, (30,), generator=gen)
    found = KNearestMonitor(Classed(), Classed(8), k=5, temperature=0.1).scores(Items("", known, labels, ()), asked, 3)
    for query, scores in zip(asked, found, strict=True):
        cosines = [float(query @ row / query.norm() / row.norm()) for row in known]
        nearest = sorted(range(30), key=lambda one: -cosines[one])[:5]
        votes = [0.0, 0.0, 0.0]
        for one in nearest:
            votes[int(labels[one])] += math.exp(cosines[one] / 0.1)
        shares = torch.tensor(votes) / sum(votes)
        torch.testing.assert_close(scores / scores.sum(), shares, rtol=1e-4, atol=1e-6)


def test_a_linear_probe_stands_where_its_penalised_loss_is_least_and_moves_no_feature():
    gen = torch.Generator().manual_seed(0)
    rows = torch.randn(40, 3, generator=gen, dtype=torch.float64).requires_grad_()
    labels = (rows[:, 0] + rows[:, 1] > 0).long() + (rows[:, 2] > 1).long()
    weights, bias = logistic(rows.detach(), labels, 3, penalty=0.05, steps=200)
    shares = (rows.detach() @ weights + bias).softmax(1) - torch.nn.functional.one_hot(labels, 3)
    slope = rows.detach().T @ shares / 40 + 0.05 * weights
    assert slope.abs().max() < 1e-4 and shares.mean(0).abs().max() < 1e-4
    assert rows.grad is None and not weights.requires_grad


def test_accuracy_and_chance_of_a_case_by_hand():
    monitor = KNearestMonitor(Classed(), Classed(8), k=1)
    train = items([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 1.0]], [1, 1, 0, -1])
    test = items([[1.0, 0.0], [0.0, 2.0], [0.1, 2.0], [2.0, 2.0], [5.0, 0.0]], [1, 0, 0, -1, 0])
    # the diagonal has no label on either side; of four all but the last are told; the commonest class of training is 1
    assert monitor({"train": train, "test": test}) == {"knn_accuracy": 0.75, "knn_accuracy_chance": 0.25}


def test_the_scale_of_a_feature_changes_nothing_that_a_linear_probe_tells():
    gen = torch.Generator().manual_seed(0)
    rows, labels = torch.randn(40, 2, generator=gen), torch.arange(40) % 2
    rows[:, 1] += 3 * labels
    monitor, far = LinearMonitor(Classed(), Classed(8)), torch.tensor([100.0, 10.0])
    told = [monitor({name: Items(name, one, labels, ()) for name in ("train", "test")}) for one in (rows, rows * far)]
    assert told[0] == told[1] and told[0]["linear_accuracy"] > 0.85


def test_rank_is_that_of_the_features_as_they_are():
    rows = torch.eye(3).repeat(4, 1)
    found = RankMonitor(Classed())({"data": Items("", rows, torch.zeros(12), ())})
    assert found["rankme"] == pytest.approx(3, rel=1e-5)


def test_what_labels_say_is_told_and_what_they_do_not_say_is_not(tmp_path):
    class Fair(Classed):
        def __getitem__(self, key):
            item = super().__getitem__(key)
            return item | {"label": int(item["target"] * 997) % 2}

    run(tmp_path / "cue", steps=1, monitors=three(Classed(40), Classed(30, shift=2)))
    run(tmp_path / "none", steps=1, monitors=three(Fair(40), Fair(30, shift=2)))
    cue, none = (monitored(tmp_path / name)[0] for name in ("cue", "none"))
    for name in ("monitor/knn_accuracy", "monitor/linear_accuracy"):
        assert cue[name] > 0.8 and cue[f"{name}_chance"] == 0.5
        assert none[name] < 0.75


# --- what they are shown --------------------------------------------------------------------------------------------
def test_an_item_is_the_mean_over_its_frames_and_padding_does_not_count():
    encoder = SmallNet(dim=8, width=2).eval()
    frames = torch.rand(2, 2, 3, 3, 20, 20)
    valid = torch.ones(2, 2, 3, dtype=torch.bool)
    valid[1, 1], valid[1, 0, 2] = False, False
    with torch.no_grad():
        found = encode_items(encoder, {"frames": frames, "valid": valid})
        torch.testing.assert_close(found[0], encoder(frames[0].flatten(0, 1)).mean(0))
        torch.testing.assert_close(found[1], encoder(frames[1, 0, :2]).mean(0))


def test_an_encoder_of_clips_sees_clips_whole_and_refuses_single_frames():
    encoder = SmallClips(widths=(2, 2, 2, 4)).eval()
    frames = torch.randint(256, (2, 2, 3, 3, 20, 20), dtype=torch.uint8)
    with torch.no_grad():
        found = encode_items(encoder, {"frames": frames})
        torch.testing.assert_close(found[1], encoder(frames[1] / 255).mean(0))
        valid = torch.ones(2, 2, 3, dtype=torch.bool)
        valid[0, 0, 2], valid[1, 1] = False, False  # a clip of nothing but padding does not count
        found = encode_items(encoder, {"frames": frames, "valid": valid})
        torch.testing.assert_close(found[0], encoder(frames[0] / 255).mean(0))
        torch.testing.assert_close(found[1], encoder(frames[1, :1] / 255)[0])
    with pytest.raises(
        TrainingError, match=r"^films: SmallClips takes clips, and these items hold single frames; choose"
    ):
        encode_items(encoder, {"frames": frames[:, :, :1]}, "films")
    with pytest.raises(TrainingError, match="hold no frames"):
        encode_items(encoder, {"sound": frames}, "songs")


def test_a_cap_takes_items_spread_evenly():
    encoder = SmallNet(dim=8, width=2).eval()
    some, every = frozen(encoder, Classed(12), items=5), frozen(encoder, Classed(12))
    chosen = [0, 2, 4, 7, 9]
    torch.testing.assert_close(some.rows, every.rows[chosen])
    assert some.labels.tolist() == every.labels[chosen].tolist()


def test_data_sets_that_are_alike_are_looked_at_once():
    class Counted(Classed):
        drawn = 0

        def __getitem__(self, key):
            Counted.drawn += 1
            return super().__getitem__(key)

    module = toy()
    fabric_module = SimpleNamespace(module=module, eval=module.eval, train=module.train)
    asked = [KNearestMonitor(Counted(), Counted(8), k=3), LinearMonitor(Counted(), Counted(8)), RankMonitor(Counted(9))]
    watch = Monitors(
        single_process("cpu"), fabric_module, None, asked, batch_size=4, workers=0, seed=0, fail=lambda _: None
    )
    watch()
    assert Counted.drawn == 12 + 8 + 9


# --- what they leave alone ------------------------------------------------------------------------------------------
def test_a_run_with_monitors_ends_with_the_same_tensors_and_the_same_log_as_one_without(tmp_path):
    run(tmp_path / "with", ema=None, monitors=three(), monitor_every=2)  # an average would put batch statistics back
    run(tmp_path / "without", ema=None)
    (ours, records), (theirs, others) = contents(tmp_path / "with"), contents(tmp_path / "without")
    for saved in (ours, theirs):
        saved["measures"] = saved["best"] = None
    assert_same(ours, theirs)
    plain = [{name: one for name, one in record.items() if not name.startswith("monitor/")} for record in records]
    assert [record for record in plain if len(record) > 1] == others
    assert sorted(monitored(tmp_path / "with")) == [0, 2, 4, 6, 7]


def test_a_run_that_was_cut_off_monitors_the_same_numbers_as_an_uncut_one(tmp_path):
    run(tmp_path / "cut", steps=3, monitors=three(), monitor_every=2, schedule=None)
    run(tmp_path / "cut", monitors=three(), monitor_every=2, schedule=None)
    run(tmp_path / "whole", monitors=three(), monitor_every=2, schedule=None)
    cut, whole = monitored(tmp_path / "cut"), monitored(tmp_path / "whole")
    assert {step: cut[step] for step in whole} == whole
    assert contents(tmp_path / "cut")[0]["measures"] == contents(tmp_path / "whole")[0]["measures"]


@pytest.mark.parametrize("ema", [None, 0.5])
def test_what_is_exported_is_what_was_monitored(tmp_path, ema):
    run(tmp_path, monitors=three(), ema=ema)
    encoder = load_encoder(tmp_path)
    train, test = (frozen(encoder, data) for data in (Classed(), Classed(10, 2)))
    found = RankMonitor(Classed())({"data": train}) | KNearestMonitor(Classed(), Classed(8), k=3)(
        {"train": train, "test": test}
    )
    last = monitored(tmp_path)[7]
    assert found == {name: last[f"monitor/{name}"] for name in found}


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_features_in_half_precision_are_near_those_in_full(tmp_path, precision):
    for name in (precision, "32-true"):
        run(tmp_path / name, steps=1, precision=name, monitors=three())
    half, full = (monitored(tmp_path / name)[0] for name in (precision, "32-true"))
    assert half["monitor/rankme"] == pytest.approx(full["monitor/rankme"], rel=0.05)
    assert half["monitor/rankme"] != full["monitor/rankme"]  # else it was not computed in half


# --- where they show ------------------------------------------------------------------------------------------------
def test_a_monitor_may_decide_which_checkpoint_is_the_best(tmp_path):
    run(tmp_path, monitors=three(), monitor_every=2, best="monitor/rankme")
    found, best = monitored(tmp_path), contents(tmp_path)[0]["best"]
    assert best["value"] == max(record["monitor/rankme"] for record in found.values())
    assert "monitor/rankme" in (tmp_path / "log.csv").read_text()


def test_an_item_that_cannot_be_read_is_left_out_and_written_down(tmp_path):
    run(tmp_path, steps=1, monitors=three(Classed(bad=(3,))))
    failures = read(tmp_path / "failures.jsonl")
    assert [failure["data"] for failure in failures] == ["monitor, train"] * 2  # at the start and at the end


# --- several processes ----------------------------------------------------------------------------------------------
def test_two_processes_share_the_work_and_monitor_what_one_does_bit_for_bit(tmp_path, start):
    settings = COMMON | {
        "monitors": three(Classed(9, bad=(1, 6)), Classed(11, shift=2)),
        "measure_every": 9,
        "steps": 1,
    }
    port = free_port()
    assert ended(*(start(one_of_two, rank, port, tmp_path / "two", (), settings) for rank in range(2))) == [0, 0]
    torch.manual_seed(0)
    run(tmp_path / "one", method=Linear(), **(settings | {"accumulate": 2}))  # batches of two, as there
    two, one = monitored(tmp_path / "two"), monitored(tmp_path / "one")
    for name in ("knn_accuracy", "knn_accuracy_chance", "linear_accuracy", "rankme"):
        assert two[0][f"monitor/{name}"] == one[0][f"monitor/{name}"], name
        assert two[1][f"monitor/{name}"] == pytest.approx(one[1][f"monitor/{name}"], rel=1e-4), name
    bad = [sorted(one["path"] for one in read(tmp_path / name / "failures.jsonl")) for name in ("one", "two")]
    assert bad == [["1.mp4", "1.mp4", "6.mp4", "6.mp4"]] * 2  # at the start and at the end, told by one process each


# --- what cannot be -------------------------------------------------------------------------------------------------
class Plain(Classed):
    """All of one label."""

    def __init__(self, size=12, shift=1, label=0):
        super().__init__(size, shift)
        self.label = label

    def __getitem__(self, key):
        return super().__getitem__(key) | {"label": self.label}


@pytest.mark.parametrize(
    ("monitors", "told"),
    [
        ([KNearestMonitor(Classed(5), Classed(8), k=6)], "k=6 of 5 labelled training items; choose a smaller k"),
        ([KNearestMonitor(Classed(), Classed(8), k=6, items=5)], "k=6 of 5 labelled training items"),
        ([RankMonitor(Classed(), items=0)], "RankMonitor: items=0; needs at least 1"),
        ([KNearestMonitor(Classed(), Classed(), k=2)], "KNearestMonitor: train and test are the same items"),
        ([LinearMonitor(Dots(), Dots(8))], "monitor, train: none of its 12 items has a label"),
        ([LinearMonitor(Plain(), Classed(8))], "monitor, train: all its items are of class 0; accuracy needs two"),
        ([LinearMonitor(Classed(), Plain(8, label=-1))], "monitor, test: none of its 8 items has a label"),
        ([RankMonitor(Classed(1))], "RankMonitor: data of a single item"),
        ([LinearMonitor(Classed(0), Classed(8))], "LinearMonitor: train is empty"),
        ([RankMonitor(Classed(bad=tuple(range(12))))], "monitor, data: none of its 12 items could be read"),
        ([RankMonitor(Classed()), RankMonitor(Classed(9))], r"2 of them measure monitor/rankme; give each a prefix"),
        ([RankMonitor(Classed(), prefix="held_out")], "prefix is a word other than train, held_out"),
        ([Classed()], "needs a list of monitors; got Classed in it"),
    ],
)
def test_what_cannot_be_monitored_is_refused_in_one_line_before_the_first_step(tmp_path, monitors, told):
    with pytest.raises(TrainingError, match=told):
        run(tmp_path, monitors=monitors)
    assert not [record for record in read(tmp_path / "log.jsonl") if record["step"]]


def test_classes_of_other_names_are_refused():
    train = items([[1.0], [0.0]], [0, 1], "train", ("cat", "dog"))
    test = items([[1.0], [0.0]], [0, 1], "test", ("dog", "cat"))
    with pytest.raises(TrainingError, match=r"train and test name their classes differently \(cat, dog; dog, cat\)"):
        LinearMonitor(Classed(), Classed(8))({"train": train, "test": test})


def test_features_that_are_not_finite_are_refused(tmp_path):
    class Broken(Method):
        def __init__(self):
            super().__init__()
            self.encoder = SmallNet(dim=8, width=2)
            torch.nn.init.constant_(self.encoder.trunk.fc[1].bias, torch.inf)

        def forward(self, batch):
            return {"loss": self.encoder.trunk.fc[0].weight.sum()}

    with pytest.raises(TrainingError, match="monitor, train: the encoder's features are not finite"):
        run(tmp_path, method=Broken(), monitors=three())


def test_fsdp_which_keeps_no_whole_weights_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="monitors need whole weights in each process"):
        run(tmp_path, strategy="fsdp", ema=None, monitors=three())


@pytest.mark.parametrize("settings", [{"k": 0}, {"temperature": 0.0}, {"temperature": math.nan}])
def test_odd_numbers_of_neighbours_are_refused(settings):
    with pytest.raises(ValueError, match="k is at least 1 and temperature above 0"):
        KNearestMonitor(Classed(), Classed(8), **settings)
