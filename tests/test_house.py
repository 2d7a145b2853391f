"""The house rules that no reader should have to remember."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {  # a package needs itself and the floors below it: never one above, never another of the same floor
    "sampling": 1,
    "media": 2,
    "transforms": 2,
    "losses": 2,
    "nets": 3,
    "data": 4,
    "methods": 5,
    "training": 6,
    "metrics": 7,
    "features": 7,
    "report": 8,
    "evaluation": 9,
    "audit": 10,
    "inference": 10,
    "explore": 11,
}
ROOTS = {
    "__init__",
    "__main__",
    "cache",
    "cli",
    "config",
    "distributed",
    "files",
    "installed",
    "lazy",
    "lock",
    "memory",
    "pool",
    "progress",
    "screen",
    "text",
    "version",
}
LAZY = {"__init__": set(FLOORS), "config": {"sampling", "media"}}  # what they reach when asked for it
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
    """Return the package that a module of ours is in; None for the roots and for other people's modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "avssl" and len(parts) > 1 and parts[1] in FLOORS else None


def package(path):
    return path.relative_to(ROOT / "avssl").parts[0].removesuffix(".py")


def name(path):
    return str(path.relative_to(ROOT))


def test_every_package_stands_on_a_floor():
    assert {package(path) for path in MODULES} == set(FLOORS) | ROOTS


def test_packages_only_lean_on_floors_below():
    wrong = {}
    for path in MODULES:
        own = package(path)
        reached = {floor(module) for module in imports(path)} - {None, own}
        allowed = LAZY.get(own, set()) if own in ROOTS else {one for one in FLOORS if FLOORS[one] < FLOORS[own]}
        if reached - allowed:
            wrong[name(path)] = sorted(reached - allowed)
    assert not wrong


def test_no_modules_import_each_other_in_a_circle():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}
    packages = {one for one, path in names.items() if path.stem == "__init__"}  # lazy tables; who names one names all
    needs = {one: {other for other in imports(path) if other in names} - packages for one, path in names.items()}
    try:
        TopologicalSorter({one: found - {one} for one, found in needs.items() if one not in packages}).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other: {' -> '.join(error.args[1])}")


def test_methods_know_no_data_no_media_and_no_engine():
    wrong = {
        name(path): module
        for path in MODULES
        if package(path) == "methods"
        for module in imports(path)
        if module.startswith(("lightning", "avssl.media", "avssl.data"))
    }
    assert not wrong


def test_only_training_knows_lightning():
    knowing = {path for path in MODULES if any(module.startswith("lightning") for module in imports(path))}
    assert knowing
    assert {package(path) for path in knowing} <= {"training"}


def test_how_far_something_is_is_shown_in_one_way():
    own = {name(path) for path in MODULES if {"rich.live", "rich.progress", "tqdm"} & set(imports(path))}
    assert own == {"avssl/progress.py"}


def test_no_package_holds_a_quarter_of_all_lines():
    lines = Counter()
    for path in MODULES:
        lines[package(path)] += len(path.read_text().splitlines())
    largest, count = lines.most_common(1)[0]
    assert count < lines.total() / 4, f"{largest} has {count} of {lines.total()} lines"


@pytest.mark.parametrize("package", ["avssl", "avssl.sampling", "avssl.config"])
def test_what_should_be_light_loads_neither_torch_nor_decoders(package):
    code = f"import sys, {package}; print(*({{'torch', 'av', 'decord', 'lightning_fabric'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()


def test_evaluators_load_what_is_slow_only_where_they_use_it():
    """A command's first second is spent on loading, and the page of any run looks at all evaluators."""
    code = (
        "import sys, avssl.evaluation.runner; from avssl import evaluation; "
        "from avssl.evaluation.suggestions import ready_made; "
        "found = {getattr(evaluation, whole['evaluator']['name']) for _, _, whole in ready_made()}; "
        "print(len(found), *({'lightning_fabric', 'torchvision', 'sklearn', 'torch._dynamo'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, *loaded = done.stdout.split()
    assert int(count) > 10 and not loaded


def test_the_datasets_folder_is_not_a_package():
    assert not list((ROOT / "datasets").rglob("__init__.py")) and not list((ROOT / "datasets").glob("*.py"))


def test_a_tool_is_a_docstring_and_one_call():
    for path in sorted((ROOT / "tools").glob("*.py")):
        if path.stem.startswith("draw_"):
            continue
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), f"{name(path)}: say how to run it"
        *head, last = tree.body[1:]
        assert {type(node) for node in head} <= {ast.Import, ast.ImportFrom, ast.Assign}, name(path)
        assert isinstance(last, ast.If) and len(last.body) == 1, name(path)


def test_test_modules_do_not_import_each_other():
    tests = sorted((ROOT / "tests").rglob("*.py"))
    modules = {path.stem for path in tests if path.stem.startswith("test_")}
    wrong = {
        name(path): sorted(found)
        for path in tests
        if (found := {module for module in imports(path) if modules & set(module.split("."))})
    }
    assert not wrong, f"what tests share lies in a module beside them: {wrong}"


def test_every_module_says_what_it_is_for():
    for path in MODULES:
        assert ast.get_docstring(ast.parse(path.read_text())), name(path)
        assert path.stem not in ("utils", "helpers", "misc", "common"), name(path)
