"""MoCo of the shared pieces alone, as a new method would be written: it trains, and goes on bit for bit."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from avssl.data import Dataset
from avssl.distributed import all_gather
from avssl.losses import info_nce
from avssl.methods import Method
from avssl.methods.inputs import as_batch
from avssl.nets import Encoder, SmallNet
from avssl.nets.memory import Queue
from avssl.nets.projectors import named_projector
from avssl.nets.teacher import Teacher
from avssl.training import SGD, Cosine, load_encoder, train
from avssl.transforms import MultiView
from avssl.transforms.draws import index_of
from avssl.transforms.recipes import moco_v2


class MoCo(Method):
    """Queries of a student are told from a queue of its teacher's keys."""

    remembers = True

    def __init__(self, encoder: Encoder, dim: int = 8, size: int = 16, momentum: float = 0.9, temperature: float = 0.2):
        super().__init__()
        self.encoder, self.temperature = encoder, temperature
        self.head = named_projector("moco_v2", encoder.dim, hidden=16, out=dim)
        self.teacher = Teacher(self.student(), momentum)
        self.queue = Queue(size, dim)
        self.views = MultiView(moco_v2(size=16))
        self.fresh = []

    def student(self):
        return nn.Sequential(self.encoder, self.head)

    def forward(self, batch):
        batch = as_batch(batch, remembers=self.training)
        first, second = (view.frames[:, 0] for view in self.views(batch["frames"], batch["key"], self.training))
        items = index_of(batch["key"])
        queries, keys = self.student()(first), F.normalize(self.teacher(second), dim=1)
        if self.training:
            self.fresh.append((keys, items))
        counts = self.queue.counts(items)
        return {"loss": info_nce(queries, keys, self.temperature, negatives=self.queue.rows, counts=counts)}

    def parameter_groups(self):
        return [{"params": list(self.student().parameters()), "decay_all": True}]

    def exports(self):
        return super().exports() | {"teacher": self.teacher.network[0]}

    def after_backward(self, step, steps):
        for keys, items in self.fresh:
            self.queue.enqueue(all_gather(keys), all_gather(items))
        self.fresh.clear()

    def after_step(self, step, steps):
        self.teacher.update(self.student(), step, steps)


class Pictures(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, key):
        epoch, index = key
        chance = torch.Generator().manual_seed(index)
        frames = torch.randint(0, 256, (1, 1, 3, 20, 20), dtype=torch.uint8, generator=chance)
        return {"frames": frames, "key": torch.tensor([0, epoch, index]), "path": f"{index}.png"}


def moco():
    torch.manual_seed(0)
    return MoCo(SmallNet(dim=8, width=2))


def run(out, method=None, **settings):
    small = {"workers": 0, "accelerator": "cpu", "tensorboard": False, "measure_every": 4, "save_every": 2}
    optim = SGD(lr=0.1, weight_decay=1e-2)
    settings = small | {"steps": 6, "batch_size": 4, "schedule": Cosine(), "ema": 0.9} | settings
    return train(method=method or moco(), data=Pictures(), optim=optim, out=out, **settings)


def checkpoint(out):
    return torch.load(out / "last.ckpt", weights_only=True)


def test_the_queue_takes_in_every_step_after_its_gradients(tmp_path):
    method = run(tmp_path, steps=3, accumulate=2)
    assert method.queue.filled == 16 and method.queue.place == 8  # 24 keys, the last 16 of which stay
    assert {group["weight_decay"] for group in checkpoint(tmp_path)["optimizer"]["param_groups"]} == {1e-2}


def test_the_teacher_follows_and_is_exported_beside_the_student(tmp_path):
    method, start = run(tmp_path, ema=None), moco()
    own = method.teacher.network[0].trunk.state_dict()
    assert not own["conv1.0.weight"].equal(start.encoder.trunk.state_dict()["conv1.0.weight"])
    assert not own["conv1.0.weight"].equal(method.encoder.trunk.state_dict()["conv1.0.weight"])
    for name, part in (("encoder", method.encoder), ("teacher", method.teacher.network[0])):
        found = load_encoder(tmp_path / f"{name}.safetensors").trunk.state_dict()
        assert all(value.equal(found[key]) for key, value in part.trunk.state_dict().items())
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == [
        "encoder.safetensors",
        "teacher.safetensors",
    ]


def test_a_run_that_is_cut_off_ends_where_an_uncut_one_does(tmp_path, monkeypatch):
    run(tmp_path / "whole")

    def cut(self, step, steps):
        if step == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            MoCo, "after_backward", lambda self, step, steps: cut(self, step, steps) or keep(self, step, steps)
        )
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut")
    run(tmp_path / "cut")
    whole, cut_off = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "cut")
    for part in ("method", "average"):
        assert all(value.equal(cut_off[part][name]) for name, value in whole[part].items())


keep = MoCo.after_backward
