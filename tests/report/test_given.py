"""What encoders are given is found for methods of every kind by one mechanism, and laid to the item it is of."""

import pytest
import torch

from avssl.methods import AVE, BYOL, Jigsaw, Method, Rotation, SeveralTasks, ShuffleAndLearn, SimCLR, VideoMAE
from avssl.nets import SmallNet, SmallSound, SmallVision, TubeletViT
from avssl.report.given import GREY, given_to_encoders
from avssl.transforms import Flip, GainOffset

ITEMS = 3
VIEWS = [[Flip()], [Flip()]]


def shades(*shape):
    """Return a batch whose item i is all of one shade, which no other item has."""
    frames = torch.tensor([40, 120, 200]).view(-1, *[1] * 5).expand(ITEMS, *shape).byte()
    return {"frames": frames, "key": torch.tensor([[0, 0, item] for item in range(ITEMS)])}


def net():
    torch.manual_seed(0)
    return SmallNet(dim=8, width=2)


def jigsaw():
    return Jigsaw(net(), permutations=4, tile=8, gap=2, normalised=False, grey=0, channel_jitter=0)


@pytest.mark.parametrize(
    ("method", "batch", "rows"),
    [
        (lambda: SimCLR(net(), VIEWS, hidden=8, dim=4), shades(1, 1, 3, 16, 16), 2),
        (lambda: Rotation(net()), shades(1, 1, 3, 16, 16), 4),
        (jigsaw, shades(1, 1, 3, 36, 36), 9),
        (lambda: ShuffleAndLearn(net()), shades(2, 5, 3, 16, 16), 10),
    ],
    ids=["views", "turned", "tiles", "tuples"],
)
def test_each_row_is_laid_to_the_item_that_it_shows(method, batch, rows):
    found = given_to_encoders(method(), batch)
    owners = torch.cat([one.owners for one in found])
    seen = torch.cat([one.values.flatten(1).mean(1) for one in found])
    for item in range(ITEMS):
        own = seen[owners == item]
        assert len(own) == rows and (own == own[0]).all()
    assert len(owners) == ITEMS * rows and len(seen.unique()) == ITEMS


def test_what_a_teacher_is_given_too_is_told_once():
    batch = shades(1, 1, 3, 16, 16)
    batch["frames"] = torch.randint(0, 255, batch["frames"].shape, generator=torch.Generator().manual_seed(0)).byte()
    method = BYOL(net(), [[Flip()], [Flip(), GainOffset(gain=0.5)]], hidden=8, dim=4)
    assert sum(len(one.values) for one in given_to_encoders(method, batch)) == 2 * ITEMS


def test_blocks_that_are_hidden_are_grey():
    encoder = TubeletViT(patch=8, tubelet=2, width=12, depth=1, heads=2, size=16, frames=4)
    method = VideoMAE(encoder, ratio=0.75, width=12, depth=1, heads=2)
    (one,) = given_to_encoders(method, shades(1, 4, 3, 16, 16))
    assert one.values.shape == (ITEMS, 4, 3, 16, 16) and one.owners.tolist() == [0, 1, 2]
    assert (one.values == GREY).float().mean() == 0.75


def test_sounds_are_given_as_spectrograms_beside_the_pictures():
    sound = torch.rand(ITEMS, 2, 1, 16000, generator=torch.Generator().manual_seed(9))
    method = AVE(SmallVision(widths=(2, 2, 2, 2)), SmallSound(widths=(2, 2, 2, 2)), dim=4)
    pictures, heard = given_to_encoders(method, shades(2, 1, 3, 32, 32) | {"sound": sound})
    assert (pictures.place, heard.place) == ("encoder", "sound") and heard.heard and not pictures.heard
    assert heard.values.shape[1:3] == (1, 32) and heard.owners.tolist() == [0, 0, 1, 1, 2, 2]


def test_every_method_within_a_method_is_watched():
    found = given_to_encoders(SeveralTasks([Rotation(net()), jigsaw()]), shades(1, 1, 3, 36, 36))
    assert [one.place for one in found] == ["Rotation, encoder", "Jigsaw, encoder"]


class Blank(Method):
    """Shows its encoder nothing of the batch."""

    def __init__(self):
        super().__init__()
        self.encoder = net()

    def forward(self, batch):
        return {"loss": self.encoder(torch.zeros(2 * len(batch["frames"]), 3, 16, 16)).mean()}


def test_rows_that_nothing_tells_the_item_of_are_nobodys_and_the_method_stays_as_it_was():
    method = Blank()
    (one,) = given_to_encoders(method, shades(1, 1, 3, 16, 16))
    assert (one.owners == -1).all() and len(one.owners) == 2 * ITEMS
    assert "normalized" not in vars(method.encoder)
