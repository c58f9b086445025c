"""systemd takes the units as they are, and they mean to it what the settings say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from churn.errors import ExitCode
from tests.programs import needs_systemd
from tests.scheduling.conftest import called
from tests.scheduling.written import lines, started, written

NETWORK = (
    "registry.uri=http://host:5000",
    "service.on_failure=mail@%n.service",
    "service.memory=null",
    "+service.credentials.MLFLOW_TRACKING_PASSWORD='/etc/churn/the 100 % secret'",
    "+service.variables.AWS_REGION='50 % \"west\" $HOME'",
)


def systemd(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


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
        ("notify.webhook=true",),
        ("notify.mail.to=[ops@example.org]",),
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
    unit = written(tmp_path, *sinks, "resources.spill=/fast", "metrics.folder=/seen")[
        "churn-subscription-nightly.service"
    ]
    assert lines(unit, "ReadWritePaths") == [f'"{tmp_path}"', '"/fast"', '"/srv/lists"', '"/data"', '"/seen"']


@pytest.mark.parametrize("there", ["nothing", "lake", "sink", "source", "python", "working folder"])
def test_a_home_and_tmp_are_hidden_where_nothing_of_ours_lies_there(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, root = tmp_path / "home", tmp_path / "lake"
    home.mkdir()
    for name in ("_HOMES", "_TEMPORARY"):
        monkeypatch.setattr(f"churn.scheduled.{name}", (tmp_path / "run", home))
    (tmp_path / "python").symlink_to(home / "python" if there == "python" else sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.chdir(home if there == "working folder" else tmp_path)
    sink = ("+dataset.sinks.a.kind=csv", f"+dataset.sinks.a.folder={home}", "+dataset.sinks.a.columns=[segment]")
    source = (f"dataset.folder={home}/raw",)
    more = {"sink": sink, "source": source}.get(there, ())
    unit = written(home if there == "lake" else root, *more)["churn-subscription-nightly.service"]
    seen = there != "nothing"
    assert lines(unit, "ProtectHome") == ["read-only" if seen else "yes"]
    assert lines(unit, "PrivateTmp") == ["no" if seen else "yes"]


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
    (after,) = lines(units["churn-subscription-drift.service"], "After")
    assert after.split() == [
        f"churn-subscription-{name}.service" for name in ("outcomes", "nightly", "training", "training-2")
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
