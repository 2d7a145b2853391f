"""The page of the real-or-recoloured test, driven in headless Chromium as a person would: by keys, buttons, a phone."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest

from avssl.inference.recolored.choices import read_choices
from avssl.inference.recolored.pairs import Pairs
from avssl.inference.recolored.serving import Server
from avssl.inference.recolored.session import Sessions
from avssl.inference.recolored.trials import trials
from tests.browsing import PATIENCE, chromium, watched

SHOWN = 0.3  # s
# Keeps when the pair was shown and hidden, too short to be polled.
WATCH = """window.seen = [];
const get = (id) => document.getElementById(id);
addEventListener("DOMContentLoaded", () => new MutationObserver(() => seen.push({
    hidden: get("left").hidden, time: performance.now(), width: get("left").naturalWidth,
    right: !get("right").hidden, open: !get("choose-left").disabled,
})).observe(get("left"), {attributes: true, attributeFilter: ["hidden"]}));"""
PRACTICE, TESTS, COUNT = 1, 3, 6


class Red:
    def colorize(self, pictures):
        shown = pictures.mean(1, keepdim=True).repeat(1, 3, 1, 1)
        shown[:, 0] = (shown[:, 0] * 1.3).clamp(0, 1)
        return shown


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@contextmanager
def serving(path, port=0):
    rng = np.random.default_rng(0)
    pictures = np.kron(rng.integers(60, 200, (COUNT, 3, 4, 4)), np.ones((16, 16))).astype(np.uint8)
    pairs = Pairs(pictures=pictures, names=[f"p{one}" for one in range(COUNT)], method=Red(), within=None, device="cpu")
    with Server(Sessions(pairs, path, "m", PRACTICE, TESTS, seed=0), port, SHOWN, None) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def opened(browser, server, width=1000, height=800):
    """A page; what it complains of on its console, or asks of another place than the server, is a failure."""
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        amiss = watched(page, server.address)
        page.add_init_script(WATCH)
        page.goto(server.address)
        yield page, amiss


def begin(page, name="Ada"):
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")


def asked(page):
    page.wait_for_selector("#choose-left:enabled")


def test_a_person_goes_through_the_test_by_keys_alone_and_every_choice_is_kept(browser, tmp_path):
    path = tmp_path / "choices.jsonl"
    fakes = [trial.fake for trial in trials("Ada", COUNT, PRACTICE, TESTS, seed=0)]
    with serving(path) as server, opened(browser, server) as (page, amiss):
        assert page.evaluate("document.activeElement.id") == "name"
        begin(page)
        asked(page)
        shown, gone = page.evaluate("seen.slice(0, 2)")
        assert shown == {**shown, "width": 64, "right": True, "open": False, "hidden": False} and gone["hidden"]
        assert SHOWN * 1000 <= gone["time"] - shown["time"] < SHOWN * 1000 + 500
        assert page.locator("#right").is_hidden() and page.get_by_text("Practice 1 of 1").is_visible()
        page.keyboard.press("ArrowLeft" if fakes[0] == "left" else "ArrowRight")
        page.wait_for_selector("#next:visible")
        assert f"Right: the {fakes[0]} picture was the fake." in page.locator("#said").inner_text()
        page.keyboard.press("Enter")
        for number in range(TESTS):
            asked(page)
            assert page.get_by_text(f"Pair {number + 1} of {TESTS}").is_visible()
            page.keyboard.press("ArrowLeft")
            page.get_by_text(f"Pair {number + 2} of {TESTS}" if number + 1 < TESTS else "All pairs done").wait_for()
            assert len(read_choices(path)) == PRACTICE + number + 1
        page.wait_for_selector("#end:visible")
        fooled = sum(fake == "right" for fake in fakes[PRACTICE:])
        assert f"in {fooled} of {TESTS} pairs" in page.locator("#result").inner_text()
        assert not amiss
    kept = read_choices(path)
    assert [choice.fake for choice in kept] == fakes and all(choice.looks == 1 for choice in kept)
    assert all(0 < choice.seconds < 30 for choice in kept)


def test_an_interrupted_test_goes_on_at_the_same_pair_and_the_page_says_what_happened(browser, tmp_path):
    path = tmp_path / "choices.jsonl"
    with serving(path) as server, opened(browser, server) as (page, _):
        begin(page)
        asked(page)
        page.get_by_role("button", name="Left is the fake").click()
        page.wait_for_selector("#next:visible")
        page.reload()
        begin(page)
        asked(page)
        assert page.get_by_text("Pair 1 of 3").is_visible()
        port = server.server_port
        server.shutdown()
        server.server_close()
        page.get_by_role("button", name="Right is the fake").click()
        page.wait_for_selector("#trouble:visible")
        assert "cannot be reached" in page.locator("#trouble").inner_text() and len(read_choices(path)) == 1
        with serving(path, port):
            page.get_by_role("button", name="Try again").click()
            page.wait_for_selector("#welcome:visible")
            assert "started anew" in page.locator("#trouble").inner_text()
            begin(page)
            asked(page)
            assert page.get_by_text("Pair 1 of 3").is_visible() and page.locator("#trouble").is_hidden()


@pytest.fixture(scope="module")
def phone(browser, tmp_path_factory):
    """A page on a phone that asks one whose name is markup, and what it complained of."""
    with serving(tmp_path_factory.mktemp("phone") / "c") as server, opened(browser, server, 320, 700) as (page, amiss):
        begin(page, "<img src=x onerror=alert(1)>")
        asked(page)
        yield page, amiss


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_is_wider_than_the_screen_and_both_pictures_stand_side_by_side(phone, width):
    page, amiss = phone
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("innerWidth") == width >= page.evaluate("document.documentElement.scrollWidth")
    left, right = (page.locator(".frame").nth(one).bounding_box() for one in (0, 1))
    assert left["y"] == right["y"] and left["width"] == right["width"] > 120
    for one in ("#choose-left", "#choose-right"):
        box = page.locator(one).bounding_box()
        assert box["height"] >= 44 and box["y"] + box["height"] <= 700  # a thumb's size, without scrolling
    assert not amiss


def test_a_name_is_shown_as_text_and_never_as_markup(phone):
    page, amiss = phone
    assert page.locator("img[src=x]").count() == 0 and not amiss
