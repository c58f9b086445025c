"""What is written is what systemd and cron take, and means the same to both."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn.errors import ExitCode
from tests.command import churn, done
from tests.programs import needs_cron, needs_systemd

NETWORK = (
    "registry.uri=http://host:5000",
    "service.on_failure=mail@%n.service",
    "service.memory=null",
    "+service.credentials.MLFLOW_TRACKING_PASSWORD='/etc/churn/the 100 % secret'",
    "+service.variables.AWS_REGION='50 % \"west\" $HOME'",
)
FAKE = """#!/bin/sh
echo "$@" >> {folder}/asked
echo "what it said, $CHURN_ROOT, $SECRET"
n=$(wc -l < {folder}/asked)
exit "$(sed -n "${{n}}p" {folder}/codes)"
"""


def systemd(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def written(root: Path, *overrides: str) -> dict[str, str]:
    done("stage=schedule", *overrides, root=root)
    return {path.name: path.read_text() for path in sorted((root / "schedule").iterdir())}


def lines(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


def started(unit: str) -> list[str]:
    """Returns the words of what a service starts, as systemd reads them."""
    (line,) = lines(unit, "ExecStart")
    return [word.removeprefix(":") for word in shlex.split(line.replace("%%", "%"))]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a program in Python's place, which notes how it is called and ends with the next of `codes`."""
    folder = tmp_path / "100 %d of $HOME"
    folder.mkdir()
    (folder / "python").write_text(FAKE.format(folder=shlex.quote(str(folder))))
    (folder / "python").chmod(0o755)
    (folder / "sleep").write_text(f'#!/bin/sh\necho "$1" >> {shlex.quote(str(folder / "slept"))}\n')
    (folder / "sleep").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def called(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


@needs_systemd
@pytest.mark.parametrize("overrides", [(), NETWORK], ids=["alone", "network"])
def test_systemd_takes_the_units_without_a_word_and_rates_each_service_under_two(
    overrides: tuple[str, ...], tmp_path: Path, program: Path
) -> None:
    root = tmp_path / "my lake"
    units = written(root, *overrides)
    paths = [root / "schedule" / name for name in units]
    assert sorted(path.suffix for path in paths) == [".service"] * 5 + [".timer"] * 4
    checked = systemd("verify", *paths)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    for path in paths:
        if path.suffix == ".service":
            rated = systemd("security", "--offline=true", "--threshold=19", path)
            assert rated.returncode == 0, rated.stdout


@needs_systemd
def test_the_check_would_say_so_if_the_program_were_not_found_under_its_escaped_name(
    tmp_path: Path, program: Path
) -> None:
    written(tmp_path / "lake")
    (program / "python").unlink()
    checked = systemd("verify", tmp_path / "lake/schedule/churn-subscription-nightly.service")
    assert "python is not executable: No such file" in checked.stderr


def test_a_program_whose_name_systemd_refuses_is_started_by_the_shell(
    tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(program / 'my "own" python\'s'))
    (program / "python").rename(sys.executable)
    (program / "codes").write_text("0\n")
    unit = written(tmp_path / "lake")["churn-subscription-nightly.service"]
    if shutil.which("systemd-analyze"):
        checked = systemd("verify", tmp_path / "lake/schedule/churn-subscription-nightly.service")
        assert (checked.returncode, checked.stderr) == (0, "")
    subprocess.run(started(unit), check=True)
    assert called(program) == ["-m churn stage=nightly date=auto dataset=subscription"]


def test_a_service_sees_no_network_and_writes_under_the_root_alone(tmp_path: Path) -> None:
    for name, unit in written(tmp_path / "my lake").items():
        if name.endswith(".service"):
            assert lines(unit, "ReadWritePaths") == [f'"{tmp_path / "my lake"}"']
            assert lines(unit, "ReadOnlyPaths") == [f'"{tmp_path / "my lake/schedule"}"']
            assert lines(unit, "PrivateNetwork") == ["yes"]
            assert lines(unit, "RestrictAddressFamilies") == ["AF_UNIX"]
            assert lines(unit, "ProtectSystem") == ["strict"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("registry.uri=http://host:5000",),
        ("dataset.tables.usage.path='s3://bucket/date=*/usage.parquet'",),
        ("+dataset.sinks.out.kind=postgres", "+dataset.sinks.out.dsn_variable=X", "+dataset.sinks.out.table=a.b"),
        ("service.network=true",),
    ],
)
def test_what_the_settings_name_on_the_network_is_reached(overrides: tuple[str, ...], tmp_path: Path) -> None:
    unit = written(tmp_path, *overrides)["churn-subscription-nightly.service"]
    assert lines(unit, "PrivateNetwork") == []
    assert lines(unit, "RestrictAddressFamilies") == ["AF_UNIX AF_INET AF_INET6"]


def test_what_the_settings_write_outside_the_root_may_be_written(tmp_path: Path) -> None:
    sinks = (
        *("+dataset.sinks.a.kind=csv", "+dataset.sinks.a.folder=/srv/lists", "+dataset.sinks.a.columns=[segment]"),
        *("+dataset.sinks.b.kind=duckdb", "+dataset.sinks.b.path=/data/house.duckdb", "+dataset.sinks.b.table=t"),
    )
    unit = written(tmp_path, *sinks, "resources.spill=/fast")["churn-subscription-nightly.service"]
    assert lines(unit, "ReadWritePaths") == [f'"{tmp_path}"', '"/fast"', '"/srv/lists"', '"/data"']


def test_a_home_and_tmp_are_hidden_where_nothing_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_HOMES", "_TEMPORARY"):
        monkeypatch.setattr(f"churn.scheduled.{name}", (tmp_path / "else",))
    unit = written(tmp_path / "lake")["churn-subscription-nightly.service"]
    assert (lines(unit, "ProtectHome"), lines(unit, "PrivateTmp")) == (["yes"], ["yes"])
    monkeypatch.setattr("churn.scheduled._HOMES", (tmp_path,))
    monkeypatch.setattr("churn.scheduled._TEMPORARY", (tmp_path,))
    unit = written(tmp_path / "lake")["churn-subscription-nightly.service"]
    assert (lines(unit, "ProtectHome"), lines(unit, "PrivateTmp")) == (["read-only"], ["no"])


def test_every_exit_code_is_an_answer_is_tried_again_or_is_a_failure(tmp_path: Path) -> None:
    unit = written(tmp_path)["churn-subscription-nightly.service"]
    well, final = (
        {int(code) for code in line.split() if code.isdigit()}
        for key in ("SuccessExitStatus", "RestartPreventExitStatus")
        for line in lines(unit, key)
    )
    assert well == {ExitCode.PROMOTION_REFUSED, ExitCode.DRIFT_ALARM}
    assert {*ExitCode} - well - final - {ExitCode.OK} == {ExitCode.TRY_AGAIN, ExitCode.LOCKED}
    assert lines(unit, "Restart") + lines(unit, "RestartSec") == ["on-failure", "15min"]
    assert lines(unit, "StartLimitBurst") + lines(unit, "StartLimitIntervalSec") == ["5", "12h"]
    never = written(tmp_path, "service.retry.times=0")["churn-subscription-nightly.service"]
    assert lines(never, "Restart") == []


def test_a_promotion_follows_a_training_and_jobs_that_come_at_once_wait_for_each_other(tmp_path: Path) -> None:
    units = written(tmp_path)
    train, promote = (units[f"churn-subscription-training{end}.service"] for end in ("", "-2"))
    assert "stage=train" in lines(train, "ExecStart")[0]
    assert lines(train, "OnSuccess") == ["churn-subscription-training-2.service"]
    assert "stage=promote" in lines(promote, "ExecStart")[0]
    assert lines(promote, "OnSuccess") == []
    (after,) = lines(units["churn-subscription-outcomes.service"], "After")
    assert after.split() == [
        f"churn-subscription-{name}.service" for name in ("nightly", "training", "training-2", "drift")
    ]
    timer = units["churn-subscription-training.timer"]
    assert (lines(timer, "OnCalendar"), lines(timer, "Persistent")) == (["Sun *-*-* 08:00 UTC"], ["yes"])


def test_a_secret_reaches_the_program_as_a_variable_and_stands_in_no_file(tmp_path: Path, program: Path) -> None:
    kept = tmp_path / "kept % here"
    kept.mkdir()
    (kept / "SECRET").write_text("hunter2 'a' $b\n")
    (program / "codes").write_text("0\n0\n")
    for kind, name in (("systemd", "nightly.service"), ("cron", "nightly.sh")):
        root = tmp_path / kind
        files = written(root, f"kind={kind}", f"+service.credentials.SECRET='{kept / 'SECRET'}'")
        assert "hunter2" not in "".join(files.values())
        unit = files[f"churn-subscription-{name}"]
        if kind == "systemd":
            assert lines(unit, "LoadCredential") == [f"SECRET:{kept}/SECRET".replace("%", "%%")]
            command = started(unit)
        else:
            script = (root / "schedule" / f"churn-subscription-{name}").read_text()
            command = ["/bin/sh", "-c", script + 'printf "%s" "$said"']
        environment = {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(kept), "CHURN_ROOT": str(root)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == f"what it said, {root}, hunter2 'a' $b"
        assert "hunter2" not in " ".join(command)
    assert called(program) == ["-m churn stage=nightly date=auto dataset=subscription"] * 2


@needs_cron
def test_cron_takes_the_crontab(tmp_path: Path) -> None:
    usage = subprocess.run(["crontab", "-h"], capture_output=True, text=True, check=False)
    flags = {"dry run": "-n", "-T": "-T"}  # Debian's, and cronie's
    flag = next((flag for text, flag in flags.items() if text in usage.stdout + usage.stderr), None)
    if flag is None:
        pytest.skip("this crontab cannot check a file without taking it")
    folder = tmp_path / "it's 100 %d"
    more = ("service.mail_to=ops@host", "timezone=Asia/Tokyo")
    done("stage=schedule", "kind=cron", f'folder="{folder}"', *more, root=tmp_path / "lake")
    table = folder / "churn-subscription.crontab"
    taken = subprocess.run(["crontab", flag, table], capture_output=True, text=True, check=False)
    assert taken.returncode == 0, taken.stderr
    table.write_text(table.read_text().replace("30 4 *", "60 4 *"))
    refused = subprocess.run(["crontab", flag, table], capture_output=True, text=True, check=False)
    assert refused.returncode != 0


def test_the_crontab_runs_each_job_at_its_time_and_catches_up_after_a_start(tmp_path: Path) -> None:
    folder = tmp_path / "it's 100 %d"
    done("stage=schedule", "kind=cron", f'folder="{folder}"', "timezone=Asia/Tokyo", root=tmp_path / "lake")
    zone, *jobs = (folder / "churn-subscription.crontab").read_text().splitlines()[1:]
    assert zone == "CRON_TZ=Asia/Tokyo"
    times = [re.sub(r" /bin/sh .*", "", job) for job in jobs]
    assert times == ["30 4 * * *", "@reboot", "0 8 * * 0", "0 8 * * 1", "@reboot", "0 10 * * *", "@reboot"]
    command = jobs[0].removeprefix("30 4 * * * ")
    assert not re.search(r"(?<!\\)%", command)  # cron would end the command there
    assert shlex.split(command.replace(r"\%", "%")) == ["/bin/sh", str(folder / "churn-subscription-nightly.sh")]


@pytest.mark.parametrize(
    ("job", "codes", "code", "told", "slept"),
    [
        ("nightly", [0], 0, False, 0),
        ("nightly", [5], 0, False, 0),
        ("nightly", [75, 6, 5], 0, False, 2),
        ("nightly", [75, 75, 75], 75, True, 2),
        ("nightly", [3], 3, True, 0),
        ("nightly", [2], 2, True, 0),
        ("training", [0, 4], 0, False, 0),
        ("training", [0, 75, 0], 0, False, 1),
        ("training", [3], 3, True, 0),
    ],
)
def test_cron_hears_of_failures_alone_and_what_may_pass_later_is_tried_again(
    job: str, codes: list[int], code: int, told: bool, slept: int, tmp_path: Path, program: Path
) -> None:
    (program / "codes").write_text("".join(f"{one}\n" for one in codes))
    written(tmp_path / "lake", "kind=cron", "service.retry.times=2", "service.retry.delay_minutes=7")
    script = tmp_path / "lake/schedule" / f"churn-subscription-{job}.sh"
    environment = {"PATH": f"{program}:{os.environ['PATH']}"}
    ran = subprocess.run(["/bin/sh", script], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (code, "")
    assert ran.stdout == (f"what it said, {tmp_path / 'lake'}, \nexit code {code}\n" if told else "")
    assert len(called(program)) == len(codes)  # no step follows one that failed
    pauses = (program / "slept").read_text().split() if slept else []
    assert pauses == ["420"] * slept


@pytest.mark.parametrize(
    ("overrides", "found", "action"),
    [
        (["timezone=Europe/Berln"], "no such time zone 'Europe/Berln'", "did you mean 'Europe/Berlin'?"),
        (["service.memory=lots"], "stage.service.memory: 'lots'", "8GB"),
        (["service.memory=4GB"], "resources.memory=4GB", "choose more"),
        (["service.user='a b'"], "stage.service.user: 'a b'", "account"),
        (["service.on_failure=mail"], "on_failure: 'mail'", "mail@%n.service"),
        (["service.mail_to='a b'"], "mail_to: 'a b'", "mail address"),
        (["service.timeout_hours=0"], "timeout_hours: 0", "1 or more"),
        (["service.retry.delay_minutes=0"], "delay_minutes=0", "hours that hold all tries"),
        (["service.retry.within_hours=1"], "within_hours=1", "hours that hold all tries"),
        (["+service.variables.PGPASSWORD=hunter"], "PGPASSWORD sounds like a secret", "credentials.PGPASSWORD="),
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
        assert shlex.split(told["install"]) == ["crontab", f"{root}/schedule/churn-subscription.crontab"]
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
    (tmp_path / "schedule" / "notes.timer").write_text("mine")
    ran = done("stage=schedule", "~jobs.drift", root=tmp_path)
    (told,) = [line for line in ran.out.splitlines() if "of an earlier schedule" in line]
    assert "sudo systemctl disable --now churn-subscription-drift.timer; rm " in told
    gone = [Path(name).name for name in shlex.split(told.partition("; rm ")[2])]
    assert gone == ["churn-subscription-drift.service", "churn-subscription-drift.timer"]
    assert {path.name for path in (tmp_path / "schedule").iterdir()} == {*first, "notes.timer"}
    assert "of an earlier schedule" not in done("stage=schedule", root=tmp_path).out


def test_the_same_settings_write_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path) == written(tmp_path)
