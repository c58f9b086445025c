"""Every mistake on the command line is answered before any I/O, with the nearest right name and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import pytest

from churn import __main__ as command
from churn.__main__ import main
from churn.errors import ExitCode
from churn.places import CONF
from churn.reports.outcome import Outcome, show
from churn.usage import help_text
from tests.command import published

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_every_stage_with_a_line_of_its_own(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.OK
    text = capsys.readouterr().out
    stages = [path.stem for path in (CONF / "stage").glob("*.yaml")]
    assert len(stages) >= 9
    for stage in stages:
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {stage} ")]
        assert line.split(maxsplit=1)[1].endswith(".")


def test_every_stage_is_found_by_its_name_three_times() -> None:
    names = {path.stem for path in (CONF / "stage").glob("*.yaml")}
    assert names == {path.stem for path in (ROOT / "churn" / "stages").glob("*.py")} - {"__init__"}
    assert names <= {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "stages").glob("test_*.py")}


def test_help_and_status_import_no_heavy_library(tmp_path: Path) -> None:
    heavy = "{'polars', 'duckdb', 'lightgbm', 'mlflow', 'sklearn', 'scipy', 'pandera', 'pyarrow'}"
    # status compares what the sources hold with the declared tables, which are written in polars
    for arguments, allowed in ((["--help"], []), (["stage=status", f"root={tmp_path}"], ["polars"])):
        run = f"import sys; from churn.__main__ import main; main({arguments!r});"
        code = f"{run} print(sorted({heavy} & set(sys.modules)))"
        ran = python("-c", code)
        assert ran.stdout.splitlines()[-1] == str(allowed), ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "found", "action"),
    [
        (["stage=scor", "date=2026-01-05"], "no such stage", "did you mean 'score'?"),
        (
            ["stage=score", "date=2026-01-05", "dataset=subscriptions"],
            "no such dataset",
            "did you mean 'subscription'?",
        ),
        (
            ["stage=score", "date=2026-01-05", "model.num_leafs=3"],
            "model.num_leafs",
            "did you mean 'model.num_leaves'?",
        ),
        (["stage=score", "date=2026-01-05", "stage.limit=3"], "stage.limit", ""),
        (["stage=score", "date=2026-01-05", "+model.num_leafs=3"], "unknown key 'model.num_leafs'", "model.num_leaves"),
        (["stage=score", "date=2026-01-05", "+typo=1"], "unknown key 'typo'", "there are"),
        (["stage=score", "date=2026-01-05", "model.num_leaves=many"], "model.num_leaves='many'", "integer"),
        (["stage=score", "date=2026-01-05", "model.num_leaves='31'"], "model.num_leaves='31'", "integer"),
        (["stage=score", "date=2026-01-05", "~model.seed"], "'model.seed' is missing", "conf/model/lightgbm.yaml"),
        (["stage=score", "date=2026-01-05", "resources.threads=0"], "resources.threads=0", "greater than"),
        (["stage=score", "date=2026-01-05", "resources.memory=lots"], "resources.memory='lots'", "pattern"),
        (["stage=score"], "date: missing", "date=2026-01-05"),
        (["stage=score", "date=20260105"], "'20260105' is not an ISO date", "write 2026-01-05"),
        (["stage=score", "date=2026-13-01"], "'2026-13-01'", "month must be in 1..12"),
        (["stage=score", "date=2026-01-05", "model.seed"], "model.seed", ""),
        (["date=2026-01-05"], "no stage", "there are: deliver, demo, doctor, drift"),
        (["stage=train", "date=2026-01-01..2026-01-31"], "31 dates", "name one date"),
        (["stage=train", "date=2026-01-05", "model.monotone_constraints.x=increasing"], "unknown key", "write +model."),
        (
            ["stage=train", "date=2026-01-05", "split.shares={test: 9}"],
            "'split.shares.validation' is missing",
            "line: +split.shares",
        ),
        (["stage=train", "date=2026-01-05", "split.kind=random"], "conf/split/by_time.yaml", "split"),
        (["stage=promote", "date=2026-01-05", "stage.gates.auc_floor.kind=roc"], "stage.gates.auc_floor", "auc_floor"),
        (["stage=promote", "date=2026-01-05", "stage.version=0"], "stage.version=0", "greater"),
        (["stage=drift", "date=2026-01-05", "stage.limits.psi=-1"], "psi=-1", "over 0"),
        (["stage=drift", "date=2026-01-05", "stage.limits.drifted_share=30"], "drifted_share=30", "0.3 is 30 %"),
        (["stage=score", "date=2026-01-05", "root=what%3f"], "root", "choose a folder"),
        (["stage=score", "date=2026-01-05", "registry.uri=http://me:hunter2@host"], "registry.uri", "MLFLOW_TRACKING_"),
        (
            ["stage=score", "date=2026-01-05", "registry.uri='postgresql://h/mlflow?user=u&password=hunter2'"],
            "registry.uri: the parameter password in the address",
            "PGPASSWORD",
        ),
        (["stage=score", "=3"], "command line", "--help"),
        (["-m", "stage=score", "hydra/sweeper=optimal"], "no such hydra/sweeper", "pip install hydra-optimal-sweeper"),
        (["stage=simulate", "date=2026-01-05", "stage.business.scenario=drift"], "change_date", "first day"),
    ],
)
def test_a_mistake_is_answered_with_what_was_found_and_what_to_do(
    arguments: list[str], found: str, action: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(arguments) == ExitCode.SETTINGS
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert found in text
    assert action in text
    assert "Traceback" not in text
    assert "hunter2" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_runs_every_job_and_exits_with_the_gravest_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["-m", "stage=score", "date=2026-01-05,20260105", "root=lake"])
    text = capsys.readouterr().err
    assert "no champion yet" in text
    assert "write 2026-01-05" in text
    assert code == ExitCode.SETTINGS


def test_overrides_may_stand_before_and_after_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stage=status", "--cfg", "job", f"root={tmp_path}"]) == ExitCode.OK
    assert f"root: {tmp_path}" in capsys.readouterr().out


def test_a_bug_is_told_as_one_line_with_its_traceback_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from churn.stages import status

    def broken(settings: object) -> None:
        raise ZeroDivisionError("our fault")

    monkeypatch.setattr(status, "run", broken)
    assert main(["stage=status", f"root={tmp_path}"]) == ExitCode.BUG
    text = capsys.readouterr().err
    assert "ZeroDivisionError: our fault" in text
    assert "Traceback" not in text
    (log,) = (tmp_path / "logs").iterdir()
    assert "Traceback" in log.read_text()
    assert str(log) in text


def test_the_process_exits_with_the_code() -> None:
    assert python("-m", "churn", "stage=scor").returncode == 2
    assert python("-m", "churn", "--help").returncode == 0


def ended(arguments: list[str], root: Path, **streams: Any) -> tuple[int, str]:
    """Returns how a process of its own ended, and what it said on standard error."""
    command = [sys.executable, "-m", "churn", *arguments, f"root={root}"]
    ran = subprocess.run(command, cwd=CONF.parent, check=False, text=True, **{"stderr": subprocess.PIPE, **streams})
    return ran.returncode, ran.stderr or ""


def test_an_end_that_nobody_reads_is_as_it_would_have_been(tmp_path: Path) -> None:
    here, there = os.pipe()
    os.close(here)
    with os.fdopen(there, "wb") as broken:
        code, said = ended(["stage=status"], tmp_path, stdout=broken)
    assert (code, "end=ok" in said) == (0, True)
    code, said = ended(["stage=status"], tmp_path, preexec_fn=lambda: os.close(1))
    assert (code, "Traceback" in said) == (0, False)
    assert ended(["stage=score", "date=2026-01-05"], tmp_path, stderr=None, preexec_fn=lambda: os.close(2))[0] == 2
    with Path("/dev/full").open("w") as full:
        assert ended(["stage=score", "date=2026-01-05"], tmp_path, stderr=full)[0] == 2


@pytest.mark.parametrize("argument", ["stage=status", "--help"])
def test_a_text_that_is_lost_is_told_and_is_no_bug(argument: str, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        code, said = ended([argument], tmp_path, stdout=full)
    assert (code, "standard output took nothing: No space left on device" in said) == (ExitCode.TRY_AGAIN, True)
    assert "Traceback" not in said
    assert not (tmp_path / "logs").exists()


def test_words_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show(Outcome(headline="s3:key:one", figures={"a": "[b]c\td"}))
    assert capsys.readouterr().out == "s3:key:one\n  a  [b]c\td\n"


READING = [
    ["stage=status"],
    ["stage=history"],
    ["stage=plan", "date=2025-08-21"],
    ["stage=lineage", "date=2025-08-20"],
]  # of the doctor tests/stages/test_doctor.py sees it


@pytest.mark.parametrize("arguments", [*READING, ["stage=score", "--cfg", "job"], ["-m", "stage=status,history"]])
def test_a_command_that_only_reads_leaves_nothing_behind(arguments: list[str], tmp_path: Path) -> None:
    main([*arguments, f"root={tmp_path / 'lake'}"])
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_only_reads_leaves_a_lake_as_it_is(scored: Path, tmp_path: Path) -> None:
    kinds = [path.name for path in scored.iterdir() if path.name != ".cache"]  # which remembers hashes of files
    before = published(scored, *kinds)
    for arguments in READING:
        assert main([*arguments, f"root={scored}"]) == ExitCode.OK
    assert published(scored, *kinds) == before
    assert {path.name for path in scored.iterdir()} == {*kinds, ".cache"}
    assert list(tmp_path.iterdir()) == [scored]


def test_help_text_is_the_same_every_time() -> None:
    assert help_text() == help_text()


def test_today_is_that_of_raw_days_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 1, 5, 17, 18, tzinfo=UTC).astimezone(tz)

    monkeypatch.setenv("TZ", "Asia/Tokyo")  # where it is the 6th
    time.tzset()
    monkeypatch.setattr(command, "datetime", Clock)
    try:
        assert command._today() == date(2026, 1, 5)
    finally:
        monkeypatch.undo()
        time.tzset()
