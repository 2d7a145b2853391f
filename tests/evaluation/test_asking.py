"""Who asks an encoder, an encoder with its method, or the method alone is given what it needs."""

from pathlib import Path

import pytest
import torch

from avssl.config import ConfigError
from avssl.evaluation.asking import ask
from avssl.evaluation.base import Evaluator, MethodEvaluator, WithMethod
from avssl.features import subject as module
from avssl.features.subject import Subject
from avssl.methods import Rotation
from avssl.nets import SmallNet


class OfEncoders(Evaluator):
    name = "of_encoders"

    def __call__(self, encoder, fresh=None, folder=None, device="cpu"):
        return [encoder, fresh, folder, device]


class OfBoth(WithMethod):
    name = "of_both"

    def __call__(self, encoder, fresh=None, folder=None, device="cpu", method=None):
        return [encoder, method]


class OfMethods(MethodEvaluator):
    name = "of_methods"

    def __call__(self, method, fresh, folder=None, device="cpu"):
        return [method, fresh, folder]


def test_each_is_given_what_it_asks_for(monkeypatch):
    torch.manual_seed(0)
    method = Rotation(SmallNet(dim=4, width=2))
    loaded = []
    monkeypatch.setattr(module, "load_method", lambda run, trust: loaded.append((run, trust)) or method)
    monkeypatch.setattr(module, "fresh_methods", lambda run, trust: (run, trust))
    subject = Subject(encoder=method.encoder, fresh=None, folder=Path("out"), run=Path("run"), trust="mine")
    assert ask(OfEncoders(), subject, Path("kept"), "cpu") == [method.encoder, None, Path("kept"), "cpu"]
    assert ask(OfBoth(), subject, None, "cpu") == [method.encoder, None] and not loaded
    needs = OfBoth()
    needs.needs_method = True
    assert ask(needs, subject, None, "cpu") == [method.encoder, method]
    assert ask(OfMethods(), subject, None, "cpu") == [method, (Path("run"), "mine"), None]
    assert loaded == [(Path("run"), "mine")]  # once, however many ask


def test_weights_without_a_method_are_refused_where_it_is_asked():
    subject = Subject(encoder=SmallNet(dim=4, width=2), fresh=None, folder=Path("out"))
    with pytest.raises(ConfigError, match=r"the whole method is asked.*give run=FOLDER"):
        ask(OfMethods(), subject, None, "cpu")
