"""The reference of the site names everything, and its tables read as the docstrings are meant."""

import importlib.util
import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from avssl import cli
from avssl.config.source import exports

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def filled():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook.filled(PAGE)


# --- names ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [kind for kind in cli.KINDS if kind != "configs"])
def test_the_reference_has_everything_that_the_command_lists(filled, kind):
    assert f"`avssl list {kind}`" in PAGE
    names = {line.split()[0] for line in cli.listing(kind).splitlines()}
    named = {
        name for name in names if f"`{name}`](" in filled or f"| [`{name}`][" in filled or f"| `{name}` |" in filled
    }
    assert names == named


PACKAGES = re.findall(r"^`dir\((.*)\)`$", PAGE, flags=re.MULTILINE)


def test_the_reference_lists_the_packages_that_other_projects_import():
    import avssl

    assert {"avssl.media", "avssl.sampling", "avssl.transforms", "avssl.losses", "avssl.methods"} <= set(PACKAGES)
    for package in PACKAGES:
        assert package == "avssl" or package.partition(".")[2] in dir(avssl)


def test_what_makes_names_lazy_is_no_public_name(filled):
    assert "avssl.lazy" not in filled
    assert "attach" not in cli.listing("losses")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_link_of_the_reference_is_a_definition_and_each_is_explained_once(filled, package):
    paths = re.findall(r"\]\[(avssl[.\w]+)\]", filled)
    for name in exports(package):
        value = getattr(import_module(package), name)
        home = f"{getattr(value, '__module__', '')}.{name}"
        if isinstance(value, type) or (callable(value) and home.startswith("avssl.")):
            assert paths.count(home) == 1, home


# --- tables ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def sections():
    """Every section of every docstring, as the site reads them: the object and the section."""
    griffe = pytest.importorskip("griffe")
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    python = next(one for one in site["plugins"] if "mkdocstrings" in one)["mkdocstrings"]["handlers"]["python"]
    style, choices = python["options"]["docstring_style"], python["options"]["docstring_options"]
    package = griffe.load("avssl", search_paths=[str(ROOT)], allow_inspection=False)
    return [(one, part) for one in members(package) if one.docstring for part in one.docstring.parse(style, **choices)]


def members(holder):
    for one in holder.members.values():
        if not one.is_alias:
            yield one
            yield from members(one) if one.is_module or one.is_class else ()


def rows(sections, *kinds):
    found = [(one, row) for one, part in sections if part.kind.value in kinds for row in part.value]
    assert len(found) > 100 or "yields" in kinds
    return found


def test_what_is_returned_is_one_row_whose_type_is_that_of_the_signature(sections):
    wrong = []
    for one, row in rows(sections, "returns", "yields"):
        own = str(one.returns if one.is_function else one.annotation)
        if row.name or str(row.annotation) not in own:
            wrong.append(f"{one.path}: name {row.name!r}, type {row.annotation}")
    assert not wrong
    assert all(len(part.value) == 1 for _, part in sections if part.kind.value in {"returns", "yields"})


def test_every_argument_that_is_explained_is_one_of_the_signature(sections):
    wrong = [
        f"{one.path}: {row.name}"
        for one, row in rows(sections, "parameters")
        if row.name not in {argument.name for argument in one.parameters}
    ]
    assert not wrong


def test_every_error_that_is_explained_is_a_name(sections):
    wrong = [
        f"{one.path}: {row.annotation}"
        for one, row in rows(sections, "raises")
        if not re.fullmatch(r"[\w.]+", str(row.annotation))
    ]
    assert not wrong


def test_the_fields_of_a_named_tuple_are_attributes_with_their_types(sections):
    wrong = [
        f"{one.path}: {row.name}"
        for one, row in rows(sections, "parameters")
        if not one.is_function and "NamedTuple" in map(str, one.bases)
    ]
    assert not wrong


def test_no_section_is_taken_for_prose(sections):
    heads = re.compile(r"^(Args|Returns|Yields|Raises|Attributes|Examples):$", flags=re.MULTILINE)
    wrong = [one.path for one, part in sections if part.kind.value == "text" and heads.search(part.value)]
    assert not wrong
