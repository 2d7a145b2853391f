"""Losses stand alone: whoever has torch can use them."""

import ast
from importlib import import_module
from pathlib import Path

import avssl.losses
from avssl.lazy import table

FOLDER = Path(avssl.losses.__file__).parent


def test_losses_import_nothing_of_the_toolkit_but_losses():
    for path in set(FOLDER.glob("*.py")) - {FOLDER / "__init__.py"}:  # which imports names when they are used
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                assert not module.startswith("avssl") or module.startswith("avssl.losses."), f"{path.name}: {module}"
                assert module != "torch.distributed", f"{path.name} must not know processes"


def test_every_public_name_is_found_and_hides_no_module():
    names = table("avssl.losses")
    assert sorted(names) == avssl.losses.__all__
    modules = {path.stem for path in FOLDER.glob("*.py")}
    for name, (place, original) in names.items():
        assert getattr(avssl.losses, name) is getattr(import_module(place), original)
        assert name not in modules
