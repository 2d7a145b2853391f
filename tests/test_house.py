"""The house rules that no reader should have to remember."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    "sampling",
    "media",
    "nets",
    "losses",
    "data",
    "methods",
    "training",
    "evaluation",
    "use",
]  # lower never needs higher
ROOTS = {"cache", "config", "text", "version", "__init__"}  # beside the floors; they need none of them
SIDE = {"media": {"nets", "losses"}, "nets": {"media", "losses"}, "losses": {"media", "nets"}}  # no need to know
MODULES = sorted((ROOT / "avssl").rglob("*.py"))


def imports(path):
    """Yield every module that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write imports in full"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def floor(module):
    """Return the floor that a module of ours is on; None for the roots and for other people's modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "avssl" and len(parts) > 1 and parts[1] in FLOORS else None


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_floors_only_lean_on_floors_below(path):
    own = path.relative_to(ROOT / "avssl").parts[0].removesuffix(".py")
    reached = {floor(module) for module in imports(path)} - {None}
    if own in ROOTS:
        lazy = {"training"} if own == "__init__" else {"sampling", "media"} if own == "config" else set()
        assert reached <= lazy
        return
    assert all(FLOORS.index(other) <= FLOORS.index(own) for other in reached), reached
    assert not reached & SIDE.get(own, set()), reached


@pytest.mark.parametrize("path", [path for path in MODULES if "methods" in path.parts], ids=name)
def test_methods_know_transforms_but_no_data_readers_and_no_engine(path):
    for module in imports(path):
        assert not module.startswith(("lightning", "avssl.media")), module
        assert not module.startswith("avssl.data") or module.startswith("avssl.data.transforms"), module


def test_only_training_knows_lightning():
    knowing = {path for path in MODULES if any(module.startswith("lightning") for module in imports(path))}
    assert knowing
    assert {path.relative_to(ROOT / "avssl").parts[0] for path in knowing} <= {"training"}


@pytest.mark.parametrize("package", ["avssl", "avssl.sampling", "avssl.config"])
def test_what_should_be_light_loads_neither_torch_nor_decoders(package):
    code = f"import sys, {package}; print(*({{'torch', 'av', 'decord', 'lightning_fabric'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()


def test_the_datasets_folder_is_not_a_package():
    assert not list((ROOT / "datasets").rglob("__init__.py")) and not list((ROOT / "datasets").glob("*.py"))


COMPARING = (
    "bench_reading",
    "bench_exactness",
    "bench_evaluation",
    "bench_av",
    "draw_",
)  # scripts that compare, or draw
TOOLS = [path for path in sorted((ROOT / "tools").glob("*.py")) if not path.stem.startswith(COMPARING)]


@pytest.mark.parametrize("path", TOOLS, ids=name)
def test_a_tool_is_a_docstring_and_one_call(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "say how to run it"
    *head, last = tree.body[1:]
    assert {type(node) for node in head} <= {ast.Import, ast.ImportFrom, ast.Assign}
    assert isinstance(last, ast.If) and len(last.body) == 1


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))
    assert path.stem not in ("utils", "helpers", "misc", "common")
