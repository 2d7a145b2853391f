"""What sound costs: loading it beside the picture, its spectrogram, and both beside a training step.

``python benchmarks/audio_visual.py [FOLDER]``, on the demo band, and on the recordings with sound of a folder or a
manifest (by default those that ``datasets/samples/prepare.py`` gathered). Loading is CPU time of the same looks with
sound and without, in turns; of each look the least of the rounds counts, so that what else the machine does counts
little. The ratio is that of the sums; beside it stand the ratios of single looks, from the tenth of a hundred to the
ninetieth.
"""

import sys
import time
from copy import copy

import numpy as np
import torch

from avssl.data import Videos
from avssl.media import MediaError, open_video
from avssl.methods import AVE
from avssl.nets import SmallSound, SmallVision, SoundTower, Spectrogram, SpectrogramSpec
from avssl.sampling import Sampler, Segments, UniformClips, WithSound, frames

ROUNDS, LOOKS = 6, 24


def loading(name: str, data: Videos, sampler: Sampler, seconds: float | None, rate: int) -> None:
    """Print the cost of looks with and without sound at the same recordings and frames."""
    plain, both = copy(data), copy(data)
    plain.recordings = both.recordings = data.recordings[:LOOKS]
    plain.sampler, both.sampler = sampler, WithSound(sampler=sampler, seconds=seconds, edge="shift")
    both.sound_rate = rate
    times = np.empty((ROUNDS, LOOKS, 2))  # seconds, without sound and with it
    for number in range(ROUNDS):
        for look in range(LOOKS):
            for kind, one in enumerate((plain, both)):
                started = time.process_time()
                one[divmod(look, len(one))]
                times[number, look, kind] = time.process_time() - started
    least = times[1:].min(axis=0)  # the first round filled the caches of scans
    alone, together = 1e3 * least.mean(axis=0)
    low, high = np.quantile(least[:, 1] / least[:, 0], (0.1, 0.9))
    print(
        f"{name}: {alone:.1f} ms a look, {together:.1f} ms with sound: {together / alone:.2f} times, "
        f"of single looks {low:.2f} to {high:.2f} (asked: at most 1.25)",
        flush=True,
    )


def heard(source: str, size: tuple[int, int]) -> Videos | None:
    """Return the recordings of a source that have sound and at least 32 frames; None without any."""
    try:
        data = Videos(source, Segments(count=1), size=size)
    except ValueError as error:
        print(f"left out: {error}")
        return None
    kept = []
    for recording in data.recordings:
        try:
            with open_video(recording.path) as video:
                if video.timeline.sound is not None and len(video) >= 32:
                    kept.append(recording)
        except MediaError:
            continue
    data.recordings = kept
    return data if kept else None


def spectrograms() -> None:
    """Print what the front end costs on this device, and beside a training step."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for name, spec in (("64 mel bands, 16 kHz", SpectrogramSpec()), ("257 x 200, 48 kHz", SpectrogramSpec.ots())):
        front, sound = Spectrogram(spec).to(device), torch.randn(64, 1, spec.rate, device=device)
        print(f"spectrograms of {name} on {device}: {64 / took(lambda: front(sound), device):,.0f} s of sound a second")  # noqa: B023
    method = AVE(SmallVision(), SmallSound(spec=SpectrogramSpec(shrink=2))).to(device)
    tower = SoundTower().to(device)
    key = torch.arange(64)[:, None].repeat(1, 3)
    batch = {
        "frames": torch.randint(0, 255, (64, 1, 1, 3, 48, 48), dtype=torch.uint8, device=device),
        "sound": torch.randn(64, 1, 1, 16000, device=device),
        "key": key.to(device),
    }
    step = took(lambda: method(batch)["loss"].backward(), device)
    spectrum = took(lambda: method.sound.front(batch["sound"][:, 0]), device)
    print(f"of a step of the small AVE-Net with 64 pairs the spectrogram takes {spectrum / step:.0%}")
    sound = torch.randn(4, 1, 48000, device=device)
    whole, part = took(lambda: tower(sound), device), took(lambda: tower.front(sound), device)
    print(f"of a pass of the paper's sound tower it takes {part / whole:.1%}")


def took(work, device: str) -> float:
    """Return the least of five durations, in seconds, after one that does not count."""
    least = float("inf")
    for number in range(6):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        if number:
            least = min(least, time.perf_counter() - started)
    return least


def compare() -> None:
    """Compare on the demo band and on the recordings that were named."""
    torch.set_num_threads(1)
    one = Segments(count=1, pick="random")
    for world, side in (("band-easy", 48), ("band", 72)):
        band = Videos(f"demo:{world}", Segments(count=3), split="heldout", size=(side, side))
        loading(f"demo {world}, 3 frames and 1 s each", band, Segments(count=3, pick="random"), 1.0, 16000)
    found = heard(sys.argv[1] if len(sys.argv) > 1 else "cache:samples", (224, 224))
    if found is not None:
        count = len(found.recordings)
        loading(f"{count} recordings, 16 frames by 2", found, UniformClips(frames=16, stride=frames(2)), None, 16000)
        loading(f"{count} recordings, 1 frame and 1 s", found, one, 1.0, 48000)
        loading(f"{count} recordings, 8 frames and 1 s each", found, Segments(count=8, pick="random"), 1.0, 16000)
    spectrograms()


if __name__ == "__main__":
    compare()
