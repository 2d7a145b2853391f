"""The real-or-recoloured test without a browser: which pairs, what is written, what the choices say."""

import json
import socket
import threading
import urllib.error
import urllib.request
from statistics import mean

import numpy as np
import pytest
import torch

from avssl.config import ConfigError
from avssl.inference.recolored.choices import Choice, add_choice, read_choices, shares, summarize
from avssl.inference.recolored.pairs import Pairs, square
from avssl.inference.recolored.serving import Server
from avssl.inference.recolored.session import Refused, Sessions
from avssl.inference.recolored.trials import trials


class Brown:
    """Gives every picture one colour."""

    def colorize(self, pictures):
        lightness = pictures.mean(1, keepdim=True)
        return (lightness * torch.tensor([1.2, 0.9, 0.6])[:, None, None]).clamp(0, 1)


def pairs(count=8, size=16):
    pictures = np.random.default_rng(0).integers(0, 256, (count, 3, size, size), np.uint8)
    return Pairs(
        pictures=pictures, names=[f"p{one}" for one in range(count)], method=Brown(), within=None, device="cpu"
    )


def sessions(path, practice=1, tests=5, mark="m"):
    return Sessions(pairs(), path, mark, practice, tests, seed=0)


def choice(person="Ada", number=0, kind="test", fake="left", chosen="left", looks=1, mark="m"):
    return Choice(person=person, number=number, kind=kind, picture="p", fake=fake, chosen=chosen, looks=looks,
                  seconds=1.0, mark=mark)  # fmt: skip


def test_a_session_is_the_papers_and_is_the_same_for_a_name():
    ada = trials("Ada", 60, practice=10, pairs=40, seed=0)
    assert ada == trials("Ada", 60, practice=10, pairs=40, seed=0) != trials("Bob", 60, practice=10, pairs=40, seed=0)
    assert [one.kind for one in ada[:10]] == ["practice"] * 10
    assert [one.kind for one in ada].count("catch") == 4 and [one.kind for one in ada].count("test") == 36
    assert len({one.picture for one in ada}) == 50 and all(one.donor != one.picture for one in ada)


def test_sides_and_orders_are_even_over_many_people():
    both = [trials(f"person {number}", 50, practice=10, pairs=40, seed=0) for number in range(80)]
    left = mean(one.fake == "left" for person in both for one in person)
    assert abs(left - 0.5) < 4 * 0.5 / (80 * 50) ** 0.5
    assert abs(mean(person[0].picture for person in both) - 24.5) < 4 * 14.4 / 80**0.5


def test_too_few_pictures_are_told_with_the_number_that_is_needed():
    with pytest.raises(ConfigError, match=r"pictures: got 7; 2 practice and 6 test pairs need 8"):
        trials("Ada", 7, practice=2, pairs=6, seed=0)


def test_the_share_fooled_counts_test_pairs_alone_and_its_interval_is_wilsons():
    choices = [choice(chosen="right")] * 10 + [choice()] * 30 + [choice(kind="practice", chosen="right")] * 9
    choices += [choice(kind="catch")] * 3 + [choice(kind="catch", chosen="right")]
    found = shares(choices)
    z, n, p = 1.959964, 40, 0.25
    middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert found["fooled"] == p and found["pairs"] == n and found["caught"] == 0.75
    assert found["low"] == pytest.approx((middle - half) / (1 + z * z / n), abs=1e-6)
    assert found["high"] == pytest.approx((middle + half) / (1 + z * z / n), abs=1e-6)
    text = "\n".join(summarize([*choices, choice("Bob", looks=2)], others=2))
    assert "of 41 pairs" in text and "Bob: 0.0% of 1 pairs" in text and "1 pairs were shown more" in text
    assert "2 choices of other weights" in text and "75% of 4 fakes" in text
    assert summarize([], 0) == ["No test pair has been judged yet."] and np.isnan(shares([])["fooled"])


def test_a_choice_is_on_the_disk_at_once_and_a_name_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "out" / "choices.jsonl"
    first = sessions(path)
    begun = first.begin(" Ada ")
    assert begun["number"] == 0 and begun["practice"] == 1 and not begun["done"]
    for number in range(3):
        first.picture(begun["session"], number, "left")
        first.choose(begun["session"], number, "left", 0.5)
    again = sessions(path)
    state = again.begin("Ada")
    assert state["number"] == 3 and again.begin("Bob")["number"] == 0
    for number in range(3, 6):
        state |= again.choose(state["session"], number, "right", 0.5)
    assert state["done"] and state["judged"] == 5 and again.finished() == 1
    kinds = [one.kind for one in read_choices(path)]
    assert kinds[0] == "practice" and kinds.count("catch") == 0 and len(kinds) == 6  # a tenth of 5 rounds to none
    assert sessions(path, mark="other").begin("Ada")["number"] == 0 and sessions(path, mark="other").others == 6


def test_a_line_that_was_cut_off_is_dropped_and_a_broken_one_is_told(tmp_path):
    path = tmp_path / "choices.jsonl"
    add_choice(path, choice())
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    assert len(read_choices(path)) == 1
    add_choice(path, choice(number=1))
    assert [one.number for one in read_choices(path)] == [0, 1]
    for line in (b"{}", b"\xff", b"[" * 5000, b"null", whole.encode().replace(b'"Ada"', b"[1]").strip()):
        path.write_bytes(line + b"\n" + whole.encode())
        with pytest.raises(ConfigError, match=r"choices.jsonl, line 1: is no choice"):
            read_choices(path)
    path.write_text("{}\n" + whole)
    with pytest.raises(ConfigError, match=r"choices.jsonl, line 1: is no choice"):
        read_choices(path)


def test_only_the_pair_at_hand_is_shown_and_no_choice_counts_twice(tmp_path):
    one = sessions(tmp_path / "c")
    token = one.begin("Ada")["session"]
    with pytest.raises(Refused, match="judged already"):
        one.picture(token, 1, "left")
    one.choose(token, 0, "left", 1)
    with pytest.raises(Refused, match="judged already"):
        one.choose(token, 0, "left", 1)
    with pytest.raises(Refused, match="started anew"):
        one.picture("no token", 1, "left")
    for bad in ("", "x" * 81, None):
        with pytest.raises(Refused, match="name of 1 to 80"):
            one.begin(bad)
    with pytest.raises(Refused, match="no choice"):
        one.choose(token, 1, "top", 1)


def test_practice_tells_the_side_and_the_test_does_not(tmp_path):
    one = sessions(tmp_path / "c")
    token = one.begin("Ada")["session"]
    fakes = trials("Ada", 8, practice=1, pairs=5, seed=0)
    first = one.choose(token, 0, fakes[0].fake, 1)
    assert first["right"] is True and first["fake"] == fakes[0].fake
    assert not {"right", "fake"} & one.choose(token, 1, "left", 1).keys()


def test_both_sides_have_one_lightness_and_a_catch_has_anothers_colours():
    from skimage.color import rgb2lab

    dealt = pairs(size=32)
    dealt.pictures[:] = np.clip(dealt.pictures // 4 + 96, 0, 255)  # dull: no colour leaves RGB
    kinds = {}
    for trial in trials("Ada", 8, practice=0, pairs=8, seed=0):
        kinds[trial.kind] = trial
        lab = rgb2lab(dealt.fake(trial).transpose(1, 2, 0))
        truth = rgb2lab(dealt.pictures[trial.picture].transpose(1, 2, 0))
        assert np.abs(lab[..., 0] - truth[..., 0]).max() < 0.7
    caught = kinds["catch"]
    donor = rgb2lab(dealt.pictures[caught.donor].transpose(1, 2, 0))
    assert np.abs(rgb2lab(dealt.fake(caught).transpose(1, 2, 0))[..., 1:] - donor[..., 1:]).max() < 1.5


def test_pictures_are_cut_to_their_middle_square():
    wide = np.zeros((3, 4, 12), np.uint8)
    wide[:, :, 4:8] = 200
    assert (square(wide, 4) == 200).all() and (square(wide, 8) == 200).all() and square(wide, 2).shape == (3, 2, 2)


@pytest.fixture
def served(tmp_path):
    with Server(sessions(tmp_path / "c"), 0, 1.0, None) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    base = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(server.address + path, data, base | headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_server_answers_this_machine_alone_and_tells_nothing_of_sides(served):
    assert served.server_address[0] == "127.0.0.1"
    assert ask(served, "")[0] == 200 and ask(served, "nothing")[0] == 404
    assert ask(served, "", Host="evil.example")[0] == 403
    assert ask(served, "begin", {"name": "Ada"}, Origin="http://evil.example")[0] == 403
    assert ask(served, "begin", {"name": "Ada"}, **{"Content-Type": "text/plain"})[0] == 400
    assert ask(served, "begin", ["Ada"])[0] == 400 and ask(served, "begin", {"name": "x" * 5000})[0] == 400
    assert ask(served, "nothing", {"name": "Ada"})[0] == 404
    status, text = ask(served, "begin", {"name": "Ada"})
    begun = json.loads(text)
    assert status == 200 and begun.keys() == {"session", "number", "practice", "pairs", "done", "seconds"}
    left, right = (ask(served, f"pair/{begun['session']}/0/{side}") for side in ("left", "right"))
    assert left[0] == right[0] == 200 and left[1][:4] == b"\x89PNG" and left[1] != right[1]
    assert ask(served, f"pair/{begun['session']}/1/left")[0] == 409


def send(server, body: bytes, path="choose", length=None, method="POST", target=None) -> tuple[int, bytes]:
    """Send bytes as they are, and return the status and the body of the answer."""
    lines = [f"{method} {target or '/' + path} HTTP/1.1", f"Host: {server.server_address[0]}:{server.server_port}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}", "", ""]
    with socket.create_connection(server.server_address, timeout=300) as line:
        line.sendall("\r\n".join(lines).encode() + body)
        line.shutdown(socket.SHUT_WR)
        answer = line.makefile("rb").read()
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), text


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 4000,
        b'{"a":' * 800,
        b'{"session": "x", "number": 0, "side": "left", "seconds": NaN}',
        b'{"session": "x", "number": 0, "side": "left", "seconds": 1e999}',
        b'{"session": "x", "number": 0, "side": "left", "seconds": -Infinity}',
        b'{"session": "x", "number": 0, "side": "left", "seconds": -1}',
        b'{"session": "x", "number": 0, "side": "left", "seconds": true}',
        b'{"session": "x", "number": true, "side": "left", "seconds": 1}',
        b'{"session": "x", "number": 0, "side": "left", "seconds": 1' + b"0" * 3900 + b"}",
        b'{"session": "x", "number": 0, "side": ["left"], "seconds": 1}',
        b"\xff\xfe{}",
        b'{"session": "\xff"}',
        b"",
    ],
    ids=lambda body: body[-20:].decode(errors="replace"),
)
def test_a_request_that_is_no_choice_is_400_and_nothing_is_written(served, tmp_path, body, capfd):
    status, text = send(served, body)
    assert status == 400 and json.loads(text)["error"]
    assert not (tmp_path / "c").exists() and "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("name", [b'"\\ud800"', b"7", b"null", b'[["Ada"]]', b'" "'])
def test_a_name_that_cannot_be_written_down_is_400(served, name, capfd):
    status, text = send(served, b'{"name": ' + name + b"}", "begin")
    assert status == 400 and "name of 1 to 80" in json.loads(text)["error"]
    assert "Traceback" not in capfd.readouterr().err


def test_numbers_without_end_in_headers_and_addresses_are_refused(served, capfd):
    assert send(served, b"{}", length="9" * 5000)[0] == 400
    assert send(served, b"", path=f"pair/x/{'9' * 5000}/left", method="GET")[0] == 404
    assert send(served, b"", target="http://[", method="GET")[0] == 404
    assert "Traceback" not in capfd.readouterr().err


def test_a_file_of_choices_that_holds_something_else_is_told_with_its_line(tmp_path):
    for content in (b"\xff\n", b"[" * 100000 + b"\n", b"1\n"):
        (tmp_path / "c").write_bytes(content)
        with pytest.raises(ConfigError, match="line 1: is no choice"):
            read_choices(tmp_path / "c")


def test_a_port_that_is_taken_is_told(served, tmp_path):
    with pytest.raises(ConfigError, match=r"port: \d+ cannot be used .*0 takes a free one"):
        Server(sessions(tmp_path / "c"), served.server_port, 1.0, None)
