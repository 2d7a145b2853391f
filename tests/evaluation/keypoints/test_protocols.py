"""Protocols judge as their sources do: hand-made people, and slow writings of each source's rule."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation.keypoints.fits import Fit, Judge
from avssl.evaluation.keypoints.people import People
from avssl.evaluation.keypoints.protocols import PRESETS, counted, lengths, protocol_of
from avssl.evaluation.keypoints.skeletons import FIGURE, FLIC, JHMDB, MPII, SKELETONS

RNG = np.random.default_rng(0)


def people(skeleton, count=6, reference=True, videos=None, seed=0):
    rng = np.random.default_rng(seed)
    joints = len(skeleton)
    points = rng.uniform(0, 100, (count, joints, 2)).astype(np.float32)
    return People(
        images=torch.zeros(count, 3, 8, 8, dtype=torch.uint8),
        points=points,
        counted=rng.random((count, joints)) < 0.8,
        video=np.arange(count) if videos is None else np.array(videos),
        times=np.arange(count) / 25,
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


def test_the_official_mpii_score_pools_joints_of_all_people_without_pelvis_and_thorax():
    truth = people(MPII)
    fit = fit_of(truth)
    right = total = 0
    for person in range(6):
        for joint, name in enumerate(MPII.joints):
            if name in ("pelvis", "thorax") or not truth.counted[person, joint]:
                continue
            total += 1
            far = far_of(truth, fit, person, joint)
            right += np.isfinite(far) and far <= 0.5 * truth.reference[person]
    scores = Judge(truth, MPII, PRESETS["mpii-official"]).measure(fit)
    assert scores["pck@0.5/head"] == pytest.approx(right / total)
    assert scores["full pck@0.5/head"] == scores["pck@0.5/head"] != scores["upper pck@0.5/head"]
    same = Judge(truth, MPII, PRESETS["simplebaseline"]).measure(fit)
    assert same["pck@0.5/head"] == scores["pck@0.5/head"] and "pck@0.11/head" in same


def test_jhmdb_of_random_walks_leaves_lost_joints_and_first_frames_out():
    truth = people(JHMDB, videos=[0, 0, 0, 1, 1, 1], reference=False)
    fit = fit_of(truth)
    per_joint = []
    for joint in range(len(JHMDB)):
        right = []
        for person in (1, 2, 4, 5):
            known = truth.points[person][truth.counted[person]].astype(float)
            unit = 0.6 * np.hypot(*(known.max(0) - known.min(0)))
            far = far_of(truth, fit, person, joint)
            if truth.counted[person, joint] and np.isfinite(far):
                right.append(far <= 0.1 * unit)
        if right:
            per_joint.append(np.mean(right))
    judge = Judge(truth, JHMDB, PRESETS["jhmdb-crw"])
    assert judge.measure(fit)["pck@0.1/0.6 joints box"] == pytest.approx(np.mean(per_joint))
    honest = Judge(truth, JHMDB, replace(PRESETS["jhmdb-crw"], drop_lost=False))
    assert honest.measure(fit)["pck@0.1/0.6 joints box"] < judge.measure(fit)["pck@0.1/0.6 joints box"]


def test_flic_is_the_mean_over_arm_joints_in_annotated_torsos():
    truth = people(FLIC)
    fit = fit_of(truth)
    means = []
    for joint in FLIC.places(FLIC.groups["upper"]):
        right = [far_of(truth, fit, person, joint) <= 0.2 * truth.reference[person] for person in range(6)
                 if truth.counted[person, joint]]  # fmt: skip
        means.append(np.mean(right))
    assert Judge(truth, FLIC, PRESETS["flic-oc@0.2"]).measure(fit)["pck@0.2/torso"] == pytest.approx(np.mean(means))


def test_the_area_is_the_mean_of_the_curve_and_the_curve_that_of_single_thresholds():
    truth = people(FIGURE)
    fit = fit_of(truth)
    judge = Judge(truth, FIGURE, PRESETS["default"])
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
    judge = Judge(truth, MPII, PRESETS["mpii-official"])
    assert judge.unmeasured == 2 and not judge.judged[[1, 4]].any() and judge.judged[0].any()
    assert np.isfinite(judge.measure(fit_of(truth, lost=0))["nme/head"])


def test_a_lost_joint_is_wrong_unless_the_source_drops_it():
    truth = people(FIGURE)
    fit = fit_of(truth, spread=0.0, lost=0.3)
    assert Judge(truth, FIGURE, PRESETS["default"]).measure(fit)["pck@0.2/torso"] < 1
    dropping = replace(PRESETS["default"], drop_lost=True)
    assert Judge(truth, FIGURE, dropping).measure(fit)["pck@0.2/torso"] == 1


def test_what_the_data_lack_is_told():
    with pytest.raises(ConfigError, match="mpii-official divides by a length that the data annotate"):
        Judge(people(MPII, reference=False), MPII, PRESETS["mpii-official"])
    with pytest.raises(ConfigError, match=r"there is no 'mpii-offical' \(did you mean 'mpii-official'\?\)"):
        protocol_of("mpii-offical")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_itself_and_its_groups(name):
    protocol = protocol_of(name)
    assert protocol.name == name
    assert protocol.group is None or all(protocol.group in skeleton.groups for skeleton in SKELETONS.values())
    assert counted(protocol, people(FIGURE), np.ones(6)).shape == (6, 14)
