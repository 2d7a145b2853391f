"""Protocols judge as their sources do: hand-made people, and slow writings of each source's rule."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation.keypoints.fits import Fit, Scorer
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.presets import PRESETS, protocol_of
from avssl.evaluation.keypoints.protocols import Protocol, counted, lengths
from avssl.evaluation.keypoints.skeletons import FIGURE, FLIC, FLIC7, JHMDB, MPII, SKELETONS, Skeleton
from avssl.evaluation.keypoints.table import compare
from avssl.report.comparison import group_at


def people(skeleton, count=6, reference=True, videos=None, seed=0):
    rng = np.random.default_rng(seed)
    joints = len(skeleton)
    points = rng.uniform(0, 100, (count, joints, 2)).astype(np.float32)
    return People(
        images=torch.zeros(count, 3, 8, 8, dtype=torch.uint8),
        points=points,
        counted=rng.random((count, joints)) < 0.8,
        video=np.arange(count) if videos is None else np.array(videos),
        times=np.arange(count) / 25 if videos is None else np.arange(count) % videos.count(0) / 25,
        paths=tuple(str(number) for number in range(count)),
        reference=rng.uniform(20, 40, count).astype(np.float32) if reference else None,
    )


def fit_of(truth, spread=8.0, lost=0.1, seed=1):
    rng = np.random.default_rng(seed)
    found = truth.points + rng.normal(0, spread, truth.points.shape)
    found[rng.random(found.shape[:2]) < lost] = np.nan
    return Fit(row="trained", head="ridge", labels=4, draw=0, found=found.astype(np.float32))


def far_of(truth, fit, person, joint):
    return float(np.hypot(*(fit.found[person, joint].astype(float) - truth.points[person, joint].astype(float))))


def pooled(truth, fit, near):
    """MPII's mean, joint by joint and person by person: right / labelled, pelvis and thorax left out."""
    right = total = 0
    for person in range(len(truth)):
        for joint, name in enumerate(MPII.joints):
            if name in ("pelvis", "thorax") or not truth.counted[person, joint]:
                continue
            total += 1
            right += bool(near(far_of(truth, fit, person, joint), float(truth.reference[person])))
    return right / total


def test_the_official_mpii_score_pools_joints_of_all_people_without_pelvis_and_thorax():
    truth = people(MPII)
    fit = fit_of(truth)
    scores = Scorer(truth, MPII, PRESETS["mpii-official"]).measure(fit)
    found = scores["mpii-official:pck@0.5/head"]
    assert found == pytest.approx(pooled(truth, fit, lambda far, head: far <= 0.5 * head))
    assert found != scores["mpii-official:upper pck@0.5/head"]
    curve = [pooled(truth, fit, lambda far, head, t=t: far <= round(0.01 * t, 2) * head) for t in range(51)]
    area = sum((one + other) / 2 for one, other in itertools.pairwise(curve)) / 50
    assert scores["mpii-official:auc@0-0.5x51 trapezoids/head"] == pytest.approx(area)


def test_simple_baselines_mean_weighs_joints_by_how_often_they_are_labelled_which_is_the_same():
    truth = people(MPII)
    fit = fit_of(truth)
    scores = Scorer(truth, MPII, PRESETS["simplebaseline"]).measure(fit)
    for threshold in (0.5, 0.11):
        shares, counts = [], []
        for joint in MPII.places(MPII.groups["full"]):
            shown = np.flatnonzero(truth.counted[:, joint])
            near = [far_of(truth, fit, person, joint) / truth.reference[person] <= threshold for person in shown]
            shares.append(100 * np.mean(near))
            counts.append(len(shown))
        mean = np.sum(np.array(shares) * (np.array(counts) / np.sum(counts)))
        assert scores[f"simplebaseline:pck@{threshold}/head"] == pytest.approx(mean / 100)


def test_pytorch_pose_weighs_its_14_joints_alike_and_is_strict_at_the_threshold():
    truth = people(MPII)
    fit = fit_of(truth)
    exact = np.array(fit.found)
    truth.points[0] = np.round(truth.points[0])
    truth.reference[0] = 32
    exact[0] = truth.points[0] + np.float32([16, 0])  # exactly on the threshold of person 0
    fit = replace(fit, found=exact)
    means = []
    for joint in MPII.places(MPII.groups["full"]):
        near = [far_of(truth, fit, person, joint) < 0.5 * truth.reference[person] for person in range(6)
                if truth.counted[person, joint]]  # fmt: skip
        means.append(np.mean(near))
    scores = Scorer(truth, MPII, PRESETS["pytorch-pose"]).measure(fit)
    assert scores["pytorch-pose:pck@<0.5/head"] == pytest.approx(np.mean(means))
    loose = Scorer(truth, MPII, replace(PRESETS["pytorch-pose"], comparison="<=")).measure(fit)
    assert loose["pytorch-pose:pck@0.5/head"] > scores["pytorch-pose:pck@<0.5/head"]


def test_jhmdb_of_random_walks_leaves_lost_joints_and_first_frames_out_and_lost_joints_out_of_the_box():
    truth = people(JHMDB, videos=[0, 0, 0, 1, 1, 1], reference=False)
    fit = fit_of(truth, lost=0.3)
    per_joint = [[] for _ in JHMDB.joints]
    for person in (1, 2, 4, 5):
        left = truth.counted[person] & np.isfinite(fit.found[person]).all(-1)
        known = truth.points[person][left].astype(float)
        unit = 0.6 * np.hypot(*(known.max(0) - known.min(0)))
        for joint in np.flatnonzero(left):
            per_joint[joint].append(far_of(truth, fit, person, joint) / unit <= 0.1)
    judge = Scorer(truth, JHMDB, PRESETS["jhmdb-crw"])
    scores = judge.measure(fit)
    name = "jhmdb-crw:pck@0.1/0.6 joints box"
    assert scores[name] == pytest.approx(np.mean([np.mean(right) for right in per_joint if right]))
    honest = Scorer(truth, JHMDB, replace(PRESETS["jhmdb-crw"], drop_lost=False)).measure(fit)
    assert honest[name] < scores[name] and scores["jhmdb-crw:lost"] == honest["jhmdb-crw:lost"] > 0.1
    assert np.isinf(honest["jhmdb-crw:nme/0.6 joints box"]) and np.isfinite(scores["jhmdb-crw:nme/0.6 joints box"])


def test_a_single_joint_that_is_left_has_no_box_and_is_wrong_and_none_at_all_gives_no_number():
    truth = people(JHMDB, videos=[0, 0], count=2, reference=False)
    truth.counted[:] = True
    fit = fit_of(truth, spread=0.0, lost=0.0)
    fit.found[1, 1:] = np.nan
    judge = Scorer(truth, JHMDB, PRESETS["jhmdb-crw"])
    assert judge.measure(fit)["jhmdb-crw:pck@0.1/0.6 joints box"] == 0
    fit.found[:] = np.nan
    assert np.isnan(judge.measure(fit)["jhmdb-crw:pck@0.1/0.6 joints box"])


def test_flic_is_the_mean_over_arm_joints_in_annotated_torsos():
    truth = people(FLIC)
    fit = fit_of(truth)
    means = []
    for joint in FLIC.places(FLIC.groups["upper"]):
        right = [far_of(truth, fit, person, joint) <= 0.2 * truth.reference[person] for person in range(6)
                 if truth.counted[person, joint]]  # fmt: skip
        means.append(np.mean(right))
    scores = Scorer(truth, FLIC, PRESETS["flic-oc@0.2"]).measure(fit)
    assert scores["flic-oc@0.2:pck@0.2/torso"] == pytest.approx(np.mean(means))
    assert "flic-oc@0.2:full pck@0.2/torso" in scores and "flic-oc@0.2:upper pck@0.2/torso" not in scores


def test_shuffle_and_learn_tells_the_mean_of_seven_joints():
    truth = people(FLIC7)
    fit = fit_of(truth)
    means = [
        np.mean([far_of(truth, fit, person, joint) <= 0.5 * truth.reference[person] for person in range(6)
                 if truth.counted[person, joint]]) for joint in range(7)
    ]  # fmt: skip
    scores = Scorer(truth, FLIC7, PRESETS["shuffle-and-learn"]).measure(fit)
    assert scores["shuffle-and-learn:pck@0.5/torso"] == pytest.approx(np.mean(means))


@pytest.mark.parametrize(("name", "skeleton"), [("default", FIGURE), ("mpii-official", MPII), ("jhmdb-crw", JHMDB)])
def test_a_paired_difference_is_the_difference_of_the_main_scores(name, skeleton):
    truth = people(skeleton, videos=[0, 0, 1, 1, 2, 2])
    judge = Scorer(truth, skeleton, PRESETS[name])
    fits = {
        group_at(row, head="ridge", labels="4"): [replace(fit_of(truth, lost=0.0, seed=seed), row=row)]
        for seed, row in enumerate(("trained", "random"))
    }
    (difference,) = compare(fits, judge, against="random").values()
    main = judge.protocol.named(judge.main)
    ours, theirs = (judge.measure(fit)[main] for (fit,) in fits.values())
    assert difference.mean == pytest.approx(ours - theirs)


def test_the_area_is_the_mean_of_the_curve_and_the_curve_that_of_single_thresholds():
    truth = people(FIGURE)
    fit = fit_of(truth)
    judge = Scorer(truth, FIGURE, PRESETS["default"])
    scores = judge.measure(fit)
    assert scores["auc@0.01-0.5x50/torso"] == pytest.approx(judge.curve(fit).mean())
    assert judge.curve(fit)[19] == pytest.approx(scores["pck@0.2/torso"])


@pytest.mark.parametrize("name", ["joints box", "box", "pixels"])
def test_boxes_are_of_the_joints_that_count(name):
    truth = people(JHMDB)
    known = truth.points[2][truth.counted[2]].astype(float)
    sides = known.max(0) - known.min(0)
    expected = {"joints box": 0.6 * np.hypot(*sides), "box": sides.max(), "pixels": 1.0}[name]
    found = lengths(replace(PRESETS["default"], normaliser=name), truth, JHMDB)
    assert found[2] == pytest.approx(expected)


def test_people_without_a_length_are_not_judged_and_are_counted():
    truth = people(MPII)
    truth.reference[[1, 4]] = np.nan, 0
    judge = Scorer(truth, MPII, PRESETS["mpii-official"])
    assert judge.unmeasured == 2 and not judge.counted[[1, 4]].any() and judge.counted[0].any()
    assert np.isfinite(judge.measure(fit_of(truth, lost=0))["mpii-official:nme/head"])


def test_what_was_lost_is_told_and_the_others_mean_distance_beside():
    truth = people(FIGURE)
    scores = Scorer(truth, FIGURE, PRESETS["default"]).measure(fit_of(truth, spread=0.0, lost=0.3))
    assert 0.1 < scores["lost"] < 0.5 and scores["nme/torso"] == scores["epe/px"] == np.inf
    assert scores["nme of found/torso"] == scores["epe of found/px"] == 0


def test_a_lost_joint_is_wrong_unless_the_source_drops_it():
    truth = people(FIGURE)
    fit = fit_of(truth, spread=0.0, lost=0.3)
    assert Scorer(truth, FIGURE, PRESETS["default"]).measure(fit)["pck@0.2/torso"] < 1
    dropping = replace(PRESETS["default"], drop_lost=True)
    assert Scorer(truth, FIGURE, dropping).measure(fit)["pck@0.2/torso"] == 1


def test_what_the_data_lack_is_told():
    with pytest.raises(ConfigError, match="mpii-official divides by a length that the data annotate"):
        Scorer(people(MPII, reference=False), MPII, PRESETS["mpii-official"])
    with pytest.raises(ConfigError, match=r"there is no 'mpii-offical' \(did you mean 'mpii-official'\?\)"):
        protocol_of("mpii-offical")


def test_a_group_or_a_torso_that_the_skeleton_lacks_is_told():
    bare = Skeleton(name="bare", joints=("left eye", "right eye"), bones=())
    with pytest.raises(ConfigError, match="mpii-official tells 'full' joints, 'bare' has no such"):
        Scorer(people(bare), bare, PRESETS["mpii-official"])
    with pytest.raises(ConfigError, match="default divides by the torso, which 'bare' does not have"):
        Scorer(people(bare), bare, PRESETS["default"])


def test_the_default_can_divide_by_other_lengths_and_its_scores_say_so():
    truth = people(FIGURE)
    fit = fit_of(truth, lost=0.0)
    judge = Scorer(truth, FIGURE, protocol_of("default", thresholds=[0.5], normaliser="pixels", length=20))
    share = np.mean([np.mean([far_of(truth, fit, person, joint) <= 10 for person in range(6)
                              if truth.counted[person, joint]]) for joint in range(14)])  # fmt: skip
    assert judge.measure(fit)["pck@0.5/20px"] == pytest.approx(share)
    plain = Scorer(truth, FIGURE, protocol_of("default", thresholds=[10], normaliser="pixels", length=1))
    assert plain.measure(fit)["pck@10/px"] == pytest.approx(share)
    assert "pck@0.2/box" in Scorer(truth, FIGURE, protocol_of("default", normaliser="box")).measure(fit)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"name": "mpii-official", "normaliser": "box"}, "mpii-official has a normaliser of its own"),
        ({"name": "default", "length": 3.0}, "length is that of normaliser: pixels"),
        ({"name": "default", "normaliser": "pixels"}, "length is that of normaliser: pixels"),
        ({"name": "default", "normaliser": "pixels", "length": -1.0}, "above 0"),
        ({"name": "default", "thresholds": (0,)}, "thresholds must be lengths above 0"),
    ],
)
def test_settings_that_do_not_fit_a_protocol_are_refused(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        protocol_of(**settings)


def test_only_the_default_departs_in_nothing():
    assert [name for name, protocol in PRESETS.items() if not protocol.departs] == ["default"]
    assert Protocol() == PRESETS["default"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_itself_and_its_groups(name):
    protocol = protocol_of(name)
    assert protocol.name == name
    assert protocol.group is None or all(protocol.group in skeleton.groups for skeleton in SKELETONS.values())
    assert counted(protocol, people(FIGURE), np.ones(6)).shape == (6, 14)
