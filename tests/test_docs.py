"""The documentation is true: links lead somewhere, commands are accepted, code runs and prints what the page says."""

import ast
import re
import shlex
import shutil
import wave
from importlib import import_module

import pytest
import yaml
from PIL import Image

from avssl import cli, config
from avssl.config.finding import find
from avssl.config.reading import lay, parse
from avssl.config.signatures import parameters
from avssl.config.source import resolve
from avssl.lazy import table as table_of
from tests.pages import DOCS, FENCE, ROOT, TUTORIALS, blocks, lines_of, name, noise, parts, run_code, write_film

PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
COLUMNS = 100  # of code, at the width that docs/site.css gives a page
RUNNING = [
    DOCS / name
    for name in (
        *("index.md", "losses.md", "media.md", "transforms.md", "training.md", "evaluation.md", "config.md"),
        "correspondence.md",
    )
]


# --- the site -------------------------------------------------------------------------------------------------------
def pages_of(nav):
    for entry in nav if isinstance(nav, list) else nav.values():
        yield from [entry] if isinstance(entry, str) else pages_of(entry)


def test_the_site_has_every_page_and_no_page_is_left_out():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(pages_of(site["nav"])) == sorted(map(name, PAGES))


def anchors(page):
    """Return the anchors of a page's headings, as the site makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_every_link_and_picture_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        place = page.parent / file if file else page
        assert place.exists(), f"{name(page)} links to {target}"
        assert not anchor or anchor in anchors(place), f"{name(page)}: {target} has no such heading"


def named(page):
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if named(page)], ids=name)
def test_every_name_of_the_reference_can_be_imported(page):
    for dotted in named(page):
        module, _, last = dotted.rpartition(".")
        assert hasattr(import_module(module), last), dotted


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_code_fits_its_column_and_commands_are_continued(page):
    start = blocks(ROOT / "README.md", "")[:2]  # each one command, to be copied whole
    commands = [block for block in blocks(page, "") if re.match(r"(# .*\n)*(python|avssl|torchrun|\.) ", block)]
    shown = [*blocks(page, "python"), *blocks(page, "yaml"), *(block for block in commands if block not in start)]
    assert not [line for block in shown for line in block.splitlines() if len(line) > COLUMNS]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_in_tables_has_no_bar_that_the_site_would_show_with_its_backslash(page):
    assert not re.search(r"^\|.*`[^`|]*\\\|[^`]*`.*\|$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


# --- commands -------------------------------------------------------------------------------------------------------
def test_the_two_commands_of_the_readme_are_those_of_the_quick_start_and_of_the_checks():
    readme, start = (blocks(page, "")[:2] for page in (ROOT / "README.md", DOCS / "index.md"))
    assert readme == start
    assert readme[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def commands():
    """Yield each call of a tool that a page shows, as words from the tool's path on; those of tutorials are run."""
    for page in [page for page in TEXTS if page not in TUTORIALS]:
        for line in [line for block in blocks(page, "") for line in lines_of(block)]:
            if words := call_in(line):
                yield pytest.param(words, id=f"{name(page)}: {' '.join(words)[:60]}")


def test_the_versions_without_cuda_are_those_of_the_constraints():
    wanted = re.findall(r"torch\w*==\S+", (DOCS / "command.md").read_text(encoding="utf-8"))
    assert len(wanted) == 3 and set(wanted) <= set((ROOT / "constraints.txt").read_text(encoding="utf-8").split())


def call_in(line):
    """Return the words of a call from the tool's path on; none where a line shows no call of a tool."""
    if re.match(r"avssl [a-z]", line):
        words = shlex.split(line, comments=True)[1:]
        if words[0] in {one.split()[0] for one in cli.OWN}:
            return []
        tool, rest = cli.tool_of(words)
        return [name(tool), *rest]
    if not re.search(r"(python|torchrun) .*(tools|datasets)/\S+\.py", line):
        return []
    words = shlex.split(line, comments=True)
    return words[next(i for i, word in enumerate(words) if word.startswith(("tools/", "datasets/"))) :]


def called_by(tool):
    """Return the dotted path of the function that a tool runs, None for a script without a config; and what else."""
    last = ast.parse(tool.read_text(encoding="utf-8")).body[-1]
    call = getattr(last.body[0], "value", None) if isinstance(last, ast.If) else None
    first = call.args[0] if isinstance(call, ast.Call) and call.args else None
    if not isinstance(first, ast.Constant):
        return None, {}
    named = {one.arg: one.value.value for one in call.keywords if isinstance(one.value, ast.Constant)}
    return str(first.value), named


@pytest.mark.parametrize("words", list(commands()))
def test_every_command_is_accepted(words):
    tool = ROOT / words[0]
    assert tool.exists()
    function, named = called_by(tool)
    if function is None or "--help" in words:
        return
    module, _, last = function.rpartition(".")
    takes = parameters(resolve(module, last))
    if "takes" in named:
        several = config.command.is_sequence(takes[named["takes"]].hint)
        settings = {}
        for word in config.command.given(words[1:], named["takes"], several):
            lay(settings, word)
        config.plan(module, last, settings)
        return
    words = [words[0], *config.command.plain(words[1:])]
    own = ROOT / "configs" / f"{tool.stem}.yaml"
    source = own if own.exists() else ROOT / "configs" / "shuffle_learn.yaml"
    if words[1:] and "=" not in words[1]:
        given = words.pop(1)
        source = source if given.startswith(("CONFIG", "runs/")) else find(given)
    overrides = [word for word in words[1:] if "my_nets." not in word]  # a class of the reader's
    settings = config.read(source, overrides)
    if named.get("borrowed"):  # another tool's config: what this one does not take of it is left out
        settings = {key: value for key, value in settings.items() if key in takes}
    config.plan(module, last, settings)


def examples():
    """Yield what a page says a command prints."""
    for block in blocks(DOCS / "config.md", "console"):
        for command, said in re.findall(r"^\$ (.*)\n((?:[^$].*\n)+)", block, flags=re.MULTILINE):
            yield pytest.param(shlex.split(command)[2:], said, id=command.split()[-1])


@pytest.mark.parametrize(("words", "said"), list(examples()))
def test_a_mistake_is_answered_as_the_page_says(words, said, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        config.main("avssl.training.train", None, arguments=words)
    assert stop.value.code == 2
    assert capsys.readouterr().err == said


# --- settings -------------------------------------------------------------------------------------------------------
TRAIN = parameters(resolve("avssl.training.loop", "train"))
PIECES = {key: known.hint for key, known in TRAIN.items()} | {
    "test": parameters(resolve("avssl.evaluation", "Probes"))["test"].hint,
    "sampler": parameters(resolve("avssl.data", "Videos"))["sampler"].hint,
    "views": parameters(resolve("avssl.methods", "ShuffleAndLearn"))["views"].hint,
    "recipes": parameters(resolve("avssl.transforms", "MultiView"))["recipes"].hint,
}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml") and page not in TUTORIALS], ids=name)
def test_every_piece_of_settings_can_be_used(page):
    for block in blocks(page, "yaml"):
        for key, value in parse(block).items():
            config.fit(value, PIECES[key], key)


def test_the_table_of_settings_names_every_one_with_its_default():
    page = (DOCS / "training.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| setting | default |")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", table.partition("\n\n")[0], flags=re.MULTILINE)
    shown = {key: default.strip(" `") or None for key, default in rows}
    assert shown == {key: known.default and known.default.strip("'") for key, known in TRAIN.items()}


def test_the_table_of_optimisers_and_schedules_names_every_argument():
    page = (DOCS / "training.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| name | arguments with defaults |")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|$", table.partition("\n\n")[0], flags=re.MULTILINE)
    kinds = {one for one, (module, _) in table_of("avssl.training").items() if module.endswith((".optim", ".schedule"))}
    assert {kind for kind, _ in rows} == kinds - {"Optim", "Schedule"}
    for kind, arguments in rows:
        known = parameters(resolve("avssl.training", kind))
        assert re.findall(r"`(\w+)`", arguments) == list(known), kind


def test_the_table_of_monitors_names_every_argument():
    page = (DOCS / "training.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| name | arguments with defaults | logged as |")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table.partition("\n\n")[0], flags=re.MULTILINE))
    assert set(rows) == {one for one in table_of("avssl.training") if one.endswith("Monitor")} - {"Monitor"}
    for kind, arguments in rows.items():
        assert re.findall(r"`(\w+)`", arguments) == list(parameters(resolve("avssl.training", kind))), kind


def test_the_tables_of_encoders_name_every_one():
    rows = re.findall(r"^\| (`\w+.*?) \|", (DOCS / "nets.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {one for row in rows for one in re.findall(r"`([A-Z]\w+)", row)} == set(cli.members("encoders"))


def test_the_table_of_samplers_names_every_one():
    page = (DOCS / "sampling.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| sampler | what it chooses |")
    rows = re.findall(r"^\| `(\w+)\(", table.partition("\n\n")[0], flags=re.MULTILINE)
    assert sorted(rows) == sorted(cli.members("samplers"))


# --- code -----------------------------------------------------------------------------------------------------------
def damage(path, packet=40):
    """Overwrite the start of a packet of video, which every decoder notices."""
    from avssl.media import open_video

    place = int(open_video(path).index.offsets[packet])
    data = bytearray(path.read_bytes())
    data[place + 4 : place + 60] = bytes(range(100, 156))
    return bytes(data)


def train_a_little(root):
    from avssl.data import Videos
    from avssl.methods import ShuffleAndLearn
    from avssl.nets import SmallNet
    from avssl.sampling import OrderedFrames
    from avssl.training import AdamW, train

    films = Videos(source=root / "films", sampler=OrderedFrames(gaps=(3, 7)), size=(36, 36))
    method = ShuffleAndLearn(SmallNet(dim=16, width=4))
    small = {"steps": 1, "batch_size": 1, "workers": 0, "accelerator": "cpu", "tensorboard": False}
    train(method=method, data=films, optim=AdamW(lr=1e-3), out=root / "runs" / "shuffle_learn", **small)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with everything that the pages' code reads."""
    fsspec = pytest.importorskip("fsspec")
    root = tmp_path_factory.mktemp("pages")
    (root / "films").mkdir()
    (root / "frames").mkdir()
    write_film(root / "film.mp4", noise(75))
    for copy in ("smaller.mp4", "films/film.mp4", "broken.mp4"):
        shutil.copy(root / "film.mp4", root / copy)
    (root / "broken.mp4").write_bytes(damage(root / "broken.mp4"))
    with fsspec.open("memory://films/film.mp4", "wb") as remote:
        remote.write((root / "film.mp4").read_bytes())
    with wave.open(str(root / "speech.wav"), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(16000))
    pictures = [Image.new("RGB", (64 + number, 48), (number * 60, 0, 0)) for number in range(3)]
    for number, picture in enumerate(pictures):
        picture.save(root / "frames" / f"{number}.png")
    pictures[0].save(root / "loop.gif", save_all=True, append_images=pictures[1:], duration=[40, 80, 120])
    shutil.copytree(ROOT / "configs", root / "configs")
    train_a_little(root)
    return root


@pytest.mark.parametrize("page", RUNNING, ids=name)
def test_the_code_of_a_page_runs_from_top_to_bottom_and_prints_what_it_says(page, world, monkeypatch, capsys):
    monkeypatch.chdir(world)
    names: dict = {"__name__": "page"}
    for part in parts(page):
        if part.language == "python":
            run_code(part, names, page)
            assert part.answer in capsys.readouterr().out
