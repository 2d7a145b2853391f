"""Items to cluster, and runs that break off."""

import pytest
import torch
from every import Items

from avssl.methods.rows import features_of
from avssl.training import SGD, train

ITEMS = 12


def batch_of(indices=range(ITEMS), epoch=0):
    pictures = torch.rand(ITEMS, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    key = torch.tensor([[0, epoch, index] for index in indices])
    return {"frames": pictures[[index % ITEMS for index in indices]], "key": key}


def clustered(method, times=1):
    """Return a method after looks at all items."""
    for _ in range(times):
        method.before_epoch(features_of([batch_of()]))
    return method


def states_of_runs(make, folder, stops, **changes):
    """Return states at the end: of an uncut run, and of runs cut at steps; and how often each asked for clusters."""
    settings = {"data": Items("DeepCluster"), "optim": SGD(lr=0.05), "batch_size": 2, "workers": 0}
    settings |= {"accelerator": "cpu", "steps": 7, "measure_every": 7, "save_every": 1, "tensorboard": False}
    asked = dict.fromkeys((None, *stops), 0)

    def run(name, stop):
        method = make()
        step_of, epoch_of = method.after_step, method.before_epoch

        def after_step(step, steps):
            step_of(step, steps)
            if step == stop:
                raise KeyboardInterrupt

        def before_epoch(features):
            asked[name] += 1
            return epoch_of(features)

        method.after_step, method.before_epoch = after_step, before_epoch
        return train(method=method, out=folder / str(name), **(settings | changes)).state_dict()

    states = [run(None, None)]
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            run(stop, stop)
        states.append(run(stop, None))
    return states, asked
