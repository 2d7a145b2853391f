"""Two processes with different rows have the losses, codes and gradients of one."""

import pytest
import torch
from torch import distributed
from two_processes import in_two_processes

from avssl.distributed import all_gather
from avssl.losses import barlow_twins, contrast_with_bank, info_nce, nt_xent, sinkhorn, transport, vicreg

SIZES = (3, 5)  # rows of each process
LOSSES = {
    "nt_xent": lambda first, second: nt_xent(first, second, 0.3),
    "info_nce": lambda first, second: info_nce(first, second, 0.3),
    "barlow_twins": barlow_twins,
    "vicreg": lambda first, second: vicreg(first, second)["loss"],
}


def data():
    chance = torch.Generator().manual_seed(0)
    return torch.randn(2, 8, 4, generator=chance), torch.randn(4, 6, generator=chance)


def assigned(table, own, gather):
    """Return plans of some rows of a table, and the constant of a bank."""
    sizes = torch.tensor([0.1, 0.1, 0.1, 0.2, 0.2, 0.3])
    weights = torch.arange(1.0, 9) / 36
    places = torch.arange(24).view(8, 3) % 6
    constant = contrast_with_bank(table[own], torch.eye(6), places[own], 0.5, gather=gather)[1]
    plans = sinkhorn(table[own], 1.0, gather=gather), transport(table[own], sizes, 1.0, gather=gather)
    return [*plans, transport(table[own], sizes, 1.0, weights=weights[own], gather=gather), constant]


def work(rank):
    views, weights = data()
    own = slice(0, SIZES[0]) if rank == 0 else slice(SIZES[0], None)
    found = {"plans": assigned(views[0] @ weights, own, all_gather)}
    nothing = slice(0, 0) if rank == 0 else slice(None)  # one process has no rows at all
    found["empty"] = sinkhorn(views[0][nothing] @ weights, gather=all_gather)
    for name, loss in LOSSES.items():
        copy = weights.clone().requires_grad_()
        value = loss(*(all_gather(view[own] @ copy) for view in views))
        value.backward()
        distributed.all_reduce(copy.grad)
        found[name] = value.detach(), copy.grad / 2  # as DDP averages
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return in_two_processes(work, tmp_path_factory.mktemp("both"))


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_and_its_gradient_are_those_of_one_process(both, name):
    views, weights = data()
    weights.requires_grad_()
    value = LOSSES[name](*(view @ weights for view in views))
    value.backward()
    for found in both:
        torch.testing.assert_close(found[name][0], value.detach())
        torch.testing.assert_close(found[name][1], weights.grad)


def test_codes_are_those_of_one_process_also_where_the_other_has_no_rows(both):
    views, weights = data()
    *plans, constant = assigned(views[0] @ weights, slice(None), None)
    for place, plan in enumerate(plans):
        torch.testing.assert_close(torch.cat([found["plans"][place] for found in both]), plan)
    for found in both:
        torch.testing.assert_close(found["plans"][3], constant)
    torch.testing.assert_close(torch.cat([found["empty"] for found in both]), sinkhorn(views[0] @ weights))
