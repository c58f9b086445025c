"""What drift, outcomes and a night tell a person to run works as it stands, pasted into a shell."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import date
from pathlib import Path

import pytest

from benchmarks.model_quality import settings_of
from churn.champion import champion_of
from churn.dates import parse_dates
from churn.doors import Doors
from churn.drift.feeds import Fault
from churn.errors import ChurnError, DataError, SettingsError
from churn.nights import Nights
from churn.reports.outcome import Outcome
from churn.settings import Settings
from churn.settings.stages import DriftStage
from churn.usage import in_full
from tests.command import churn, done

NIGHT = "2025-08-20"
COMMAND = re.compile(r"python -m churn (?:'[^']*'|[^'\n;&()])+")
SINCE, UNTIL = date(2025, 8, 3), date(2025, 8, 19)
FAULT = Fault(name="scaled", table="payments", column="amount_cents", found="×100", since=SINCE, until=UNTIL, n=9)


def pasted(text: str) -> list[Settings]:
    """Returns what each command in a text is parsed to, as a shell hands over its arguments."""
    commands = [shlex.split(command)[3:] for command in COMMAND.findall(text)]
    return [settings_of(*in_full(arguments)) for arguments in commands]


def at(root: Path, *arguments: str) -> Doors:
    return Doors(settings_of(*arguments, f"root={root}"))


def test_scores_that_drift_lacks_are_made_by_the_command_that_it_prints(scored: Path) -> None:
    scores = scored / f"predictions/subscription/date={NIGHT}"
    scores.rename(scored / "hidden")
    ran = churn("stage=drift", f"date={NIGHT}", root=scored)
    (settings,) = pasted(ran.err)
    assert (settings.stage.name, settings.date, settings.root) == ("score", NIGHT, scored)
    shutil.rmtree(scored / "hidden")
    (command,) = COMMAND.findall(ran.err)
    done(*shlex.split(command)[3:-1], root=scored)
    done("stage=drift", f"date={NIGHT}", root=scored)
    (settings,) = pasted(churn("stage=drift", f"date=2025-08-19..{NIGHT}", root=scored).err)
    assert (settings.stage.name, settings.date) == ("nightly", "2025-08-19")
    (settings,) = pasted(done("stage=drift", "date=auto", root=scored).out)  # 2025-08-21 was never scored
    assert (settings.stage.name, settings.date) == ("nightly", "auto")
    (settings,) = pasted(churn("stage=drift", "replay=true", "date=2025-08-01", root=scored).err)
    assert (settings.stage.name, settings.date) == ("drift", "auto")


def test_a_stop_prints_the_command_that_takes_the_broken_days_as_they_are(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn.feeds.find_faults", lambda *_: (FAULT,))
    ran = churn("stage=drift", f"date={NIGHT}", root=scored)
    assert ran.code == 5
    (settings,) = pasted(ran.out)
    accepted = [settings.dataset.intake.reason(day) for day in (SINCE, UNTIL, date(2025, 8, 20))]
    assert (settings.stage.name, settings.date, accepted) == ("drift", NIGHT, ["the reason", "the reason", None])


def test_without_a_champion_the_two_commands_that_make_one_are_printed(taken: Path, tmp_path: Path) -> None:
    ran = churn("stage=drift", f"date={NIGHT}", root=tmp_path)
    assert [settings.stage.name for settings in pasted(ran.err)] == ["train", "promote"]
    with pytest.raises(SettingsError) as found:
        champion_of(at(taken, "stage=score", f"date={NIGHT}"), date(2025, 8, 9))
    (settings,) = pasted(str(found.value))
    assert (settings.stage.name, settings.date) == ("score", "2025-08-09")


def test_labels_that_are_not_ripe_yet_are_waited_for_by_no_other_date_of_outcomes(night: Path) -> None:
    from churn.labelled import require_ripe
    from churn.raw_days import in_lake

    known_at, asked = date(2025, 8, 20), [date(2025, 7, 22)]
    for stage, told in (("outcomes", "once raw days up to 2025-08-20 are there"), ("train", "or date=2025-08-21")):
        doors = at(night, f"stage={stage}", f"date={NIGHT}")
        with pytest.raises(DataError, match=told) as found:
            require_ripe(doors, in_lake(doors), asked, known_at=known_at)
        assert "use dates up to 2025-07-21" in found.value.action


def test_nights_that_were_left_out_are_named_as_date_takes_them() -> None:
    found = Nights(dates=(), too_old=(date(2025, 8, 1), date(2025, 8, 3)))
    (span,) = re.findall(r"date=(\S+)", found.told(Outcome(headline="")).figures["left out"])
    assert parse_dates(span) == tuple(date(2025, 8, day) for day in (1, 2, 3))


@pytest.mark.parametrize("stage", ["drift", "nightly"])
def test_a_command_that_is_not_named_is_named_as_the_text_says(stage: str) -> None:
    place = "stage.action" if stage == "drift" else "stage.drift.action"
    with pytest.raises(ChurnError) as found:
        settings_of(f"stage={stage}", f"date={NIGHT}", f"{place}.kind=command")
    assert f"{place}.command=" in found.value.action
    (value,) = re.findall(r"command='(\S+)'", found.value.action)
    settings = settings_of(f"stage={stage}", f"date={NIGHT}", f"{place}.kind=command", f"{place}.command={value}")
    drift = settings.stage if isinstance(settings.stage, DriftStage) else settings.stage.drift  # type: ignore[union-attr]
    assert drift.action.command == ("/opt/retrain", "--big")


def test_settings_of_a_nights_parts_are_known_by_the_names_that_errors_give_them() -> None:
    settings_of("stage=nightly", f"date={NIGHT}", "stage.score.cluster=null", "stage.score.uncertainty=false")
    settings_of("stage=drift", *in_full(["stage=drift", f"date={NIGHT}", "action.kind=retrain"])[1:])
