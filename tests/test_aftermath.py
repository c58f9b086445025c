"""However a run ends, its figures are left and its person is told; nothing of that changes how it ended."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from churn.errors import DataError, ExitCode, LockedError, TryAgainError
from churn.reports.outcome import Outcome, Table
from tests.command import Ran, churn
from tests.exposition import read_all, values
from tests.notice_servers import HOST, Smtp, dead_port, dripping_server, http_server, smtp_server

NIGHT = ("stage=score", "date=2026-01-05")
WEBHOOK = "notify.webhook=true"
SECRET = "hunter2/hunter2"
Ends = Callable[[Outcome | Exception], None]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for name in ("URL", "TOKEN"):
        monkeypatch.delenv(f"CHURN_WEBHOOK_{name}", raising=False)
    for name in ("USER", "PASSWORD"):
        monkeypatch.delenv(f"CHURN_SMTP_{name}", raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """Makes a run of `stage=score` end in a way of the test's choice."""

    def set_end(end: Outcome | Exception) -> None:
        def run(_: object) -> Outcome:
            if isinstance(end, Exception):
                raise end
            return end

        monkeypatch.setattr("churn.stages.score.run", run)

    return set_end


def told(root: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[Ran, list[dict[str, object]]]:
    """Returns how a run ended that tells a webhook, and what that was sent."""
    with http_server(200) as taken:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", taken.address)
        ran = churn(*(arguments or NIGHT), WEBHOOK, root=root)
    return ran, [json.loads(body) for body in taken.bodies]


def test_a_failure_is_told_with_where_what_and_what_to_do(
    root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(TryAgainError(where="raw subscription", found="no rows", action="mend the feed"))
    ran, (notice,) = told(root, monkeypatch)
    assert ran.code == ExitCode.TRY_AGAIN
    text = notice.pop("text")
    assert isinstance(text, str)
    first, second, third, *_ = text.splitlines()
    assert first == "churn subscription score: try again (exit code 75)"
    assert (second, third) == ("raw subscription: no rows", "  do: mend the feed")
    run = notice.pop("run")
    assert f"log: {root}/logs/{run}.log" in text
    assert notice.pop("machine")
    assert notice == {
        "kind": "failure",
        "dataset": "subscription",
        "stage": "score",
        "date": "2026-01-05",
        "exit_code": 75,
        "means": "try again",
    }


@pytest.mark.parametrize("code", [ExitCode.PROMOTION_REFUSED, ExitCode.DRIFT_ALARM])
def test_a_verdict_is_told_with_its_figures_and_its_table(
    code: ExitCode, root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(header=("gate", "answer"), rows=(("auc_floor", "fail"),))
    ends(Outcome(code=code, headline="version 2 waits", figures={"what to do": "approve"}, table=table))
    ran, (notice,) = told(root, monkeypatch)
    assert (ran.code, notice["kind"], notice["exit_code"]) == (code, "verdict", code)
    for line in ("\nversion 2 waits\n", "\n  what to do: approve\n", "\n  auc_floor  fail\n"):
        assert line in str(notice["text"])


@pytest.mark.parametrize("end", [Outcome(headline="well"), LockedError(where="a", found="b", action="c")])
def test_an_end_that_calls_for_nobody_is_not_told(
    end: Outcome | Exception, root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(end)
    ran, notices = told(root, monkeypatch)
    assert (ran.code in {0, 6}, notices) == (True, [])
    assert values(read_all((root / "metrics").glob("*.prom")), "churn_run_exit_code", stage="score") == [ran.code]


def test_no_secret_and_no_words_of_a_bug_are_told(root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    ends(DataError(where=f"postgres {SECRET}", found="hunter2%2Fhunter2", action="c"))
    _, (notice,) = told(root, monkeypatch)
    assert "hunter2" not in json.dumps(notice)
    assert "postgres ***: ***" in str(notice["text"])
    ends(ValueError("cannot convert customer 4711"))
    ran, (notice,) = told(root, monkeypatch)
    assert ran.code == ExitCode.BUG
    assert "a bug: ValueError, test_aftermath.py, line " in str(notice["text"])
    assert "4711" not in json.dumps(notice)


def test_a_notice_goes_by_mail_too_and_one_channel_that_fails_keeps_no_other(root: Path, ends: Ends) -> None:
    ends(DataError(where="raw subscription", found="no rows", action="mend the feed"))
    with smtp_server(Smtp()) as taken:
        server = (f"notify.mail.host={HOST}", f"notify.mail.port={taken.port}", "notify.mail.security=none")
        ran = churn(*NIGHT, WEBHOOK, *server, "notify.mail.to=[ops@example.org]", root=root)
    assert ran.code == ExitCode.DATA
    assert "WARNING notice by webhook was not sent: CHURN_WEBHOOK_URL is not set" in ran.err
    (body,) = taken.bodies
    message = email.message_from_bytes(body, policy=email.policy.default)
    assert message["Subject"] == "churn subscription score: data (exit code 3)"
    assert "raw subscription: no rows" in message.get_body().get_content()  # type: ignore[union-attr]


def test_a_server_that_is_away_or_too_slow_is_a_warning_in_the_journal(
    root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(DataError(where="raw subscription", found="no rows", action="mend the feed"))
    monkeypatch.setenv("CHURN_WEBHOOK_URL", f"http://{HOST}:{dead_port()}/{SECRET}")
    ran = churn(*NIGHT, WEBHOOK, "notify.within_seconds=1", root=root)
    assert ran.code == ExitCode.DATA
    journal = "".join(path.read_text() for path in (root / "logs").iterdir())
    assert "WARNING notice by webhook was not sent: ConnectionRefusedError: Connection refused" in journal
    with dripping_server() as port:
        monkeypatch.setenv("CHURN_WEBHOOK_URL", f"http://{HOST}:{port}/{SECRET}")
        ran = churn(*NIGHT, WEBHOOK, "notify.within_seconds=1", root=root)
    assert ran.code == ExitCode.DATA
    assert "WARNING notice by webhook: not done within 1 seconds, and given up" in ran.err
    journal = "".join(path.read_text() for path in (root / "logs").iterdir())
    assert "hunter2" not in journal + ran.err


def test_a_machine_without_room_for_threads_changes_no_end(
    root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    ends(Outcome(code=ExitCode.DRIFT_ALARM, headline="an alarm"))
    monkeypatch.setattr("churn.aftermath.Thread.start", refused)
    ran = churn(*NIGHT, root=root)
    assert ran.code == ExitCode.DRIFT_ALARM
    assert "WARNING metrics: not done: can't start new thread" in ran.err
    assert "end=drift_alarm" in ran.err


def test_metrics_that_cannot_be_written_are_a_warning(root: Path, ends: Ends) -> None:
    ends(Outcome(code=ExitCode.DRIFT_ALARM, headline="an alarm"))
    (root / "metrics").write_text("no folder")
    ran = churn(*NIGHT, root=root)
    assert (ran.code, ran.err.count("WARNING metrics: not written: [Errno 17]")) == (ExitCode.DRIFT_ALARM, 1)


@pytest.mark.parametrize(
    "arguments",
    [("stage=status",), ("stage=drift", "replay=true"), ("-m", *NIGHT)],
    ids=" ".join,
)
def test_what_only_looks_and_a_sweep_leave_no_metrics_and_tell_nobody(
    arguments: tuple[str, ...], root: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends(DataError(where="raw subscription", found="no rows", action="mend the feed"))
    _, notices = told(root, monkeypatch, *arguments)
    assert notices == []
    assert not (root / "metrics").exists()
