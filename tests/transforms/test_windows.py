import torch

from avssl.transforms.windows import windows_at


def places(*pairs):
    return torch.tensor(pairs, dtype=torch.float32)[None]


def test_a_window_is_a_crop_where_it_lies_on_pixels():
    pictures = torch.rand(2, 3, 12, 17)
    centres = torch.tensor([[[5.5, 3.5], [8.5, 6.5]], [[4.5, 5.5], [9.5, 4.5]]])
    found = windows_at(pictures, centres, torch.full((2, 2, 2), 6.0), 6)
    assert torch.allclose(found[0, 0], pictures[0, :, 1:7, 3:9], atol=1e-6)
    assert torch.allclose(found[1, 1], pictures[1, :, 2:8, 7:13], atol=1e-6)


def test_the_border_is_repeated():
    picture = torch.rand(1, 1, 8, 8)
    found = windows_at(picture, places((-20.0, 3.5)), places((8.0, 8.0)), 8)
    assert torch.allclose(found[0, 0, 0], picture[0, 0, :, :1].expand(8, 8))


def test_extents_are_width_and_height():
    ramp = torch.arange(20.0).expand(1, 1, 20, 20)
    found = windows_at(ramp, places((9.5, 9.5)), places((8.0, 4.0)), 4)
    assert torch.allclose(found[0, 0, 0, 0], torch.tensor([6.5, 8.5, 10.5, 12.5]))
    assert torch.allclose(
        windows_at(ramp.mT, places((9.5, 9.5)), places((8.0, 4.0)), 4)[0, 0, 0, :, 0], torch.arange(8.0, 12)
    )
