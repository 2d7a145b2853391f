"""CPC of sound: from what was heard so far, find what will be heard among everything else.

Van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, section 3.1,
https://arxiv.org/abs/1807.03748. Numbers with a star are from memory.
"""

import torch
from torch import Tensor, nn

from avssl.methods.base import Batch, Method
from avssl.methods.contrastive.cpc_loss import contrast_steps
from avssl.methods.inputs import drawn_key
from avssl.methods.recordings import recordings_of
from avssl.methods.sound.pairs import sound_of
from avssl.nets import SoundEncoder
from avssl.nets.waveform import EVERY, WaveEncoder
from avssl.transforms import Draws
from avssl.transforms.draws import numbered, stream_of

ANCHOR_STREAM = -5


class CPCSound(Method):
    """A GRU over the vectors of a waveform predicts each of the next ones, one linear map for each distance.

    Negatives are all other vectors of the batch, of the same window (the paper's "same speaker"*) and of windows of
    other recordings; those of other windows of the same recording, which may overlap, are none. Logits are plain inner
    products: the paper's score, without a temperature; Riviere et al.'s code takes the mean over dimensions, which is
    a temperature of as many as there are. Pictures of a batch are not looked at. Windows that are silent, or padded
    beyond their recording's end, count nowhere.

    Neighbouring vectors share samples (each sees 465, and the next begins 160 later): at distances 1 and 2 even noise
    can be predicted, which ``skip`` leaves out; the paper does not.

    Departures: the first and the last vector of a window, which see zeros beyond it, are neither predicted nor
    candidates, for these zeros tell their place; ``anchors`` draws some of the places to predict from, so that the
    table of logits is small, where the paper predicts from all; the maps begin at zero, so that the loss begins at that
    of chance (on the demo band it left it within 10 steps, from PyTorch's initial maps within 130, as these had to be
    unlearned first). The paper's windows are 20,480 samples at 16 kHz*.

    Args:
        sound: an encoder of waveforms; what is exported.
        steps: distances to predict, 10 ms each (12).
        skip: distances before them that are not asked for; 2 for those that share samples.
        anchors: places of a window to predict from, one in each of as many equal stretches, drawn by the window's key,
            in evaluation its middle; None for all.

    Raises:
        ValueError: for another kind of encoder, or a number that cannot be.

    Examples:
        >>> method = CPCSound(WaveEncoder(channels=8, dim=4), steps=2, anchors=3)
        >>> found = method({"sound": torch.randn(2, 1, 1, 1600)})
        >>> sorted(found), round(1 / found["chance"].item())
        (['accuracy', 'chance', 'heard', 'loss'], 16)
    """

    def __init__(self, sound: SoundEncoder, steps: int = 12, skip: int = 0, anchors: int | None = None):
        super().__init__()
        if not isinstance(sound, WaveEncoder):
            raise ValueError(f"CPCSound needs an encoder of waveforms, WaveEncoder; got {type(sound).__name__}")
        if steps < 1 or skip < 0 or (anchors is not None and anchors < 1):
            raise ValueError(
                f"steps and anchors must be at least 1, skip at least 0; got {steps}, {anchors} and {skip}"
            )
        self.sound, self.steps, self.skip, self.anchors = sound, steps, skip, anchors
        self.predict = nn.ModuleList(nn.Linear(sound.dim, sound.channels, bias=False) for _ in range(steps))
        for weight in self.predict.parameters():
            nn.init.zeros_(weight)

    @property
    def encoder(self) -> SoundEncoder:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoder of sounds; there is none of pictures."""
        return self.sound

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Predict what will be heard.

        Args:
            batch: ``sound`` ``(items, windows, channels, samples)``; optionally ``silent`` ``(items, windows)``,
                ``sound_valid`` ``(items, windows, samples)``, ``sound_rate``, ``key`` ``(items, parts)``, ``path`` and
                ``group``.

        Returns:
            ``loss`` in nats, ``accuracy`` and ``chance``: `avssl.losses.predictive_contrast`, the mean over distances;
            ``heard``, the share of windows that count.

        Raises:
            ValueError: if the batch has no sound, sound of another rate, or windows too short to predict in.
        """
        sound = sound_of(batch, self.sound.spec.rate)
        items, windows, _, samples = sound.shape
        around = 2 + self.skip + self.steps  # vectors from which nothing is predicted
        room = samples // EVERY - around
        if room < (self.anchors or 1):
            raise ValueError(
                f"predicting {self.skip + self.steps} steps ahead from {self.anchors or 1} places needs windows of "
                f"{(around + (self.anchors or 1)) * EVERY} samples; got {samples}: ask for more seconds, or "
                "set fewer steps or anchors"
            )
        key = batch["key"] if "key" in batch else drawn_key(items, sound.device)
        latents, contexts = (each[:, 1:-1] for each in self.sound.sequences(sound.flatten(0, 1)))
        times = self.times(numbered(key, windows).flatten(0, 1), room)
        summed = contexts.gather(1, times[..., None].expand(-1, -1, contexts.shape[2]))
        steps = [(predict(summed), times + ahead) for ahead, predict in enumerate(self.predict, start=self.skip + 1)]
        heard = self.heard(batch)
        recordings = recordings_of(batch).to(sound.device).repeat_interleave(windows)
        return contrast_steps(steps, latents, recordings, heard) | {"heard": heard.float().mean()}

    def times(self, keys: Tensor, room: int) -> Tensor:
        """Return the vectors of each window to predict from, of the first ``room``, int64 ``(windows, anchors)``."""
        if self.anchors is None:
            return torch.arange(room, device=keys.device).expand(len(keys), -1)
        place = torch.arange(self.anchors, device=keys.device)
        drawn = Draws(stream_of(keys, ANCHOR_STREAM)).uniform(self.anchors) if self.training else 0.5
        return ((place + drawn) * (room / self.anchors)).long().expand(len(keys), -1).clamp(max=room - 1)

    def heard(self, batch: Batch) -> Tensor:
        """Return which windows count, bool ``(items * windows,)``: neither silent nor padded."""
        sound = batch["sound"]
        heard = torch.ones(sound.shape[:2], dtype=torch.bool, device=sound.device)
        if "silent" in batch:
            heard = heard & ~batch["silent"]
        if "sound_valid" in batch:
            heard = heard & batch["sound_valid"].all(2)
        return heard.flatten()
