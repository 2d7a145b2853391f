"""What feeds the loop: a bad recording ends the run in one line, whoever loaded it."""

import pytest
from lightning_fabric import Fabric

from avssl.data import Videos
from avssl.sampling import UniformClips, frames
from avssl.training.errors import TrainingError
from avssl.training.feed import Feed, batches_of


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_recording_is_told_in_one_line_with_what_to_do(tmp_path, workers):
    (tmp_path / "bad.mp4").write_text("no video")
    data = Videos(tmp_path, UniformClips(count=1, frames=2, stride=frames(1)))
    fabric = Fabric(accelerator="cpu", devices=1)
    feed = Feed(fabric, data, batch_size=1, seed=0, start=0, workers=workers, prefetch=1)
    for ask in (lambda: feed.take(1), lambda: list(batches_of(fabric, data, 0, None, batch_size=1, workers=workers))):
        with pytest.raises(TrainingError, match=r"bad\.mp4: this is not a video .*; on_bad=skip on the data") as error:
            ask()
        assert "\n" not in str(error.value)
