"""A teacher: a copy of a network that follows it as a moving average.

Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017, https://arxiv.org/abs/1703.01780; He et al.
(MoCo), https://arxiv.org/abs/1911.05722; Grill et al. (BYOL), section 3.2, https://arxiv.org/abs/2006.07733.
"""

import copy
import math
from typing import Any, Literal

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Teacher(nn.Module):
    """A copy whose weights move a little towards the student's after each step; it never gets a gradient.

    The copy is made from the student's first weights and is part of checkpoints. Torch's `AveragedModel` differs in
    two ways that matter here: its first update takes the student's weights over whole, and it copies the student's
    buffers; the average itself is torch's.

    Args:
        student: what is copied; it is not kept.
        momentum: share of the teacher that each update keeps, in [0, 1].
        ramp: ``"none"`` keeps ``momentum``; ``"cosine"`` raises it to 1 over the run (BYOL, MoCo v3).
        buffers: ``"own"``: batch statistics are those of the teacher's own passes (MoCo, BYOL); ``"copied"``: each
            update takes over the student's.

    Raises:
        ValueError: if a setting cannot be.

    Examples:
        >>> student = nn.Linear(2, 1)
        >>> teacher = Teacher(student, momentum=0.75)
        >>> before = teacher.network.weight.clone()
        >>> nn.init.zeros_(student.weight)
        Parameter containing:
        tensor([[0., 0.]], requires_grad=True)
        >>> teacher.update(student, step=1, steps=10)
        >>> torch.equal(teacher.network.weight, 0.75 * before)
        True
    """

    def __init__(
        self,
        student: nn.Module,
        momentum: float = 0.996,
        ramp: Literal["none", "cosine"] = "none",
        buffers: Literal["own", "copied"] = "own",
    ):
        super().__init__()
        if not 0 <= momentum <= 1 or ramp not in ("none", "cosine") or buffers not in ("own", "copied"):
            raise ValueError(
                "needs momentum in [0, 1], ramp 'none' or 'cosine' and buffers 'own' or 'copied'; got "
                f"{momentum}, {ramp!r}, {buffers!r}"
            )
        self.momentum, self.ramp, self.buffers_from = momentum, ramp, buffers
        self.network = copy.deepcopy(student).requires_grad_(False)

    def momentum_at(self, step: int, steps: int) -> float:
        """Return the momentum after step number ``step``, counted from 1, of ``steps``; with a ramp the last one is 1.

        Raises:
            ValueError: if there is no such step.
        """
        if not 0 <= step <= steps or steps < 1:
            raise ValueError(f"needs a step of 0 to steps, and steps at least 1; got step {step} of {steps}")
        if self.ramp == "none":
            return self.momentum
        return 1 - (1 - self.momentum) * (math.cos(math.pi * step / steps) + 1) / 2

    @torch.no_grad()
    def update(self, student: nn.Module, step: int, steps: int) -> None:
        """Move towards the student, after its optimiser's step.

        Args:
            student: a network of the same parameters.
            step: number of the step that was made, counted from 1.
            steps: of the whole run.

        Raises:
            ValueError: if the student has other parameters or buffers, or there is no such step.
        """
        momentum = self.momentum_at(step, steps)
        own, others = dict(self.network.named_parameters()), dict(student.named_parameters())
        statistics, theirs = dict(self.network.named_buffers()), dict(student.named_buffers())
        if own.keys() != others.keys() or statistics.keys() != theirs.keys():
            different = sorted((own | statistics).keys() ^ (others | theirs).keys())
            raise ValueError(f"teacher and student must have the same parameters and buffers; one lacks {different[0]}")
        for name, value in (own | statistics).items():
            other = (others | theirs)[name]
            if value.shape != other.shape:
                raise ValueError(
                    f"teacher and student must have the same shapes; {name} is {tuple(value.shape)} here and "
                    f"{tuple(other.shape)} in the student"
                )
        if own:
            get_ema_multi_avg_fn(momentum)(tuple(own.values()), tuple(others.values()), 0)
        if self.buffers_from == "copied":
            for name, value in statistics.items():
                value.copy_(theirs[name])

    @torch.no_grad()
    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """Return what the teacher makes of inputs, without gradient."""
        return self.network(*inputs, **settings)
