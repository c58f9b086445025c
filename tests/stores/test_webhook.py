"""A notice is posted once, tried again only where that may help, and its address and token are told to nobody else."""

from __future__ import annotations

import json

import pytest

from churn.stores.notice import Notice, Unsent, send
from churn.stores.webhook import post
from tests.notice_servers import dead_port, http_server, silent_server

NOTICE = Notice(run="20260105T043000-nightly-7", subject="a line", text="a text: ±\n", fields={"exit_code": 5})


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for name in ("CHURN_WEBHOOK_URL", "CHURN_WEBHOOK_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def sent(within_seconds: float = 30) -> None:
    send(post, NOTICE, within_seconds=within_seconds)


@pytest.mark.parametrize("status", [200, 204])
def test_it_is_posted_as_json_with_its_token(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_WEBHOOK_TOKEN", "hunter2hunter2")
    with http_server(status) as taken:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", taken.address)
        sent()
    (body,), (headers,) = taken.bodies, taken.headers
    assert json.loads(body) == {"text": "a line\na text: ±\n", "exit_code": 5}
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer hunter2hunter2"


def test_without_a_token_there_is_no_such_header(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(200) as taken:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", taken.address)
        sent()
    assert "Authorization" not in taken.headers[0]


@pytest.mark.parametrize("first", [500, 503, 429])
def test_a_server_that_is_busy_is_asked_again(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(first, 200) as taken:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", taken.address)
        sent(within_seconds=1)
    assert len(taken.bodies) == 2
    assert len({*taken.bodies}) == 1


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (400, 1), (404, 1)])
def test_what_is_refused_is_told_without_the_address(status: int, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(status) as taken:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", f"{taken.address}?hunter2")
        with pytest.raises(Unsent, match=f"^HTTP status {status}$"):
            sent(within_seconds=1)
    assert len(taken.bodies) == tries


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_gets_neither_notice_nor_token(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_WEBHOOK_TOKEN", "hunter2hunter2")
    with http_server(200) as other, http_server(status, location=other.address) as taken:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", taken.address)
        with pytest.raises(Unsent, match=f"HTTP status {status}"):
            sent()
    assert (len(taken.bodies), other.headers) == (1, [])


def test_a_token_goes_in_clear_to_no_other_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_WEBHOOK_URL", "http://chat.invalid/hook")
    monkeypatch.setenv("CHURN_WEBHOOK_TOKEN", "hunter2hunter2")
    with pytest.raises(Unsent, match=r"^CHURN_WEBHOOK_TOKEN goes to no http:// address"):
        sent(within_seconds=0.1)


def test_a_server_that_is_away_or_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_WEBHOOK_URL", f"http://127.0.0.1:{dead_port()}/hunter2")
    with pytest.raises(Unsent, match=r"^ConnectionRefusedError: Connection refused$"):
        sent(within_seconds=0.1)
    with silent_server() as port:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", f"http://127.0.0.1:{port}/hunter2")
        with pytest.raises(Unsent, match=r"^TimeoutError$"):
            sent(within_seconds=0.4)


@pytest.mark.parametrize("address", ["", "hunter2", "file:///etc/hostname", "ftp://host/hunter2"])
def test_what_is_no_web_address_is_not_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_WEBHOOK_URL", address)
    with pytest.raises(Unsent, match=r"^CHURN_WEBHOOK_URL is not set to an address") as unsent:
        sent()
    assert "hunter2" not in str(unsent.value)


@pytest.mark.parametrize(
    "address", ["http://host:hunter2/", "http://[hunter2/", "http:///hunter2", "http://a b/hunter2"]
)
def test_an_address_that_cannot_be_read_is_not_repeated(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_WEBHOOK_URL", address)
    with pytest.raises(Unsent) as unsent:
        sent(within_seconds=0.1)
    assert "hunter2" not in str(unsent.value)
