"""A schedule is written whole, a mistake in it writes nothing, and the commands that install it are told."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn.errors import ExitCode
from tests.command import churn, done
from tests.programs import needs_systemd
from tests.scheduling.written import lines, written


@pytest.mark.parametrize(
    ("overrides", "found", "action"),
    [
        (["timezone=Europe/Berln"], "no such time zone 'Europe/Berln'", "did you mean 'Europe/Berlin'?"),
        (["service.memory=lots"], "stage.service.memory: 'lots'", "8GB"),
        (["service.memory=4GB"], "resources.memory=4GB", "choose more"),
        (["service.user='a b'"], "stage.service.user: 'a b'", "account"),
        (["service.user=nobody-here"], "no account 'nobody-here'", "useradd"),
        (["service.on_failure=mail"], "on_failure: 'mail'", "mail@%n.service"),
        (["service.mail_to='a b'"], "mail_to: 'a b'", "mail address"),
        (["service.timeout_hours=0"], "timeout_hours: 0", "1 or more"),
        (["service.retry.delay_minutes=0"], "delay_minutes=0", "hours that hold all tries"),
        (["service.retry.within_hours=1"], "within_hours=1", "hours that hold all tries"),
        (["+service.variables.PGPASSWORD=hunter"], "PGPASSWORD sounds like a secret", "credentials.PGPASSWORD="),
        (["+service.variables.CHURN_WEBHOOK_URL=hunter"], "CHURN_WEBHOOK_URL sounds like a secret", "credentials."),
        (["+service.variables={a-b: x}"], "variables: 'a-b'", "environment variable"),
        (["+service.credentials.PGPASSWORD=here"], "credentials.PGPASSWORD: here", "whole path"),
        (["jobs.nightly.steps=['stage=nightle']"], "no such stage", "did you mean 'nightly'?"),
        (["jobs.nightly.steps=['date=auto']"], "'date=auto' names no stage", "stage=nightly"),
        (["jobs.nightly.steps=[]"], "a job without steps", "name one"),
        (['jobs.nightly.steps=["stage=train \'a"]'], "no closing quotation", "close the quote"),
        (["jobs.nightly.steps=[\"stage=train 'a\tb'\"]"], "in one line", "without line breaks"),
        (["prefix=a-b"], "'a-b' as part of a unit's name", "letters"),
        (["~jobs.nightly", "~jobs.training", "~jobs.drift", "~jobs.outcomes"], "no job", "stage.jobs"),
        (["kind=cron", "jobs.drift.calendar='Mon..Fri 1:00'"], "jobs.drift.calendar: 'Mon..Fri 1:00'", "kind=systemd"),
        (["date=auto"], "it takes none", "leave date= out"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(
    overrides: list[str], found: str, action: str, tmp_path: Path
) -> None:
    ran = churn("stage=schedule", *overrides, root=tmp_path)
    assert ran.code == ExitCode.SETTINGS, ran.out + ran.err
    assert found in ran.err
    assert action in ran.err
    assert ran.err.count("error: ") == 1
    assert "Traceback" not in ran.err
    assert not (tmp_path / "schedule").exists()


@needs_systemd
@pytest.mark.parametrize(
    ("calendar", "found"),
    [
        ("every night", "Failed to parse calendar specification 'every night UTC'"),
        ("2020-01-01", "never due again"),
        ("hourly", "due 6 times within 5 hours"),
    ],
)
def test_a_calendar_that_systemd_would_not_keep_is_refused(calendar: str, found: str, tmp_path: Path) -> None:
    ran = churn("stage=schedule", f"jobs.drift.calendar='{calendar}'", root=tmp_path)
    assert ran.code == ExitCode.SETTINGS
    assert "error: stage.jobs.drift.calendar: " in ran.err
    assert found in ran.err
    assert not (tmp_path / "schedule").exists()


@needs_systemd
def test_what_is_due_often_needs_tries_that_are_counted_within_less(tmp_path: Path) -> None:
    often = ("jobs.nightly.calendar=hourly", "service.retry.within_hours=4")
    assert lines(written(tmp_path, *often)["churn-subscription-nightly.timer"], "OnCalendar") == ["hourly UTC"]


@pytest.mark.parametrize("kind", ["systemd", "cron"])
def test_the_commands_that_install_it_are_told_with_the_next_run_of_each_job(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "my lake"
    ran = done("stage=schedule", f"kind={kind}", "timezone=Asia/Tokyo", root=root)
    told = {line.split("  ")[1]: line.split("  ")[-1].strip() for line in ran.out.splitlines()[1:]}
    if kind == "systemd":
        link = shlex.split(told["install"])
        assert link[:3] == ["sudo", "systemctl", "link"]
        assert sorted(link[3:]) == sorted(map(str, (root / "schedule").iterdir()))
        start = shlex.split(told["start"])
        assert start[:4] == ["sudo", "systemctl", "enable", "--now"]
        assert {f"{root}/schedule/{timer}" for timer in start[4:]} == {one for one in link if one.endswith(".timer")}
    else:
        assert shlex.split(told["install"]) == ["crontab", "-", "<", f"{root}/schedule/churn-subscription.crontab"]
    (row,) = [line for line in ran.out.splitlines() if line.startswith("  training  ")]
    (day, time) = re.findall(r"Sat (\d{4}-\d\d-\d\d) (\d\d:\d\d)", row)[0]  # Sunday 8:00 in Tokyo
    assert time == "23:00"
    assert datetime.fromisoformat(f"{day}T{time}+00:00") > datetime.now(UTC).replace(second=0)


def test_without_systemd_here_its_units_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = done("stage=schedule", "jobs.drift.calendar=quarterly", root=tmp_path / "lake")
    table = {line.split()[0]: line for line in ran.out.splitlines() if "stage=" in line}
    assert re.search(r"Sun \d{4}-\d\d-\d\d 08:00", table["training"])
    assert "systemd-analyze, which is not here, could tell" in table["drift"]


def test_what_an_earlier_schedule_left_is_told_and_not_touched(tmp_path: Path) -> None:
    first = written(tmp_path)
    (tmp_path / "schedule" / "churn-subscription-notes.txt").write_text("mine")
    ran = done("stage=schedule", "~jobs.drift", root=tmp_path)
    (told,) = [line for line in ran.out.splitlines() if "of an earlier schedule" in line]
    assert "sudo systemctl disable --now churn-subscription-drift.timer; rm " in told
    gone = [Path(name).name for name in shlex.split(told.partition("; rm ")[2])]
    assert gone == ["churn-subscription-drift.service", "churn-subscription-drift.timer"]
    assert {path.name for path in (tmp_path / "schedule").iterdir()} == {*first, "churn-subscription-notes.txt"}
    assert "of an earlier schedule" not in done("stage=schedule", root=tmp_path).out


def test_the_same_settings_write_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path) == written(tmp_path)


def test_another_user_can_read_what_it_is_to_run(tmp_path: Path) -> None:
    written(tmp_path / "lake", "kind=cron", "service.user=nobody")
    folder = tmp_path / "lake/schedule"
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    ran = done("stage=schedule", "kind=cron", "service.user=nobody", root=tmp_path / "lake")
    assert f"sudo crontab -u nobody - < {folder}/churn-subscription.crontab" in ran.out
