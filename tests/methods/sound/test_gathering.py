"""What several processes hold as one batch: the loss and the gradients are those of one process."""

import torch
from torch import distributed
from torch.nn import functional as F
from two_processes import in_two_processes

from avssl.distributed import all_gather
from avssl.methods.recordings import recordings_of

SIZES = (3, 5)  # rows of each process


def rows():
    chance = torch.Generator().manual_seed(0)
    return torch.randn(2, sum(SIZES), 4, generator=chance), torch.randn(2, 4, 4, generator=chance)


def contrast(pictures, sounds):
    return F.cross_entropy(pictures @ sounds.T, torch.arange(len(pictures)))


def work(rank):
    (pictures, sounds), weights = rows()
    weights.requires_grad_()
    own = slice(0, SIZES[0]) if rank == 0 else slice(SIZES[0], None)
    loss = contrast(all_gather(pictures[own] @ weights[0]), all_gather(sounds[own] @ weights[1]))
    loss.backward()
    distributed.all_reduce(weights.grad)
    heard = all_gather(torch.tensor([rank == 0] * SIZES[rank]))
    files = ["shared.mp4", *(f"{rank} {row}.mp4" for row in range(1, SIZES[rank]))]
    owners = all_gather(recordings_of({"key": torch.arange(3 * SIZES[rank]).view(-1, 3), "path": files}))
    return {"loss": loss.detach(), "gradient": weights.grad / 2, "heard": heard, "owners": owners}  # as DDP averages


def test_two_processes_have_the_loss_and_the_gradient_of_one(tmp_path):
    both = in_two_processes(work, tmp_path)
    (pictures, sounds), weights = rows()
    weights.requires_grad_()
    loss = contrast(pictures @ weights[0], sounds @ weights[1])
    loss.backward()
    for found in both:
        torch.testing.assert_close(found["loss"], loss.detach())
        torch.testing.assert_close(found["gradient"], weights.grad)
        assert found["heard"].tolist() == [True] * 3 + [False] * 5
        assert found["owners"][0] == found["owners"][3] and len(found["owners"].unique()) == 7  # by file, everywhere


def test_alone_rows_are_themselves():
    values = torch.randn(3, 2)
    assert all_gather(values) is values
