"""Losses stand alone: whoever has torch can use them."""

import ast
from importlib import import_module
from pathlib import Path

import avssl.losses

FOLDER = Path(avssl.losses.__file__).parent


def test_losses_import_nothing_of_the_toolkit_but_losses():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                assert not module.startswith("avssl") or module.startswith("avssl.losses."), f"{path.name}: {module}"
                assert module != "torch.distributed", f"{path.name} must not know processes"


def test_every_public_name_is_found_and_hides_no_module():
    assert sorted(avssl.losses.WHERE) == sorted(avssl.losses.__all__)
    modules = {path.stem for path in FOLDER.glob("*.py")}
    for name, place in avssl.losses.WHERE.items():
        assert getattr(avssl.losses, name) is getattr(import_module(place), name)
        assert name not in modules
