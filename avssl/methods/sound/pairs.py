"""Pairs of pictures and sounds: which belong together, which make false pairs, and how well both are told apart.

Negatives are made by exchanging the sounds of a batch, so that pictures and sounds are the same on both sides and only
a cue that lies in both together can help. Sampling negatives in another way than positives leaves traces: a start of
the sound off the pictures' grid gave AVE-Net 87.6 % where honest pairs give 81.9 % (Arandjelovic and Zisserman,
"Objects that Sound", ECCV 2018, section 3.3).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avssl.losses import pair_verification
from avssl.methods.base import Batch
from avssl.methods.inputs import to_float
from avssl.methods.recordings import in_company, recordings_of
from avssl.nets import SpectrogramMask
from avssl.transforms import Draws, Transform
from avssl.transforms.base import apply_views
from avssl.transforms.draws import index_of, stream_of


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pictures and the sounds that belong to them, a row each.

    Args:
        pictures: float in [0, 1], ``(pairs, frames, 3, H, W)``, after the views.
        sound: float ``(pairs, channels, samples)``.
        key: identifies each pair, int64 ``(pairs, parts)``.
        video: which item of the batch each is from, ``(pairs,)``.
        heard: False where the sound is silent or missing, ``(pairs,)``: such a pair counts nowhere.
        label: classes where the data has them, for measuring alone, ``(pairs,)``; None without.
        recording: a number for the recording of each, ``(pairs,)``: several items may be of one, see
            `avssl.methods.recordings`. Only sounds of another recording are false.
    """

    pictures: Tensor
    sound: Tensor
    key: Tensor
    video: Tensor
    heard: Tensor
    label: Tensor | None
    recording: Tensor

    def __len__(self) -> int:
        return len(self.sound)


def pairs_of(batch: Batch, views: Sequence[Transform], train: bool, rate: int | None = None) -> Pairs:
    """Return the pairs of a batch: each clip and its window of sound.

    Args:
        batch: ``frames`` ``(videos, clips, frames, 3, H, W)``, uint8 or float in [0, 1]; ``sound``, float ``(videos,
            clips, channels, samples)``; ``key`` ``(videos, parts)``; optionally ``silent`` ``(videos, clips)`` and
            ``label``.
        views: transforms of the pictures, drawn for each clip.
        train: whether views are drawn; otherwise they are those of evaluation.
        rate: samples a second that the sound encoder is made for; None does not ask.

    Raises:
        ValueError: if the batch has no sound, sound of another rate, or another number of windows than of clips.
    """
    frames, sound = batch["frames"], sound_of(batch, rate)
    videos, clips = frames.shape[:2]
    if sound.shape[:2] != (videos, clips):
        raise ValueError(f"each clip needs one window of sound; got {clips} clips and {sound.shape[1]} windows")
    device = frames.device
    video = torch.arange(videos, device=device).repeat_interleave(clips)
    clip = torch.arange(clips, device=device).repeat(videos)
    key = torch.cat([batch["key"][video], clip[:, None]], 1)
    pictures = view_clips(to_float(frames.flatten(0, 1)), key, views, train)
    silent = batch.get("silent")
    heard = torch.ones(len(key), dtype=torch.bool, device=device) if silent is None else ~silent.flatten()
    label = batch["label"][video] if "label" in batch else None
    return Pairs(pictures, sound.flatten(0, 1), key, video, heard, label, recordings_of(batch)[video])


def sound_of(batch: Batch, rate: int | None = None) -> Tensor:
    """Return the sound of a batch, ``(items, windows, channels, samples)``.

    Raises:
        ValueError: if it has none, or of another rate than ``rate``.
    """
    if "sound" not in batch:
        raise ValueError(
            "these data have no sound: choose it with the sampler (WithSound around another) and set sound_rate"
        )
    came = int(batch["sound_rate"][0]) if "sound_rate" in batch else rate
    if rate is not None and came != rate:
        raise ValueError(
            f"the sound has {came} samples a second and the encoder's spectrogram is made for {rate}: set "
            f"sound_rate={rate} on the data, or the rate of the SpectrogramSpec"
        )
    return batch["sound"]


def view_clips(pictures: Tensor, key: Tensor, views: Sequence[Transform], train: bool = False) -> Tensor:
    """Return pictures in [0, 1], ``(N, frames, 3, H, W)``, after views drawn by key, or as evaluation sees them."""
    return apply_views(views, pictures, Draws(key), train)


def partners(key: Tensor, recording: Tensor, places: int = 1) -> Tensor:
    """Return whose sound each picture gets as a negative, ``(pairs,)``: that of another recording, each used once.

    Recordings are put in a ring by chance and each takes the sounds of the next: every sound is used as often as
    before. Only where more than half of the pairs are of one recording, some of it are left with its own: they must
    not count.

    Args:
        key: identifies each pair; the only source of chance. Pairs of one item (its index, the third part) are of one
            recording whatever ``recording`` holds.
        recording: the recording of each pair, any numbers.
        places: how far along the ring, up to `turns`; each gives other partners.

    Raises:
        ValueError: if there is one recording alone, or ``places`` lead back to it.

    Examples:
        >>> key, recording = torch.arange(6)[:, None], torch.tensor([0, 0, 1, 1, 2, 2])
        >>> found = partners(key, recording)
        >>> bool((recording[found] != recording).all()), found.sort().values.tolist()
        (True, [0, 1, 2, 3, 4, 5])
    """
    first = first_of(key, recording)
    counts = torch.bincount(first)
    if int((counts > 0).sum()) < 2:
        raise ValueError("negatives are sounds of other recordings: use a batch of at least 2 recordings")
    if not 1 <= places <= turns(key, recording):
        raise ValueError(
            f"places must be 1 to {turns(key, recording)} in a batch of {int((counts > 0).sum())} recordings; got "
            f"{places}"
        )
    chance = Draws(key).uniform(1).flatten()[first]
    order = first.argsort(stable=True)
    order = order[chance[order].argsort(stable=True)]
    following = torch.empty_like(order)
    following[order] = order.roll(-places * int(counts.max()))
    return following


def turns(key: Tensor, recording: Tensor) -> int:
    """Return how many different partners `partners` has for each pair; at least 1."""
    first = first_of(key, recording)
    return max(1, len(first) // int(torch.bincount(first).max()) - 1)


def first_of(key: Tensor, recording: Tensor) -> Tensor:
    """Return the first pair that is of the same recording or item as each, ``(pairs,)``."""
    same = recording[:, None] == recording
    if key.shape[1] > 2:
        same = same | (index_of(key)[:, None] == index_of(key))
    return same.int().argmax(1)


def louder(sound: Tensor, key: Tensor, gain: float) -> Tensor:
    """Return windows of sound with a gain of each drawn in [1 - gain, 1 + gain), as the papers do with 0.1.

    Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, section 3.2: up to 10 %, constant over the window.
    """
    draws = Draws(stream_of(key, -2))  # a stream of its own, whatever the views drew
    return sound * draws.uniform(1, 1, low=1 - gain, high=1 + gain)


def jittered(
    pairs: Pairs, gain: float, masks: SpectrogramMask | None
) -> tuple[Tensor, Callable[[Tensor], Tensor] | None]:
    """Return windows of sound with a gain drawn for each, and what is to be done to their spectrograms in training."""
    sound = louder(pairs.sound, pairs.key, gain)
    if masks is None:
        return sound, None
    draws = Draws(stream_of(pairs.key, -4))
    chance = draws.uniform(masks.draws)
    return sound, lambda spectrograms: masks(spectrograms, chance)


def verify_pairs(
    decide: Callable[[Tensor, Tensor], Tensor], pictures: Tensor, sounds: Tensor, pairs: Pairs, negatives: int = 1
) -> dict[str, Tensor]:
    """Return ``loss`` and ``accuracy`` of true pairs against pairs with the sounds of other recordings.

    Args:
        decide: logits of what was made of pictures and of sounds, row by row.
        pictures: one row per pair.
        sounds: likewise.
        pairs: they were made of.
        negatives: how many other sounds each picture gets, at most one of each other recording. Together they weigh as
            much as the true one.
    """
    rounds = min(negatives, turns(pairs.key, pairs.recording))
    found = torch.stack([partners(pairs.key, pairs.recording, places) for places in range(1, rounds + 1)])
    false = torch.stack([decide(pictures, sounds[partner]) for partner in found])
    other = pairs.recording[found] != pairs.recording
    return pair_verification(decide(pictures, sounds), false, pairs.heard & other[0], pairs.heard[found] & other)


def check_negatives(negatives: int) -> int:
    """Return a number of negatives, or complain about it."""
    if negatives < 1:
        raise ValueError(f"negatives must be at least 1; got {negatives}")
    return negatives


@torch.no_grad()
def measure_pairs(
    score: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[Batch],
    views: Sequence[Transform],
    rate: int | None = None,
) -> dict[str, float]:
    """Return how well true and false pairs are told apart over a data set.

    A batch of one recording alone, such as a lone last item, is measured together with its neighbour.

    Args:
        score: logits of pictures and sounds, row by row.
        batches: as for training.
        views: those of evaluation are applied.
        rate: samples a second that the sound encoder is made for.

    Returns:
        ``loss`` in nats; ``accuracy`` and ``auc`` against sounds of other recordings, and their ``chance``, 0.5; where
        the data has classes ``accuracy_other_class`` against sounds of another class, and ``ceiling``, the accuracy
        that knowing the class perfectly would give: negatives of the same class cannot be told apart; ``silent``, the
        share left out. Where some are left out because there is no sound of another recording for them, ``alone`` is
        their share.
    """
    from sklearn.metrics import roc_auc_score  # slow to import; needed only here

    found: dict[str, list[Tensor]] = {}
    for batch in in_company(batches):
        pairs = pairs_of(batch, views, train=False, rate=rate)
        lone = len(pairs.recording.unique()) < 2
        partner = torch.arange(len(pairs), device=pairs.key.device) if lone else partners(pairs.key, pairs.recording)
        true, false = score(pairs.pictures, pairs.sound), score(pairs.pictures, pairs.sound[partner])
        same = torch.ones_like(pairs.heard) if pairs.label is None else pairs.label == pairs.label[partner]
        other = pairs.recording[partner] != pairs.recording
        rows = {"true": true.float(), "false": false.float(), "same": same, "silent": ~pairs.heard, "alone": ~other}
        for name, value in (rows | {"heard": pairs.heard & other, "played": pairs.heard[partner] & other}).items():
            found.setdefault(name, []).append(value.cpu())
    rows = {name: torch.cat(several) for name, several in found.items()}
    heard, played = rows["heard"], rows["played"]
    true, false = rows["true"][heard], rows["false"][played]
    scores = {name: float(rows[name].float().mean()) for name in ("silent", "alone")}
    if not scores["alone"]:
        del scores["alone"]
    if not len(true) or not len(false):
        return scores | {"loss": float("nan"), "accuracy": float("nan"), "auc": float("nan")}
    verified = pair_verification(rows["true"], rows["false"], heard, played)
    truth = torch.cat([torch.ones_like(true), torch.zeros_like(false)])
    scores |= {name: value.item() for name, value in verified.items()}
    scores["auc"] = float(roc_auc_score(truth.numpy(), torch.cat([true, false]).numpy()))
    other = rows["false"][played & ~rows["same"]]
    if len(other):
        scores["accuracy_other_class"] = ((true > 0).float().mean().item() + (other <= 0).float().mean().item()) / 2
        scores["ceiling"] = 1 - float((rows["same"] & played).sum() / played.sum()) / 2
    return scores | {"chance": 0.5}
