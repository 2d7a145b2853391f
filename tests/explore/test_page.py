"""The page in headless Chromium: a clicked point plays, neighbours, filter, search, export; nobody else may ask."""

import csv
import http.client
import io
import threading
import wave
from contextlib import closing, contextmanager

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from avssl.config import ConfigError
from avssl.explore import command, page, projection
from avssl.explore.command import explore
from avssl.features.files import write_features
from tests.browsing import PATIENCE, chromium, watched
from tests.explore.asking import rows_of
from tests.media.filming import Sheet, film, settle

ROWS = 12  # the first is a film, the last a sound, all others pictures
FILM, SOUND = 0, ROWS - 1
# what embedding-atlas asks DuckDB for; as an error the page would get it instead of an answer
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_reader:DeprecationWarning")
PLAYERS = "[...document.querySelectorAll('audio, video')]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Features of two layers, of a film, pictures and a sound; the film and the sound have a class of their own."""
    root = tmp_path_factory.mktemp("explored")
    film(root / "walk.mp4", Sheet(frames=150))
    settle(root / "walk.mp4")
    for row in range(1, SOUND):
        Image.new("RGB", (20, 16), (20 * row, 0, 0)).save(root / f"{row:02d}.png")
    with wave.open(str(root / "bark.wav"), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes((np.sin(np.arange(16000) * 0.3) * 9000).astype("<i2").tobytes())
    names = ["walk.mp4", *(f"{row:02d}.png" for row in range(1, SOUND)), "bark.wav"]
    angles = np.linspace(0, 2, ROWS)  # so that neighbours are those beside
    features = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    played = np.isin(np.arange(ROWS), (FILM, SOUND))
    told = {"label": np.where(played, 1, 0), "classes": ("still", "moving")}
    rows = rows_of(
        [root / name for name in names], start=np.where(played, 0.4, 0), end=np.where(played, 1.2, 0), **told
    )
    write_features(root / "features", {"layer1": features, "output": features}, rows)
    index = parquet.read_table(root / "features" / "index.parquet")
    speed = pa.array(np.arange(ROWS) * 0.5)
    parquet.write_table(index.append_column("speed", speed), root / "features" / "index.parquet")
    return root / "features"


def in_a_row(features, index, distances):
    """A layout: from left to right, the first and the last row far from the others."""
    places = np.stack([np.arange(len(features)), np.arange(len(features)) % 3], 1)
    places[FILM, 0], places[SOUND, 0] = -6, 18
    return places


@contextmanager
def serving(monkeypatch, **settings):
    """Run the command with a server in a thread instead of until Ctrl-C; yields its address."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs embedding-atlas: pip install -e '.[explore]'")
    pytest.importorskip("embedding_atlas", reason="needs embedding-atlas: pip install -e '.[explore]'")
    monkeypatch.setattr(projection, "umap_layout", in_a_row)
    started = []

    def serve(app, listening):
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        started.append((server, thread, f"http://127.0.0.1:{listening.getsockname()[1]}/"))

    monkeypatch.setattr(command, "serve", serve)
    explore(**settings)
    [(server, thread, address)] = started
    yield address
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def address(folder):
    patch = pytest.MonkeyPatch()
    with serving(patch, what=folder, layer="output", other_layer="layer1", neighbours=3) as found:
        yield found
    patch.undo()


@pytest.fixture(scope="module")
def opened(address):
    with chromium() as browser, browser.new_context(viewport={"width": 1400, "height": 600}) as context:
        shown = context.new_page()
        shown.set_default_timeout(PATIENCE)
        amiss = watched(shown, address)
        shown.goto(address)
        shown.get_by_text(f"{ROWS} points", exact=True).nth(1).wait_for()  # on both maps
        yield shown, amiss


def click(shown, row):
    """Click the leftmost or the rightmost point of the first map."""
    canvas = shown.locator("canvas").first
    box = canvas.bounding_box()
    picture = np.asarray(Image.open(io.BytesIO(shown.screenshot(clip=box))).convert("RGB")).astype(int)
    bright = np.ptp(picture, axis=2) > 60
    bright[:140], bright[-40:] = False, False  # controls and the legend
    found = np.argwhere(bright)
    y, x = map(float, found[found[:, 1].argmin() if row == FILM else found[:, 1].argmax()])
    x += box["x"] + (3 if row == FILM else -3)  # from the rim of the point into it
    shown.mouse.move(x, box["y"] + y)
    shown.mouse.click(x, box["y"] + y)


def test_a_click_plays_the_part_of_the_film(opened):
    shown, _ = opened
    click(shown, FILM)
    shown.locator("video").first.wait_for()  # on each map one, of which one plays
    shown.wait_for_function(f"{PLAYERS}.some((one) => one.currentTime > 0.5)")
    assert shown.locator("video").first.get_attribute("src") == "/media/0#t=0.400,1.200"
    shown.wait_for_function(f"{PLAYERS}.every((one) => one.paused)")
    assert 1.1 < shown.evaluate(f"Math.max(...{PLAYERS}.map((one) => one.currentTime))") < 5.0  # of 6 s
    assert shown.get_by_text("walk.mp4 · moving").first.is_visible()


def test_neighbours_of_a_point_are_listed_nearest_first_and_wait_to_be_started(opened):
    shown, _ = opened
    click(shown, SOUND)
    shown.locator("audio").first.wait_for()
    shown.get_by_role("button", name="Nearest Neighbors").first.click()
    shown.get_by_text(f"Neighbors of #{SOUND}").wait_for()
    shown.get_by_text("3 results").wait_for()
    listed = shown.locator("button:has(.markdown-content)")
    assert [name in listed.nth(place).inner_text() for place, name in enumerate(("10.png", "09.png", "08.png"))]


def test_a_search_finds_words_and_its_sound_is_heard_alone_when_started(opened):
    shown, _ = opened
    shown.locator("input:not([type=checkbox])").first.fill("bark")
    shown.keyboard.press("Enter")
    shown.get_by_text("1 result").wait_for()
    player = shown.locator("button audio")
    player.wait_for()
    assert player.evaluate("one => one.paused")  # in a list
    player.evaluate("one => one.play()")
    shown.wait_for_function("document.querySelector('button audio').currentTime > 0.45")
    assert shown.evaluate(f"{PLAYERS}.filter((one) => !one.paused).length") <= 1


def test_what_is_filtered_by_a_class_is_exported(opened):
    shown, amiss = opened
    shown.locator("button[title=moving]").first.click()
    shown.get_by_text(f"2 / {ROWS} points").wait_for()
    shown.get_by_title("Export Selection", exact=True).click()
    shown.locator("select:has(option:text('CSV'))").first.select_option(label="CSV")
    with shown.expect_download() as waiting:
        shown.get_by_title("Export the selected points").first.click()
    table = list(csv.DictReader(waiting.value.path().read_text().splitlines()))
    assert [row["file"] for row in table] == ["walk.mp4", "bark.wav"]
    assert [float(row["speed"]) for row in table] == [0.0, 5.5] and table[0]["label"] == "moving"
    assert amiss and all("WebGPU" in line for line in amiss)  # it draws without, and asks nobody else for anything


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
@pytest.mark.parametrize("path", ["/", "/media/0", "/data/dataset.parquet", "/data/query"])
def test_a_foreign_page_gets_nothing(address, path, headers):
    status, body = request(address, path, headers)
    assert status == 403 and len(body) < 100


def request(address, path, headers):
    with closing(http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"))) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_film_is_served_in_parts_so_that_it_can_be_sought(address, folder):
    film = (folder.parent / "walk.mp4").read_bytes()
    assert request(address, "/media/0", {"Range": "bytes=10-19"}) == (206, film[10:20])


def test_a_taken_port_is_told_before_anything_is_computed():
    with page.bound(0) as taken, pytest.raises(ConfigError, match=r"cannot be used .*; 0 takes a free one"):
        page.bound(taken.getsockname()[1])


def test_without_the_extra_it_is_told_how_to_install_it(monkeypatch, folder):
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"embedding-atlas is not installed; .* install .*\[explore\]"):
        explore(what=folder)


def test_the_second_map_has_columns_of_its_own_and_each_map_is_named():
    told = page.props_of(["a: output", "<b>: conv1"], "label")
    charts = told["initialState"]["charts"]
    assert [charts[key]["title"] for key in "12"] == ["a: output", "<b>: conv1"]
    assert charts["2"]["data"]["x"] == "x_other" and charts["2"]["data"]["neighbors"] == "neighbors_other"
    assert "right: <b>&lt;b&gt;: conv1</b>" in charts["maps"]["content"]
    assert "maps" not in page.props_of(["a"], "label")["initialState"]["charts"]
