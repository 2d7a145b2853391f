"""Views of items: clips first, then augmentations; a key gives the same view wherever it stands."""

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from avssl.transforms import ColorJitter, Crop, Draws, Flip, Grey, MultiView, RandomResizedCrop, Resize, Trim, recipes
from avssl.transforms.draws import numbered

EVERY = ["moco_v1", "moco_v2", "simclr", "byol", "swav", "infomin", "rho"]


def plain(size=16, views=2):
    return MultiView([[RandomResizedCrop(size, scale=(0.2, 0.8)), Flip()] for _ in range(views)])


def recipe(name):
    return MultiView(getattr(recipes, name)(size=24, **({"small": 12} if name == "swav" else {})))


@pytest.mark.parametrize("name", EVERY)
def test_a_key_gives_the_same_views_in_any_batch_and_order(name, keys, noise):
    views, frames = recipe(name), noise(10, 1, 40, 36)[:, 0]
    together = views(frames, keys(10))
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    shuffled = views(frames[order], keys(10)[order])
    alone = [views(frames[item : item + 1], keys(10)[item : item + 1]) for item in range(10)]
    for number, view in enumerate(together):
        torch.testing.assert_close(shuffled[number].frames, view.frames[order], atol=1e-6, rtol=0)
        torch.testing.assert_close(torch.cat([one[number].frames for one in alone]), view.frames, atol=1e-6, rtol=0)
        assert torch.equal(torch.cat([one[number].boxes for one in alone]), view.boxes)
        assert torch.equal(torch.cat([one[number].flipped for one in alone]), view.flipped)


@pytest.mark.parametrize("name", EVERY)
def test_views_differ_between_themselves_items_and_epochs_and_lie_in_0_to_1(name, keys, noise):
    views, same = recipe(name), noise(1, 1, 40, 36)[0].expand(12, -1, -1, -1)
    first, second = views(same, keys(12))[:2]
    later = views(same, keys(12, epoch=1))[0]
    for other in (second, later):
        assert (first.frames != other.frames).flatten(1).any(1).all()
    assert len(torch.unique(first.frames, dim=0)) == 12
    for view in (first, second):
        assert view.frames.min() >= 0 and view.frames.max() <= 1 and view.frames.dtype == torch.float32


def test_the_window_and_the_mirroring_of_a_view_are_told(keys, noise):
    frames = noise(30, 1, 30, 40)[:, 0]
    for view in plain()(frames, keys(30)):
        assert view.boxes.shape == (30, 1, 4) and view.flipped.shape == (30, 1)
        assert 3 < view.flipped.sum() < 27
        for item, box in enumerate(view.boxes[:, 0].tolist()):
            expected = tv.resized_crop(frames[item], *box, size=[16, 16], antialias=True)
            expected = expected.flip(-1) if view.flipped[item] else expected
            torch.testing.assert_close(view.frames[item, 0], expected, atol=1e-6, rtol=0)


def test_a_recipe_without_a_window_shows_the_whole(keys, noise):
    (view,) = MultiView([[Resize(8), Grey(1.0)]])(noise(3, 1, 30, 40), keys(3))
    assert view.boxes[:, 0].tolist() == [[0, 0, 30, 40]] * 3 and not view.flipped.any()
    assert view.frames.shape == (3, 1, 3, 8, 8)


def test_each_view_has_a_stream_of_its_own_that_other_views_do_not_move(keys, noise):
    frames = noise(6)
    two, three = plain(views=2)(frames, keys(6)), plain(views=3)(frames, keys(6))
    for one, other in zip(two, three, strict=False):
        assert torch.equal(one.frames, other.frames)
    draws = Draws(numbered(keys(6), 3)[:, 2])
    crop = RandomResizedCrop(16, scale=(0.2, 0.8))
    assert torch.equal(Flip()(crop(frames, draws), draws), three[2].frames)


def test_clips_are_views_and_augmentations_make_up_the_rest(keys, noise):
    clips = torch.arange(3.0).view(1, 3, 1, 1, 1, 1).expand(4, -1, 2, 3, 20, 20) / 10
    views = plain(views=5)(clips, keys(4))
    assert [view.clip for view in views] == [0, 1, 2, 0, 1]
    for view in views:
        assert view.frames.shape == (4, 2, 3, 16, 16)
        torch.testing.assert_close(view.frames, torch.full_like(view.frames, view.clip / 10))
    frames = noise(4, 2)
    first, again = plain()(frames[:, None].expand(-1, 1, -1, -1, -1, -1), keys(4))
    assert (first.frames != again.frames).flatten(1).any(1).all()


def test_pictures_clips_and_several_clips_are_told_apart_by_their_axes(keys, noise):
    pictures = noise(4)[:, 0]
    forms = (pictures, pictures[:, None], pictures[:, None, None])
    shown = [plain()(frames, keys(4)) for frames in forms]
    for views in shown[1:]:
        for view, first in zip(views, shown[0], strict=True):
            assert torch.equal(view.frames, first.frames)


def test_all_frames_of_a_clip_share_a_view(keys, noise):
    still = noise(10, 1, 40, 36).expand(-1, 4, -1, -1, -1)
    for name in EVERY:
        for view in recipe(name)(still, keys(10)):
            torch.testing.assert_close(
                view.frames, view.frames[:, :1].expand_as(view.frames), atol=1e-5, rtol=0, msg=name
            )


def test_bytes_give_the_views_of_the_values_that_they_stand_for(keys):
    pictures = torch.randint(0, 256, (6, 3, 30, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for name in EVERY:
        for one, other in zip(
            recipe(name)(pictures, keys(6)), recipe(name)(pictures.float() / 255, keys(6)), strict=True
        ):
            assert torch.equal(one.frames, other.frames), name
    (view,) = MultiView([[Flip()]])(pictures, keys(6))
    assert view.frames.dtype == torch.float32 and view.frames.max() <= 1


def test_evaluation_shows_every_view_alike_and_unchanged(keys, noise):
    frames = noise(5, 1, 24, 32)
    for view in recipe("byol")(frames, keys(5), train=False):
        torch.testing.assert_close(view.frames, frames[..., 4:28], atol=1e-6, rtol=0)
        assert view.boxes[:, 0].tolist() == [[0, 4, 24, 24]] * 5 and not view.flipped.any()


def test_golden_views_of_one_key():
    """What a key gives today it gives for ever: runs are resumed, and compared, by it."""
    ramp = torch.linspace(0, 1, 3 * 32 * 40).view(1, 3, 32, 40)
    first, second = MultiView(recipes.byol(size=16))(ramp, torch.tensor([[0, 3, 17]]))
    assert [view.boxes.flatten().tolist() for view in (first, second)] == [[0, 0, 31, 35], [5, 6, 25, 27]]
    assert [bool(view.flipped) for view in (first, second)] == [False, True]
    golden = [[0.246215, 0.246215, 0.246215], [0.156, 0.620995, 0.615999]]
    for view, values in zip((first, second), golden, strict=True):
        torch.testing.assert_close(view.frames[0, 0, :, 3, 5], torch.tensor(values), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(4, 1, 8, 8), (3, 8, 8), (2, 2, 2, 2, 3, 8, 8)])
def test_other_shapes_are_refused_in_one_line(shape, keys):
    with pytest.raises(ValueError, match=r"frames are pictures \(N, 3, H, W\), clips .*; got \("):
        plain()(torch.zeros(shape), keys(shape[0]))


def test_more_clips_than_views_are_refused_not_left_out(keys, noise):
    with pytest.raises(ValueError, match="got 3 clips an item for 2 views"):
        plain()(noise(2, 1)[:, None].expand(-1, 3, -1, -1, -1, -1), keys(2))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [[Flip(), RandomResizedCrop(8)]],
        [[RandomResizedCrop(8), RandomResizedCrop(8)]],
        [[RandomResizedCrop(8), Flip(), Flip()]],
        [[Crop(8), ColorJitter()]],
        [[Trim(2), RandomResizedCrop(8)]],
        [[Resize(30), RandomResizedCrop(8)]],
    ],
)
def test_recipes_whose_window_could_not_be_told_are_refused(wrong):
    with pytest.raises(ValueError, match="a recipe"):
        MultiView(wrong)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", EVERY)
def test_views_are_the_same_on_every_device(name, keys, noise):
    frames = noise(24, 1, 40, 36)[:, 0]
    for ours, theirs in zip(recipe(name)(frames, keys(24)), recipe(name)(frames.cuda(), keys(24).cuda()), strict=True):
        assert torch.equal(ours.boxes, theirs.boxes.cpu()) and torch.equal(ours.flipped, theirs.flipped.cpu())
        close = (ours.frames - theirs.frames.cpu()).abs() < 1e-3  # where values are cut off, a bit decides
        assert close.float().mean() > 0.99
