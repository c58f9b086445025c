"""cron takes the crontab as it is, and its scripts tell it of failures alone."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.command import done
from tests.programs import needs_cron
from tests.scheduling.conftest import called
from tests.scheduling.written import written


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
    check = ["crontab", flag, table.name]  # of a path, Debian's cuts off what is over 100 bytes
    taken = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert taken.returncode == 0, taken.stderr
    table.write_text(table.read_text().replace("30 4 *", "60 4 *"))
    refused = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert refused.returncode != 0


def test_the_crontab_runs_each_job_at_its_time_and_catches_up_after_a_start(tmp_path: Path) -> None:
    folder = tmp_path / "it's 100 %d"
    done("stage=schedule", "kind=cron", f'folder="{folder}"', "timezone=Asia/Tokyo", root=tmp_path / "lake")
    zone, *jobs = (folder / "churn-subscription.crontab").read_text().splitlines()[1:]
    assert zone == "CRON_TZ=Asia/Tokyo"
    times = [re.sub(r" /bin/sh .*", "", job) for job in jobs]
    assert times == ["15 4 * * *", "@reboot", "30 4 * * *", "@reboot", "0 8 * * 0", "0 8 * * 1", "@reboot"]
    command = jobs[2].removeprefix("30 4 * * * ")
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
