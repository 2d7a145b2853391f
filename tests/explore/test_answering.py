"""Media by the number of a row: whole, in parts, and never another file."""

import numpy as np
import pytest

from avssl.explore import answering
from avssl.explore.answering import MediaByRow, range_of
from avssl.explore.media import media_of
from tests.explore.asking import ask, rows_of

SOUND = bytes(range(256)) * 4


@pytest.fixture
def app(tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    (tmp_path / "other.txt").write_text("secret")
    rows = rows_of([tmp_path / "a.wav", tmp_path / "packed/7", tmp_path / "other.txt"], start=1.0, end=2.0)
    return MediaByRow(media_of(rows, drawable=True), lambda one: np.full((3, 2, 2), one.item, np.uint8))


def test_a_file_is_sent_whole_with_its_type_and_the_offer_of_parts(app):
    answer = ask(app, "/media/0")
    assert (answer.status, answer.body, answer.whole) == (200, SOUND, True)
    assert answer.headers["content-type"] == "audio/wav" and answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == "1024"


@pytest.mark.parametrize("asked", ["bytes=100-199", "bytes=100-", "bytes=-24", "bytes=1000-5000"])
def test_a_part_is_those_bytes_and_says_which(app, asked, monkeypatch):
    monkeypatch.setattr(answering, "PIECE", 32)
    part = range_of(asked, len(SOUND))
    answer = ask(app, "/media/0", headers={"range": asked})
    assert (answer.status, answer.body, answer.whole) == (206, SOUND[part.start : part.stop], True)
    assert answer.headers["content-range"] == f"bytes {part.start}-{part.stop - 1}/1024"
    assert answer.headers["content-length"] == str(len(part))


def test_a_part_past_the_end_is_refused_with_the_size(app):
    answer = ask(app, "/media/0", headers={"range": "bytes=1024-"})
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("headers", [{"range": "rows=1-2"}, {"range": "bytes=1-2", "if-range": "yesterday"}])
def test_what_is_no_range_or_holds_of_another_version_is_answered_by_all(app, headers):
    answer = ask(app, "/media/0", headers=headers)
    assert (answer.status, answer.body) == (200, SOUND)


def test_head_tells_the_size_and_sends_nothing(app):
    answer = ask(app, "/media/0", "HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "1024", b"")


def test_nothing_is_kept_by_the_browser_since_another_run_may_be_next(app):
    assert {ask(app, path).headers["cache-control"] for path in ("/media/0", "/media/1")} == {"no-store"}


@pytest.mark.parametrize("path", ["/media/1", "/media/1/picture"])
def test_an_item_in_no_file_is_a_picture_that_is_made(app, path):
    answer = ask(app, path)
    assert answer.headers["content-type"] == "image/png" and answer.body.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "path", ["/media/2", "/media/3", "/media/-1", "/media/", "/media/0/..", "/media/0/picture", "/media/١"]
)
def test_no_other_file_is_ever_sent(app, path):
    answer = ask(app, path)
    assert answer.status == 404 and b"secret" not in answer.body


def test_media_are_only_read(app):
    assert ask(app, "/media/0", "POST").status == 405


def test_a_file_that_is_gone_or_grows_shorter_is_never_taken_for_whole(app, tmp_path, monkeypatch):
    class Shorter:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def seek(self, *where):
            return self.file.seek(*where)

        def read(self, count):
            return b""

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", lambda path, mode, opened=open: Shorter(opened(path, mode)))
        assert not ask(app, "/media/0").whole
    (tmp_path / "a.wav").unlink()
    answer = ask(app, "/media/0")
    assert answer.status == 404 and answer.body.startswith(b"It cannot be read")
