"""CycleTime: which frames cycles go over, what their losses weigh, and that the tracker learns where patches lie."""

import pytest
import torch
from torch.nn import functional as F

from avssl.losses import cut_windows, window_distance, windows_at
from avssl.methods import CycleTime
from avssl.methods.correspondence.cycle_time import Tracker
from avssl.nets import MapNet, SmallNet

KEYS = torch.tensor([[0, 0, index] for index in range(4)])


def cycle(**settings):
    torch.manual_seed(0)
    return CycleTime(MapNet(dim=8, width=4), **({"layer": "conv3", "size": 32, "patch": 16} | settings))


def clips(frames=3):
    return {"frames": torch.rand(4, 1, frames, 3, 32, 32, generator=torch.Generator().manual_seed(0)), "key": KEYS}


def test_a_tracker_that_guesses_the_middle_errs_as_the_guess_does():
    method, batch = cycle().eval(), clips()
    guess = method(batch)
    method.track = lambda patch, frame, scale: (windows_at(torch.zeros(4, 3), scale), patch)
    middle = method(batch)
    for name in ("long", "skip"):
        assert float(middle[name]) == pytest.approx(float(guess["middle_error"]) ** 2, rel=1e-4)
    torch.testing.assert_close(middle["error"], middle["middle_error"])


def test_cycles_of_every_length_go_back_and_forth_over_their_frames_and_skips_at_one_go():
    method, route = cycle().eval(), []
    method.cells = lambda frames: frames.flatten(1)[:, :1, None, None].expand(-1, 8, 8, 8)  # a frame names itself
    batch = clips()
    names = [batch["frames"][0, 0, time].flatten()[0] for time in range(3)]

    def track(patch, frame, scale):
        route.append(next(time for time in range(3) if frame[0, 0, 0, 0] == names[time]))
        return windows_at(torch.zeros(4, 3), scale), patch

    method.track = track
    method(batch)
    assert route == [1, 2, 1, 2, 0, 1, 2, 0, 2]  # back 1, forth 2, skip 1, 2; back 0, forth 1, 2, skip 0, 2


def test_weights_count_what_they_say():
    found = cycle(long=2.0, skip=3.0, similarity=0.5).eval()(clips())
    torch.testing.assert_close(found["loss"], 2 * found["long"] + 3 * found["skip"] - 0.5 * found["similarity"])


def test_the_encoder_gets_no_gradient_while_the_tracker_learns_alone():
    method = cycle(frozen=2).train()
    method(clips())["loss"].backward()
    assert all(one.grad is None for one in method.encoder.parameters())
    assert method.tracker.net[0].weight.grad.abs().sum() > 0
    method.after_step(2, 10)
    method(clips())["loss"].backward()
    assert method.encoder.trunk.conv1[0].weight.grad.abs().sum() > 0


def test_the_tracker_learns_where_patches_of_distinct_cells_lie():
    torch.manual_seed(0)
    tracker, frame = Tracker(64, 4, 512**-0.5, 0.0), torch.eye(64).view(1, 64, 8, 8)
    optimiser, errors = torch.optim.Adam(tracker.parameters(), 3e-3), []
    for step in range(50):
        places = (torch.rand(32, 3, generator=torch.Generator().manual_seed(step)) - 0.5) * torch.tensor(
            [1.0, 1.0, 0.0]
        )
        true, frames = windows_at(places, 0.5), frame.expand(32, -1, -1, -1)
        patch = F.normalize(cut_windows(frames, true, 4), dim=1)
        loss = window_distance(windows_at(tracker(patch, frames), 0.5), true).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(float(loss.detach()) / float(places.square().sum(1).mean()))
    assert sum(errors[-5:]) / 5 < 0.2 and errors[0] > 0.8


def test_other_sizes_one_frame_and_vectors_are_refused_in_one_line():
    with pytest.raises(ValueError, match="made for frames of 32x32 px; got 40x32"):
        cycle()(torch.rand(2, 3, 3, 40, 32))
    with pytest.raises(ValueError, match="CycleTime goes from frame to frame and needs clips of at least 2 frames"):
        cycle()(torch.rand(2, 3, 32, 32))
    with pytest.raises(ValueError, match="gives vectors"):
        CycleTime(SmallNet(dim=8, width=2), layer="fc", size=32, patch=16)
    with pytest.raises(ValueError, match="needs a patch smaller than size"):
        cycle(patch=32)
