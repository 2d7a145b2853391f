"""DINO: a network predicts how its own slow copy shares out another view over prototypes.

Caron et al., "Emerging Properties in Self-Supervised Vision Transformers", ICCV 2021, section 3,
https://arxiv.org/abs/2104.14294; numbers are those of the authors' code (``main_dino.py``).
"""

import torch
from torch import Tensor

from avssl.distributed import all_gather
from avssl.methods.base import Batch
from avssl.methods.views import Embedder, MultiViewMethod, Recipes
from avssl.nets import Encoder, Prototypes, Teacher, named_projector


class DINO(MultiViewMethod):
    """The student's shares of all views are drawn to the teacher's shares of the first ones, the large crops.

    The teacher's logits are centred, which alone would make all shares equal, and sharpened, which alone would give all
    to one prototype: both together keep from a collapse. ``entropy`` and ``kl`` tell the two apart: a fall of the
    entropy to 0 is the one, a rise to ``log(prototypes)`` the other, and the ``kl`` is then 0.

    Args:
        encoder: of pictures or of clips.
        views: the transforms of each view (section 3.1: two crops of more than half the area, several small ones).
        teacher_views: how many of the first views the teacher sees; the student sees all.
        prototypes: numbers behind the head (65,536).
        hidden: numbers between the layers of the head (2,048).
        bottleneck: length of the unit vectors that are compared with prototypes (256).
        momentum: of the teacher at the start; it rises to 1 (0.996).
        centre_momentum: of the mean of the teacher's logits (0.9).
        temperature: of the student (0.1).
        teacher_temperature: from where to where the teacher's rises (0.04, 0.07).
        warmup: steps in which it rises (30 epochs).
        frozen: steps in which the prototypes stay as they are (one epoch).

    Raises:
        ValueError: if views are fewer than two, or a number cannot be.

    Examples:
        >>> from avssl.nets import SmallNet
        >>> from avssl.transforms.recipes import swav
        >>> views = swav(size=24, small=16, small_views=2)
        >>> method = DINO(SmallNet(dim=16, width=4), views, prototypes=32, hidden=16, bottleneck=8)
        >>> sorted(method(torch.rand(4, 3, 32, 32)))
        ['entropy', 'kl', 'loss']
    """

    centre: Tensor
    steps: Tensor

    def __init__(
        self,
        encoder: Encoder,
        views: Recipes,
        teacher_views: int = 2,
        prototypes: int = 65536,
        hidden: int = 2048,
        bottleneck: int = 256,
        momentum: float = 0.996,
        centre_momentum: float = 0.9,
        temperature: float = 0.1,
        teacher_temperature: tuple[float, float] = (0.04, 0.07),
        warmup: int = 0,
        frozen: int = 0,
    ):
        super().__init__(encoder, views)
        if not 1 <= teacher_views <= len(self.views) or min(warmup, frozen) < 0 or not 0 <= centre_momentum < 1:
            raise ValueError(
                f"needs teacher_views from 1 to the {len(self.views)} views, warmup and frozen of at least 0 and "
                f"centre_momentum in [0, 1); got {teacher_views}, {warmup}, {frozen} and {centre_momentum}"
            )
        if not min(temperature, *teacher_temperature) > 0:
            raise ValueError(f"temperatures must be above 0; got {temperature} and {tuple(teacher_temperature)}")
        self.teacher_views, self.centre_momentum, self.temperature = teacher_views, centre_momentum, temperature
        self.teacher_temperature, self.warmup, self.frozen = teacher_temperature, warmup, frozen
        self.head = named_projector("dino", encoder.dim, hidden=hidden, out=bottleneck)
        self.prototypes = Prototypes(bottleneck, prototypes)
        self.teacher = Teacher(self.student(), momentum, ramp="cosine")
        self.register_buffer("centre", torch.zeros(prototypes))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.fresh: list[Tensor] = []  # the teacher's logits since the last step

    def student(self) -> Embedder:
        """Return encoder, head and prototypes as one network."""
        return Embedder(self.encoder, self.head, self.prototypes)

    def forward(self, batch: Batch | Tensor) -> dict[str, Tensor]:
        """Compare the student's shares with the teacher's, of all pairs of different views.

        Args:
            batch: pictures or clips, as `avssl.methods.inputs.as_batch` takes them: a dict, or a tensor alone.

        Returns:
            ``loss``, the cross-entropy in nats: the sum of ``entropy``, of the teacher's shares, and ``kl``, of the
            student's from them.
        """
        _, views = self.views_of(batch)
        student = [rows.float() / self.temperature for rows in self.embed(views, together=True)]
        teacher = [self.teacher(view.frames).float() for view in views[: self.teacher_views]]
        if self.training:
            self.fresh += teacher
        wanted = [((rows - self.centre) / self.sharpness()).log_softmax(1) for rows in teacher]
        found = [rows.log_softmax(1) for rows in student]
        pairs = [(one, two) for one in range(len(wanted)) for two in range(len(found)) if one != two]
        entropy = torch.stack([-(wanted[one].exp() * wanted[one]).sum(1) for one, _ in pairs], 1)
        cross = torch.stack([-(wanted[one].exp() * found[two]).sum(1) for one, two in pairs], 1)
        entropy, cross = all_gather(entropy).mean(), all_gather(cross).mean()
        return {"loss": cross, "entropy": entropy, "kl": (cross - entropy).detach()}

    def sharpness(self) -> Tensor:
        """Return the teacher's temperature of now, one number."""
        low, high = self.teacher_temperature
        return low + (high - low) * (self.steps / max(1, self.warmup)).clamp(max=1)

    def after_backward(self, step: int, steps: int) -> None:
        """Move the centre; hold the prototypes still at first."""
        logits = all_gather(torch.cat(self.fresh))
        self.fresh.clear()
        self.centre.lerp_(logits.mean(0), 1 - self.centre_momentum)
        if step <= self.frozen:
            for parameter in self.prototypes.parameters():
                parameter.grad = None

    def after_step(self, step: int, steps: int) -> None:
        """Move the teacher, and count."""
        super().after_step(step, steps)
        self.steps.fill_(step)
