"""Requests of foreign pages and by foreign names reach nothing; the page can ask nobody else."""

import pytest

from avssl.explore.guarding import OwnPagesOnly, respond
from tests.explore.asking import OWN, ask

FOREIGN = "http://evil.example"


@pytest.fixture
def app():
    async def inner(scope, receive, send):
        await respond(send, 200, "text/plain", b"secret")

    return OwnPagesOnly(inner, 8000)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"host": "localhost:8000"},
        {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
        {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors", "range": "bytes=0-"},
    ],
)
def test_a_page_of_its_own_is_answered(app, more):
    assert ask(app, "/data/query", headers=OWN | more).body == b"secret"


@pytest.mark.parametrize(
    "more",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8000"},  # a name that was bound to this machine's address
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:8001"},
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": "http://localhost:8000"},  # another origin to a browser
        {"origin": "https://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},  # a frame or a link to the data
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_host_or_origin_is_refused(app, more, method):
    answer = ask(app, "/data/query", method, OWN | more)
    assert answer.status == 403 and b"secret" not in answer.body


@pytest.mark.parametrize("headers", [{}, [("host", "127.0.0.1:8000"), ("host", "evil.example")]])
def test_a_request_by_no_name_or_by_two_is_refused(app, headers):
    assert ask(app, "/", headers=headers).status == 403


def test_a_link_on_another_page_may_lead_to_the_page_alone(app):
    followed = OWN | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(app, "/", headers=followed).status == 200
    assert ask(app, "/media/0", headers=followed).status == 403


def test_no_web_socket_is_opened(app):
    assert ask(app, "/data/query", kind="websocket").status == 1008


def test_every_answer_forbids_the_page_to_ask_others_and_others_to_frame_it(app):
    policy = ask(app, "/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "frame-ancestors 'none'" in policy and "http" not in policy
