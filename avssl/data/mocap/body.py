"""The body: joints and bones of the humanoid that comes with pybullet, for whom the motions were made; flesh of ours.

The humanoid's own flesh is balls and sticks that do not meet.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

Place = tuple[float, float, float]


class Capsule(NamedTuple):
    """A bar with round ends along one axis; places and radius in metres, from the link's joint."""

    start: Place
    end: Place
    radius: float


class Link(NamedTuple):
    """A part of the body: what it hangs on, its joint's place on that (metres), how it turns, and its flesh.

    At rest the body stands with its face to +x, y up, its right side at +z.
    """

    parent: str
    place: Place
    kind: str
    flesh: tuple[Capsule, ...]


def _down(length: float, radius: float) -> tuple[Capsule, ...]:
    return (Capsule((0.0, 0.0, 0.0), (0.0, -length, 0.0), radius),)


def _arm(side: str, out: float) -> dict[str, Link]:
    """Return the links of an arm, whose names are those of the joints they begin at; ``out`` is 1 or -1."""
    return {
        f"{side}_shoulder": Link("chest", (-0.02405, 0.2435, 0.18311 * out), "spherical", _down(0.274788, 0.045)),
        f"{side}_elbow": Link(f"{side}_shoulder", (0.0, -0.274788, 0.0), "revolute", _down(0.258947, 0.038)),
        f"{side}_wrist": Link(f"{side}_elbow", (0.0, -0.258947, 0.0), "fixed", _down(0.06, 0.038)),
    }


def _leg(side: str, out: float) -> dict[str, Link]:
    foot = (Capsule((-0.03, -0.03, 0.0), (0.13, -0.03, 0.0), 0.038),)
    return {
        f"{side}_hip": Link("root", (0.0, 0.0, 0.084887 * out), "spherical", _down(0.421546, 0.062)),
        f"{side}_knee": Link(f"{side}_hip", (0.0, -0.421546, 0.0), "revolute", _down(0.40987, 0.047)),
        f"{side}_ankle": Link(f"{side}_knee", (0.0, -0.40987, 0.0), "spherical", foot),
    }


_TRUNK = {
    "root": Link("base", (0.0, 0.0, 0.0), "fixed", (
        Capsule((0.0, 0.01, -0.07), (0.0, 0.01, 0.07), 0.075), Capsule((0.0, 0.05, 0.0), (0.0, 0.236, 0.0), 0.085),
    )),
    "chest": Link("root", (0.0, 0.236151, 0.0), "spherical", (
        Capsule((0.0, 0.0, 0.0), (0.0, 0.14, 0.0), 0.095), Capsule((-0.015, 0.205, -0.13), (-0.015, 0.205, 0.13), 0.06),
    )),
    "neck": Link("chest", (0.0, 0.223894, 0.0), "spherical", (
        Capsule((0.0, 0.0, 0.0), (0.0, 0.12, 0.0), 0.04), Capsule((0.0, 0.16, 0.0), (0.0, 0.19, 0.0), 0.09),
    )),
}  # fmt: skip
BODY = _TRUNK | _arm("right", 1.0) | _arm("left", -1.0) | _leg("right", 1.0) | _leg("left", -1.0)
LINKS = {name: number for number, name in enumerate(BODY)}  # pybullet numbers them so: each with its children after it
HEAD = 0.175  # metres from the neck's joint to the middle of the head
JOINTS: tuple[str, ...] = (  # in the order of the skeleton "figure"
    "head", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
OWN = {  # the limbs that meet at a joint; none of them hides it
    "head": ("neck",), "neck": ("neck",),
    "shoulder": ("shoulder",), "elbow": ("shoulder", "elbow"), "wrist": ("elbow", "wrist"),
    "hip": ("hip",), "knee": ("hip", "knee"), "ankle": ("knee", "ankle"),
}  # fmt: skip
_MASS = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'  # unused


def own_links(joint: str) -> tuple[str, ...]:
    """Return the links that a joint lies in.

    Examples:
        >>> own_links("left_knee"), own_links("right_hip"), own_links("head")
        (('left_hip', 'left_knee'), ('right_hip',), ('neck',))
    """
    side, _, kind = joint.rpartition("_")
    return tuple(name if name in LINKS else f"{side}_{name}" for name in OWN[kind])


def described(stoutness: float) -> str:
    """Return the body in pybullet's language (URDF), its limbs so many times as thick as usual."""
    parts = ['<robot name="body">', f'<link name="base">{_MASS}</link>']
    for name, link in BODY.items():
        parts.append(f'<link name="{name}">{_MASS}')
        parts += [_flesh(capsule, stoutness) for capsule in link.flesh]
        axis = "0 0 1" if link.kind == "revolute" else "1 0 0"
        parts.append(
            f'</link><joint name="{name}" type="{link.kind}"><parent link="{link.parent}"/><child link="{name}"/>'
            f'<origin xyz="{_words(link.place)}"/><axis xyz="{axis}"/>'
            '<limit effort="1000" lower="-4" upper="4" velocity="10"/></joint>'
        )
    return "\n".join([*parts, "</robot>"])


def _flesh(capsule: Capsule, stoutness: float) -> str:
    way = np.abs(np.subtract(capsule.end, capsule.start))
    turn = ((0.0, math.pi / 2, 0.0), (math.pi / 2, 0.0, 0.0), (0.0, 0.0, 0.0))[way.argmax()]  # a capsule lies along z
    middle = np.add(capsule.start, capsule.end) / 2
    return (
        f'<visual><origin xyz="{_words(middle)}" rpy="{_words(turn)}"/><geometry>'
        f'<capsule length="{way.max()}" radius="{capsule.radius * stoutness}"/></geometry></visual>'
    )


def _words(numbers: Iterable[float]) -> str:
    return " ".join(str(float(number)) for number in numbers)
