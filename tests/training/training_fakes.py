"""A toy method and toy data with everything that makes resuming hard: dropout, batch statistics, noise, a queue."""

import os
import signal

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from avssl.data import Dataset
from avssl.methods import Method
from avssl.nets import Encoder, SmallNet
from avssl.nets.discriminator import held_still
from avssl.sampling import rng_for
from avssl.training import AdamW, OneCycle, train


class Dots(Dataset):
    """Noise of a brightness that ``label`` tells; some items can be made bad."""

    def __init__(self, size: int = 12, bad: tuple[int, ...] = ()):
        self.size, self.bad = size, bad

    def __len__(self):
        return self.size

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not 0 <= index < self.size:
            raise IndexError(index)
        if index in self.bad:
            return {"failure": {"path": f"{index}.mp4", "error": "broken"}}
        noise = rng_for(0, epoch, index).random((1, 2, 3, 8, 8))
        frames = np.clip(255 * (0.5 * noise + 0.5 * index / self.size), 0, 255).astype(np.uint8)
        target = torch.tensor(index / self.size, dtype=torch.float32)
        return {"frames": torch.from_numpy(frames), "target": target, "path": f"{index}.mp4"}


class Numbered(Dots):
    """The same, each item with its number, as data sets have."""

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        item = super().__getitem__(key)
        return item if "failure" in item else item | {"key": torch.tensor([0, epoch, index])}


class Classed(Dots):
    """The same, dark ones of one class and bright ones of another; another ``shift`` gives other looks."""

    classes = ("dark", "bright")

    def __init__(self, size: int = 12, shift: int = 1, bad: tuple[int, ...] = ()):
        super().__init__(size, bad)
        self.shift = shift

    def __getitem__(self, key):
        _, index = key if isinstance(key, tuple) else (0, key)
        item = super().__getitem__((self.shift, index))
        return item if "failure" in item else item | {"label": 2 * index // self.size}


class Toy(Method):
    """Regresses brightness, with dropout, noise, a queue of features and a counter."""

    def __init__(self, encoder: Encoder, dropout: float = 0.5, noise: float = 0.1):
        super().__init__()
        self.encoder, self.dropout, self.noise = encoder, dropout, noise
        self.head = nn.Linear(encoder.dim, 1)
        self.register_buffer("queue", torch.zeros(4, encoder.dim))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.long))

    def forward(self, batch):
        frames = batch["frames"].flatten(0, 2).float() / 255
        features = self.encoder(frames + self.noise * torch.rand_like(frames))
        if self.training:
            self.queue.copy_(torch.cat([features[:1].detach(), self.queue[:-1]]).to(self.queue.dtype))
        guess = self.head(F.dropout(features, self.dropout, self.training))
        wanted = batch["target"].repeat_interleave(frames.shape[0] // len(batch["target"]))
        loss = F.mse_loss(guess.squeeze(1).float(), wanted)
        return {"loss": loss, "guess": guess.mean()}

    def before_epoch(self, features):
        self.epochs += 1


class Linear(Method):
    """No batch statistics and no chance: gradients of two halves average to the whole's."""

    def __init__(self):
        super().__init__()
        trunk = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 5))
        self.encoder = Encoder(trunk, 5, {"conv": "0"})
        self.head = nn.Linear(5, 1)

    def forward(self, batch):
        frames = batch["frames"].flatten(0, 2).float() / 255
        guess = self.head(self.encoder(frames)).view(len(batch["target"]), -1).mean(1)
        return {"loss": F.mse_loss(guess, batch["target"])}


SETTINGS = {
    "batch_size": 4,
    "accelerator": "cpu",
    "workers": 0,
    "measure_every": 5,
    "log_every": 2,
    "save_every": 3,
    "tensorboard": False,
}


def toy(dropout=0.5, **kwargs):
    torch.manual_seed(0)
    return Toy(SmallNet(dim=8, width=2), dropout, **kwargs)


def run(out, steps=7, method=None, data=None, **settings):
    """Train the toy; a call on its own repeats itself bit for bit."""
    torch.set_num_threads(1)
    settings = {"optim": AdamW(lr=1e-2), "schedule": OneCycle(warmup=2), "ema": 0.9} | SETTINGS | settings
    settings = {"held_out": Dots(5)} | settings
    return train(method=method or toy(), data=data or Dots(), steps=steps, out=out, **settings)


def run_until_killed(out, last, **settings):
    """Die without a word after a step, as a machine does that loses power; only for a process of its own."""

    def after_step(_method, step, steps):
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    Toy.after_step = after_step
    run(out, steps=11, **settings)


class Rivals(Method):
    """The toy beside an adversary, which guesses from its features; the queue and the rest as there."""

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(encoder.dim, 1)
        self.judge = nn.Sequential(nn.Linear(encoder.dim, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))

    def forward(self, batch):
        frames = batch["frames"].flatten(0, 2).float() / 255
        features = F.dropout(self.encoder(frames), 0.2, self.training)
        wanted = batch["target"].repeat_interleave(frames.shape[0] // len(batch["target"]))
        loss = F.mse_loss(self.head(features).squeeze(1), wanted) - 0.01 * held_still(self.judge, features).mean()
        return {"loss": loss, "adversary_loss": F.mse_loss(self.judge(features.detach()).squeeze(1), wanted)}

    def parameter_groups(self):
        judge = list(self.judge.parameters())
        return [
            {"params": [*self.encoder.parameters(), *self.head.parameters()]},
            {"params": judge, "optimizer": "adversary"},
        ]


def rivals():
    torch.manual_seed(0)
    return Rivals(SmallNet(dim=8, width=2))


class LinearRivals(Linear):
    """The linear method beside an adversary without batch statistics."""

    def __init__(self):
        super().__init__()
        self.judge = nn.Linear(5, 1)

    def forward(self, batch):
        features = self.encoder(batch["frames"].flatten(0, 2).float() / 255)
        guess = self.head(features).view(len(batch["target"]), -1).mean(1)
        verdict = self.judge(features.detach()).view(len(batch["target"]), -1).mean(1)
        loss = F.mse_loss(guess, batch["target"]) + 0.1 * held_still(self.judge, features).square().mean()
        return {"loss": loss, "adversary_loss": F.mse_loss(verdict, batch["target"])}

    def parameter_groups(self):
        own = [*self.encoder.parameters(), *self.head.parameters()]
        return [{"params": own}, {"params": list(self.judge.parameters()), "optimizer": "adversary"}]
