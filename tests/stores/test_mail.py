"""A mail is handed over once, encrypted unless the settings say otherwise, and never with a password in clear."""

from __future__ import annotations

import base64
import email
import email.policy
from pathlib import Path
from typing import Any

import pytest

from churn.errors import SettingsError
from churn.stores.mail import Mail
from churn.stores.notice import Notice, Unsent, send
from tests.notice_servers import HOST, Smtp, certified, dead_port, silent_server, smtp_server

NOTICE = Notice(run="20260105T043000-nightly-7", subject="a line", text="a text: ±\n.\nend\n", fields={})


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHURN_SMTP_USER", "CHURN_SMTP_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def mail(port: int, **changed: Any) -> Mail:
    given: dict[str, Any] = {
        "to": ("a@example.org", "b@example.org"),
        "sender": "churn@example.org",
        "security": "none",
    }
    return Mail(**(given | {"host": HOST, "port": port} | changed))


def sent(one: Mail, within_seconds: float = 30) -> None:
    send(one.send, NOTICE, within_seconds=within_seconds)


def test_it_reaches_everybody_in_its_own_words() -> None:
    with smtp_server(Smtp()) as taken:
        sent(mail(taken.port))
    (body,) = taken.bodies
    message = email.message_from_bytes(body.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
    assert (message["Subject"], message["From"]) == ("a line", "churn@example.org")
    assert message["To"] == "a@example.org, b@example.org"
    assert message["Message-ID"] == "<20260105T043000-nightly-7@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_body().get_content().replace("\r\n", "\n") == NOTICE.text  # type: ignore[union-attr]
    recipients = [line for line in taken.said if line.startswith("rcpt")]
    assert [line.split("<")[1] for line in recipients] == ["a@example.org>", "b@example.org>"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_is_encrypted_before_the_password_is_told(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certified(tmp_path)
    monkeypatch.setenv("CHURN_SMTP_USER", "churn")
    monkeypatch.setenv("CHURN_SMTP_PASSWORD", "hunter2")
    with smtp_server(Smtp(context=context, at_once=security == "tls")) as taken:
        with pytest.raises(Unsent, match=r"^SSLCertVerificationError"):  # nobody vouches for it
            sent(mail(taken.port, security=security), within_seconds=1)
        assert not any("AUTH" in line for line in taken.said)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        sent(mail(taken.port, security=security))
    (login,) = [line for line in taken.said if line.startswith("AUTH")]
    assert base64.b64decode(login.split()[2]) == b"\0churn\0hunter2"
    assert len(taken.bodies) == 1


def test_a_server_that_does_not_encrypt_is_sent_nothing() -> None:
    with smtp_server(Smtp()) as taken, pytest.raises(Unsent, match="offers no STARTTLS"):
        sent(mail(taken.port, security="starttls"))
    assert [line.split()[0] for line in taken.said] == ["ehlo"]


def test_a_password_is_never_sent_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_SMTP_USER", "churn")
    with smtp_server(Smtp()) as taken, pytest.raises(Unsent, match="would send its password in clear"):
        sent(mail(taken.port))
    assert taken.said == []


def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() -> None:
    with smtp_server(Smtp(recipients=("451 later", "451 later", "250 fine"))) as taken:
        sent(mail(taken.port), within_seconds=1)
    assert len(taken.bodies) == 1
    refused = pytest.raises(Unsent, match=r"^every recipient was refused: 550$")
    with smtp_server(Smtp(recipients=("550 nobody",))) as taken, refused:
        sent(mail(taken.port))
    assert (len([line for line in taken.said if line.startswith("ehlo")]), taken.bodies) == (1, [])


def test_recipients_who_were_refused_are_counted_and_the_others_get_it_once() -> None:
    refused = pytest.raises(Unsent, match=r"^1 of 2 recipients were refused$")
    with smtp_server(Smtp(recipients=("550 nobody", "250 fine"))) as taken, refused:
        sent(mail(taken.port))
    assert len(taken.bodies) == 1


def test_a_server_that_hangs_up_without_a_word_has_taken_it_once() -> None:
    with smtp_server(Smtp(quits=False)) as taken:
        sent(mail(taken.port))
    assert len(taken.bodies) == 1


def test_a_server_that_is_away_or_says_nothing_is_told() -> None:
    with pytest.raises(Unsent, match=r"^ConnectionRefusedError: Connection refused$"):
        sent(mail(dead_port()), within_seconds=0.1)
    with silent_server() as port, pytest.raises(Unsent, match=r"^SMTPServerDisconnected$"):
        sent(mail(port), within_seconds=0.4)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"to": ("ops",)}, "notify.mail.to"),
        ({"to": ("a@b, c@d",)}, "notify.mail.to"),
        ({"to": ("a@b\nBcc: c@d",)}, "notify.mail.to"),
        ({"sender": "Churn <a@b>"}, "notify.mail.sender"),
        ({"port": 0}, "notify.mail.port"),
        ({"port": 65_536}, "notify.mail.port"),
    ],
)
def test_what_is_no_address_or_port_is_told_before_anything_runs(changed: dict[str, Any], where: str) -> None:
    with pytest.raises(SettingsError, match=f"^{where}: "):
        mail(25, **changed) if "port" not in changed else mail(**changed)
