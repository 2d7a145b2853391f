"""UVC: the window is found where it went, weights count what they say, and colour is not seen."""

import pytest
import torch
from torch.nn import functional as F

from avssl.methods import UVC
from avssl.nets import MapNet, SmallNet

KEYS = torch.tensor([[0, 0, index] for index in range(3)])


def uvc(**settings):
    torch.manual_seed(0)
    return UVC(MapNet(dim=8, width=4, grey=True), **({"layer": "conv3", "neighbourhood": 2, "window": 0.5} | settings))


def moved(cells):
    """Return clips of two frames, the second moved to the right by so many cells, and maps that know each cell."""
    frames = torch.rand(3, 3, 32, 32 + 16, generator=torch.Generator().manual_seed(0))
    first, second = frames[..., 16 - 4 * cells : 48 - 4 * cells], frames[..., 16 - 8 * cells : 48 - 8 * cells]
    clips = torch.stack([first, second], 1) if cells else torch.stack([frames[..., :32]] * 2, 1)
    names = torch.eye(96).view(96, 8, 12)
    maps = (
        [names[..., 4 - cells : 12 - cells], names[..., 4 - 2 * cells : 12 - 2 * cells]]
        if cells
        else [names[..., :8]] * 2
    )
    return clips, torch.stack(maps).repeat(3, 1, 1, 1)


def test_a_window_is_found_where_it_went():
    method = uvc(temperature=0.01).eval()
    _, maps = moved(1)
    first, second = maps[:1], maps[1:2]
    cells = first[..., 2:6, 2:6].flatten(2).mT
    place = method.located(cells, second)
    torch.testing.assert_close(place, torch.tensor([[2 / 8, 0.0]]))  # a cell is a quarter of half a side


def test_what_moves_by_a_cell_is_carried_and_copying_in_place_is_not_enough():
    method = uvc(temperature=0.01).eval()
    clips, maps = moved(1)
    method.maps = lambda frames: maps
    found = method({"frames": clips[:, None], "key": KEYS})
    still = uvc(temperature=0.01).eval()
    clips, maps = moved(0)
    still.maps = lambda frames: maps
    same = still({"frames": clips[:, None], "key": KEYS})
    assert found["colour"] < 0.5 * found["still_colour"] and found["moved"] > 0.1
    assert same["moved"] < 0.2 and same["still_colour"] < 1e-6


def test_weights_count_what_they_say():
    clips = {"frames": torch.rand(3, 1, 2, 3, 32, 32), "key": KEYS}
    for name, weight in (("concentrate", "concentration"), ("colours", "back"), ("places", "places")):
        none = {"concentrate": 0.0, "colours": 0.0, "places": 0.0}
        found = uvc(**(none | {name: 2.0})).eval()(clips)
        torch.testing.assert_close(found["loss"], found["colour"] + 2 * found[weight])


def test_colour_is_not_seen():
    method, frames = uvc().eval(), torch.rand(2, 3, 32, 32)
    grey = (frames * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True).expand_as(frames)
    torch.testing.assert_close(method.maps(frames), method.maps(grey))
    plain = UVC(MapNet(dim=8, width=4), layer="conv3").eval()
    torch.testing.assert_close(plain.maps(frames), plain.maps(grey))


def test_in_the_warm_up_the_window_stays():
    method, clips = uvc(warmup=3).train(), {"frames": torch.rand(3, 1, 2, 3, 32, 32), "key": KEYS}
    assert method(clips)["moved"] == 0
    method.after_step(3, 10)
    assert method(clips)["moved"] > 0


def test_one_frame_no_map_and_odd_windows_are_refused_in_one_line():
    with pytest.raises(ValueError, match="UVC goes from frame to frame and needs clips of at least 2 frames"):
        uvc()(torch.rand(2, 3, 32, 32))
    with pytest.raises(ValueError, match="gives vectors"):
        UVC(SmallNet(dim=8, width=2), layer="fc")
    with pytest.raises(ValueError, match=r"needs window in \(0, 1\).*; got 1\.5"):
        uvc(window=1.5)


def test_frames_that_are_no_square_are_taken():
    assert torch.isfinite(uvc()({"frames": F.pad(torch.rand(3, 1, 2, 3, 32, 32), (0, 8)), "key": KEYS})["loss"])
