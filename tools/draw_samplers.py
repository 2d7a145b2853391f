"""Draw what each sampler chooses: ``python tools/draw_samplers.py [OUT.png]``; docs/pictures/samplers.png if none."""

from argparse import ArgumentParser
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("agg")

from matplotlib import pyplot

from avssl.sampling import (
    DenseClips,
    MisalignedSound,
    MotionWeighted,
    OrderedClips,
    OrderedFrames,
    PairOfClips,
    RandomClip,
    Segments,
    SlidingClips,
    Timeline,
    UniformClips,
    WithSound,
    frames,
    rng_for,
)

FILM = Timeline.constant(frames=80, rate=25, sound=(0.0, 3.2)).with_motion(np.exp(-(((np.arange(80) - 56) / 9) ** 2)))
CLIP = RandomClip(frames=6, stride=frames(2))
SHOWN = {
    "RandomClip": CLIP,
    "UniformClips": UniformClips(frames=6, stride=frames(2), count=4),
    "SlidingClips (tail=backfill)": SlidingClips(frames=6, stride=frames(2), hop=frames(16), tail="backfill"),
    "Segments (pick=random)": Segments(count=8, pick="random", joined=True),
    "DenseClips": DenseClips(frames=3, stride=frames(2), count=4, window=frames(40)),
    "PairOfClips (far)": PairOfClips(frames=6, stride=frames(2), gap=(frames(30), None)),
    "OrderedClips": OrderedClips(clips=3, frames=5, stride=frames(2), gap=(frames(4), frames(12))),
    "OrderedFrames": OrderedFrames(tau_max=frames(20), tau_min=frames(6)),
    "MotionWeighted (where it is grey)": MotionWeighted(sampler=CLIP, candidates=32),
    "WithSound": WithSound(sampler=CLIP, seconds=0.6, align="centre"),
    "MisalignedSound": MisalignedSound(sampler=WithSound(sampler=CLIP), offset=(0.6, 1.2)),
}
DRAWS = 3
COLOURS = ("red", "blue", "green", "purple", "cyan", "olive")


PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "samplers.png"


def main(path: Path = PICTURE) -> None:
    """Draw three draws of each sampler on one recording of 80 frames."""
    figure, axes = pyplot.subplots(len(SHOWN), 1, figsize=(8, 8.8), sharex=True, layout="constrained")
    for axis, (title, sampler) in zip(axes, SHOWN.items(), strict=True):
        if sampler.needs_motion and FILM.motion is not None:
            ground = DRAWS - 0.4
            axis.fill_between(range(len(FILM)), ground, ground - DRAWS * FILM.motion, color="0.85", linewidth=0)
        for draw in range(DRAWS):
            clips = sampler(FILM, rng_for(0, epoch=0, sample=draw))
            for clip, (index, colour) in enumerate(zip(clips.index, COLOURS, strict=False)):
                height = draw - 0.12 * clip
                axis.plot(index, np.full(len(index), height), "o-", color=f"tab:{colour}", ms=3, lw=0.7)
                if clips.sound is not None:
                    start, end = clips.sound[clip] * FILM.rate
                    axis.barh(height - 0.3, end - start, 0.2, start, color="tab:orange", alpha=0.6)
        axis.set(yticks=[], ylim=(DRAWS - 0.4, -0.6), xlim=(-1, len(FILM)))
        axis.set_title(title, fontsize=8, loc="left", pad=2)
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes[-1].set_xlabel("frame; three draws a sampler, one colour a clip, bars are windows of sound")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Software": None})


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=PICTURE, help="the picture to write")
    main(parser.parse_args().out)
