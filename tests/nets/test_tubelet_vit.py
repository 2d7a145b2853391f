"""The transformer of tokens: any grid, tokens left out as if not there, weights of timm, maps in their place."""

import pytest
import torch
from torch.nn import functional as F

from avssl.nets import TokenPredictor, TubeletViT
from avssl.nets.transformer import at, coordinates, rotary, sincos, turned
from avssl.transforms.tubelets import from_tubelets, nearest_visible, standardised, to_tubelets


def net(**settings):
    torch.manual_seed(0)
    return TubeletViT(
        **({"patch": 4, "tubelet": 2, "width": 24, "depth": 2, "heads": 2, "size": 16, "frames": 4} | settings)
    )


@pytest.mark.parametrize("positions", ["sincos", "rotary"])
def test_visible_tokens_alone_are_those_of_the_whole_with_attention_kept_to_them(positions, monkeypatch):
    encoder, clips = net(positions=positions).double(), torch.rand(3, 4, 3, 16, 16, dtype=torch.float64)
    visible = torch.rand(3, 32).argsort(1)[:, :7]
    alone = encoder.tokens(clips, visible)
    mask = torch.zeros(3, 1, 1, 32, dtype=torch.bool).scatter(3, visible[:, None, None], True)
    whole = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v: whole(q, k, v, attn_mask=mask))
    torch.testing.assert_close(alone, at(encoder.tokens(clips), visible), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("positions", ["sincos", "rotary"])
@pytest.mark.parametrize("shape", [(2, 8, 12), (6, 16, 16), (4, 20, 4)])
def test_any_number_of_frames_and_any_size_is_taken(positions, shape):
    found = net(positions=positions)(torch.rand(2, shape[0], 3, *shape[1:]))
    assert found.shape == (2, 24) and found.isfinite().all()


def test_positions_of_another_grid_lie_between_those_of_the_own():
    own, finer = coordinates((2, 4, 4), (2, 4, 4)), coordinates((2, 8, 4), (2, 4, 4))
    assert own.unique().tolist() == [0, 1, 2, 3] and finer[:, 1].unique().tolist() == [
        -0.25 + step / 2 for step in range(8)
    ]
    assert own[:16, 0].eq(0).all() and own[16:, 0].eq(1).all() and own[1, 2] == 1
    far, near = sincos(own, 24), sincos(own + torch.tensor([0.0, 0.0, 0.25]), 24)
    assert far.unique(dim=0).shape == (32, 24) and torch.equal(far[:, :16], near[:, :16]) and not torch.equal(far, near)


def test_rotary_attention_knows_only_how_far_apart_tokens_are():
    query, key = torch.randn(2, 1, 1, 1, 12, dtype=torch.float64)
    one, other = torch.tensor([[0.0, 3, 1], [2.0, 0, 5]]).double()
    products = [
        (turned(query, rotary(one + shift, 12)[None, None]) * turned(key, rotary(other + shift, 12)[None, None])).sum()
        for shift in (0, 4)
    ]
    torch.testing.assert_close(*products)


def test_timms_transformers_load_by_key_and_give_the_same():
    timm = pytest.importorskip("timm")
    settings = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 2, "num_heads": 2, "num_classes": 0}
    theirs = timm.models.VisionTransformer(class_token=False, global_pool="avg", fc_norm=False, **settings).eval()
    ours = net(takes="pictures")
    own = ours.trunk.state_dict()
    found = {name: value for name, value in theirs.state_dict().items() if name != "pos_embed"}
    assert own.keys() == found.keys() and all(value.shape == own[name].shape for name, value in found.items())
    ours.trunk.load_state_dict(found)
    theirs.pos_embed.data.copy_(sincos(coordinates((1, 4, 4), (1, 4, 4)), 24)[None])
    pictures = torch.rand(3, 3, 16, 16)
    torch.testing.assert_close(ours(pictures), theirs(ours.normalized(pictures)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("takes", ["clips", "pictures"])
def test_layers_are_maps_whose_cells_look_at_the_middle_of_their_block(takes):
    encoder = net(takes=takes)
    shape = (2, 4, 3, 8, 12) if takes == "clips" else (2, 3, 8, 12)
    found = encoder.maps(torch.rand(shape), "block2")
    grid = (2, 2, 3) if takes == "clips" else (2, 3)
    assert found.values.shape == (2, 24, *grid)
    assert found.stride == (2.0, 4.0, 4.0)[-len(grid) :] and found.offset == (0.5, 1.5, 1.5)[-len(grid) :]
    tokens = encoder.tokens(torch.rand(shape))
    assert tokens.shape[1] == found.values[0, 0].numel()


@pytest.mark.parametrize("shape", [(3, 16, 16), (4, 18, 16), (4, 16, 0)])
def test_blocks_that_do_not_divide_the_clip_are_refused_in_one_line(shape):
    with pytest.raises(ValueError, match=r"multiple of 2 frames.*got .* frames of .* px; change") as caught:
        net()(torch.rand(1, shape[0], 3, *shape[1:]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"width": 25}, {"size": 15}, {"frames": 3}, {"depth": 0}, {"positions": "learned"}])
def test_sizes_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="needs"):
        net(**wrong)


def test_pixels_go_to_blocks_and_back_and_blocks_have_mean_0_and_deviation_1():
    clips = torch.rand(2, 4, 3, 8, 12)
    blocks = to_tubelets(clips, 2, 4)
    assert blocks.shape == (2, 12, 3, 32) and torch.equal(from_tubelets(blocks, 4, 8, 12, 4), clips)
    assert torch.equal(blocks[1, 7].unflatten(1, (2, 4, 4)), clips[1, 2:4, :, :4, 4:8].transpose(0, 1))  # time 1, row 0
    made, mean, deviation = standardised(blocks)
    torch.testing.assert_close(made.mean(-1), torch.zeros(2, 12, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(made.var(-1), torch.ones(2, 12, 3), atol=1e-3, rtol=0)
    torch.testing.assert_close(made * deviation + mean, blocks, atol=1e-5, rtol=0)
    assert standardised(torch.full((1, 1, 3, 8), 0.3))[0].abs().max() < 0.1  # a block of one colour is finite, and 0


def test_the_nearest_visible_token_is_found():
    places = coordinates((1, 2, 3), (1, 2, 3))
    assert nearest_visible(torch.tensor([[2, 3]]), torch.tensor([[0, 1, 5]]), places).tolist() == [[3, 2, 2]]


def test_a_predictor_tells_asked_tokens_by_their_place_alone():
    torch.manual_seed(0)
    predictor, places = TokenPredictor(8, 5, 12, 1, 2, kinds=2), coordinates((1, 2, 3), (1, 2, 3))
    seen, seen_at = torch.rand(1, 2, 8), torch.tensor([[0, 4]])
    one = predictor(seen, seen_at, torch.tensor([[1, 5]]), places)
    other = predictor(seen, seen_at, torch.tensor([[5, 1]]), places)
    torch.testing.assert_close(one[:, 2:], other[:, 2:].flip(1))
    assert one.shape == (1, 4, 5) and not torch.equal(one, predictor(seen, seen_at, torch.tensor([[1, 5]]), places, 1))
    with pytest.raises(ValueError, match="even width"):
        TokenPredictor(8, 5, 9, 1, 3)
