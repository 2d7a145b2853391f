"""Protocols by name: the correct default, and what sources report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from avssl.config import ConfigError
from avssl.config.errors import suggest
from avssl.evaluation.keypoints.protocols import DEFAULT, Normaliser, Protocol
from avssl.metrics.pck import TO_FIFTH

FROM_ZERO = tuple(round(0.01 * step, 2) for step in range(51))  # 0:0.01:0.5 of MPII's evaluatePCKh.m

HEADS = Protocol(normaliser="reference", thresholds=(0.5, 0.1), average="all", group="full", grid=FROM_ZERO,
                 area="trapezoids")  # fmt: skip

PRESETS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(),
        Protocol(
            name="flic-oc@0.2",
            departs="Divides by the distance of the person's right shoulder and left hip, as annotated, and tells the "
            "mean of shoulders, elbows and wrists, named by the observer: read the data with naming: observer. Its "
            "curve is PDJ (Sapp and Taskar, CVPR 2013), 0 to 0.2. Tompson et al., NIPS 2014, and after; MODEC's own "
            "code divides by the other diagonal, left shoulder to right hip.",
            normaliser="reference",
            thresholds=(0.2, 0.1),
            grid=TO_FIFTH,
            group="upper",
        ),
        replace(
            HEADS,
            name="mpii-official",
            departs="PCKh: divides by 0.6 of the diagonal of the head's box, and pools the joints of all people, "
            "pelvis and thorax left out, so that joints which are labelled more often weigh more; the area is that of "
            "trapezoids from 0. evaluatePCKh.m and computePCK.m of Andriluka et al., CVPR 2014.",
        ),
        replace(
            HEADS,
            name="simplebaseline",
            departs="As mpii-official: its mean weighs joints by how often they are labelled. What its code prints as "
            "Mean@0.1 is read at 0.11, the twelfth of the thresholds 0, 0.01, ... Xiao et al., ECCV 2018, mpii.py.",
            thresholds=(0.5, 0.11),
        ),
        replace(
            HEADS,
            name="pytorch-pose",
            departs="As mpii-official, but on the threshold is wrong, and each of the 14 joints weighs the same. "
            "eval_PCKh.py of the stacked hourglass in PyTorch (bearpaw/pytorch-pose).",
            comparison="<",
            average="joints",
        ),
        Protocol(
            name="jhmdb-crw",
            departs="Divides by 0.6 of the diagonal of the joints' box. Joints that were lost are left out, of the box "
            "and of the count, so that losing one can raise the score; the first frame, which label propagation is "
            "given, is left out too. eval_pck.py of Jabri et al., NeurIPS 2020.",
            normaliser="joints box",
            thresholds=(0.1, 0.2, 0.3, 0.4, 0.5),
            drop_lost=True,
            skip_first=True,
        ),
        Protocol(
            name="shuffle-and-learn",
            departs="Divides by FLIC's torso, as annotated, and tells the mean of seven joints (skeleton: flic7) on "
            "crops cut around the true joints (crop: joints), which tell where the person is. The threshold is not "
            "published; its area fits one that ends at 0.5. For its MPII columns (upper, full, area) take "
            "mpii-official. Misra et al., ECCV 2016, section 5.",
            normaliser="reference",
            thresholds=(0.5, 0.2),
            group="full",
        ),
    )
}


def protocol_of(
    name: str,
    thresholds: Sequence[float] | None = None,
    normaliser: Normaliser | None = None,
    length: float | None = None,
) -> Protocol:
    """Return the protocol called ``name``, with other thresholds where they are given.

    Args:
        name: one of `PRESETS`.
        thresholds: of the PCKs, in place of the protocol's.
        normaliser: in place of the default's torso; presets have their own.
        length: in pixels, of the normaliser ``"pixels"``.

    Raises:
        ConfigError: if there is no such protocol, or the settings do not fit it.
    """
    if name not in PRESETS:
        raise ConfigError(f"protocol: there is no {name!r}{suggest(name, PRESETS)}; there is {', '.join(PRESETS)}")
    if name != DEFAULT and (normaliser or length):
        raise ConfigError(f"protocol: {name} has a normaliser of its own; set normaliser and length with the default")
    if (length is not None) != (normaliser == "pixels") or not (length is None or length > 0):
        raise ConfigError(f"length is that of normaliser: pixels, above 0; got {normaliser=}, {length=}")
    if thresholds is not None and (not thresholds or min(thresholds) <= 0):
        raise ConfigError(f"thresholds must be lengths above 0, got {list(thresholds)}")
    chosen = PRESETS[name]
    return replace(
        chosen,
        thresholds=tuple(thresholds) if thresholds else chosen.thresholds,
        normaliser=normaliser or chosen.normaliser,
        length=length or chosen.length,
    )
