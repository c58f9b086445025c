"""Which trials of a sweep ran, and which won?

Trials may run in other processes, whose memory is lost: each writes down that it began and how it ended, one file each,
whole or not at all, and the process that started the sweep reads them. Who began and wrote no end has died. The winner
is named beside the simplest trial within one standard error of it (Breiman et al. 1984), since the best of many is
partly the luckiest.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from churn.doors import Doors
from churn.errors import ExitCode
from churn.reports.outcome import Outcome, Trial, show, text_table
from churn.reports.trials import TrialEnd, compared, loss, ranked, trials_table, varied
from churn.settings import parse

if TYPE_CHECKING:
    from churn.stores.runs import Status, SweepTrial

CONFIG_DIR = "config_dir"
"""Where in a sweep's folder the copy of a user's own YAML stands."""
_LEARNS = "train"
_DIED = "its process died, or was ended when another's did"
_OWN = "own.txt"
_BEGUN, _ENDED = ".begun.json", ".ended.json"
_STATUS: dict[str, Status] = {"finished": "FINISHED", "skipped": "KILLED", "failed": "FAILED", "died": "FAILED"}
_FOR_PROMOTION = {"date", "dataset", "root", "registry", "resources"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one job: how it ended, its stage, its composed settings where they could be parsed."""

    end: TrialEnd
    stage: str
    settings: dict[str, Any] | None


def freeze(folder: Path, conf: Path, *, own: Path | None) -> tuple[Path, Path | None]:
    """Copies all YAML, so that who edits it changes no trial that is still to come; returns where the copies stand."""
    ours = shutil.copytree(conf, folder / "conf")
    if own is None:
        return ours, None
    (folder / _OWN).write_text(str(own))
    return ours, shutil.copytree(own, folder / CONFIG_DIR / own.name)


def own(folder: Path) -> Path | None:
    """Returns the folder of a user's own YAML that a sweep's trials are to name: the one that was copied."""
    path = folder / _OWN
    return Path(path.read_text()) if path.exists() else None


def begin(folder: Path, number: int, *, overrides: Sequence[str], stage: str) -> None:
    """Writes down that a job begins."""
    _write(folder / f"{number}{_BEGUN}", {"number": number, "overrides": list(overrides), "stage": stage})


def finish(folder: Path, record: Record) -> None:
    """Writes down how a job ended."""
    _write(folder / f"{record.end.number}{_ENDED}", asdict(record))


def has_failed(folder: Path) -> bool:
    """Returns whether a job has ended in failure so far."""
    return any(record.end.state == "failed" for record in _ended(folder))


def records(folder: Path, *, planned: Sequence[Sequence[str]] = (), interrupted: bool = False) -> tuple[Record, ...]:
    """Returns what became of every job that began, and of those `planned` (overrides by number) that did not."""
    found = {record.end.number: record for record in _ended(folder)}
    begun = [json.loads(path.read_text()) for path in folder.glob(f"*{_BEGUN}")]
    lost = _lost("stopped by hand", state="skipped") if interrupted else _lost(_DIED, state="died")
    for job in begun:
        found.setdefault(job["number"], _record_of(job, lost))
    never = _lost("never begun: another trial's process died", state="skipped")
    for number, overrides in enumerate(planned):
        job = {"number": number, "overrides": overrides, "stage": next((one["stage"] for one in begun), "")}
        found.setdefault(number, _record_of(job, never))
    return tuple(found[number] for number in sorted(found))


def best(ends: Sequence[TrialEnd]) -> TrialEnd | None:
    """Returns the best of the trials that compare, the first of equals; None where none has an objective."""
    return next((end for end in ranked(ends) if end.trial), None)


def simplest(ends: Sequence[TrialEnd]) -> TrialEnd | None:
    """Returns the trial with the fewest leaves within one standard error of the best, the better of equals.

    Source: Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees, 3.4.3: the one-SE rule.
    """
    leader = best(ends)
    if leader is None or leader.trial is None:
        return None
    limit = loss(leader.trial) + leader.trial.standard_error
    same = compared(ends)
    near = [
        (end.trial.leaves, loss(end.trial), end.number, end) for end in same if end.trial and loss(end.trial) <= limit
    ]
    return min(near)[-1]


def conclude(found: Sequence[Record], *, name: str, flags: Sequence[str], interrupted: bool) -> None:
    """Shows the table of a sweep's trials and its winner, and ends its parent run; does nothing for other stages.

    `flags` are those of the command line that a trial has to be run with again.

    Raises:
        TryAgainError: the registry did not answer; the table was shown before.
    """
    trained = [record for record in found if record.stage == _LEARNS]
    for doors, group in _by_registry(trained):
        ends = [record.end for record in group]
        table = trials_table(ends)
        counts = ", ".join(f"{sum(end.state == state for end in ends)} {state}" for state in _states(ends))
        show(Outcome(headline=f"sweep {name}: {len(ends)} trials, {counts}", table=table))
        if doors is not None:
            _show_winner(doors, ends, flags=flags)
            _log(doors, ends, name=name, text=text_table(table), status=_status(ends, interrupted=interrupted))


def _show_winner(doors: Doors, ends: Sequence[TrialEnd], *, flags: Sequence[str]) -> None:
    lucky, simple = best(ends), simplest(ends)
    if lucky is None:
        show(Outcome(headline="no winner: no trial has a figure from cross-validation (split.folds)"))
    if lucky and simple and lucky.trial and simple.trial:
        what, same = f"{lucky.trial.objective} {lucky.trial.figure:.4f}", compared(ends)
        others = sum(end.trial is not None for end in ends) - len(same)
        apart = f" ({others} more were judged on other rows, and cannot win)" if others else ""
        show(
            Outcome(
                headline=f"best: trial {lucky.number}, {what}, of {len(same)} tried{apart}; "
                "the best of several is partly the luckiest",
                figures={
                    "best again": _train_command(doors, lucky, flags=flags),
                    "promote it": lucky.unpromotable or _promote_command(doors, lucky, flags=flags),
                    "simplest within 1 SE": f"trial {simple.number}, {simple.trial.leaves:,} leaves, "
                    f"{simple.trial.figure:.4f} (limit: {_limit(lucky.trial):.4f})",
                    "simplest again": _train_command(doors, simple, flags=flags),
                    "promote that": simple.unpromotable or _promote_command(doors, simple, flags=flags),
                },
            )
        )


def _limit(trial: Trial) -> float:
    return trial.figure - trial.standard_error if trial.greater_is_better else trial.figure + trial.standard_error


def _train_command(doors: Doors, end: TrialEnd, *, flags: Sequence[str]) -> str:
    return _command(doors, ["stage=train"], [one for one in end.overrides if _key(one) != "stage"], flags=flags)


def _promote_command(doors: Doors, end: TrialEnd, *, flags: Sequence[str]) -> str:
    kept = [one for one in end.overrides if _key(one).partition(".")[0] in _FOR_PROMOTION]
    return _command(doors, ["stage=promote"], [*kept, f"stage.version={end.version}"], flags=flags)


def _command(doors: Doors, first: Sequence[str], overrides: Sequence[str], *, flags: Sequence[str]) -> str:
    settings, there = doors.settings, {_key(one) for one in overrides}
    given = {"dataset": settings.dataset.name, "date": str(doors.day)}
    ours = [f"{key}={text}" for key, text in given.items() if key not in there]
    return shlex.join(["python", "-m", "churn", *first, *ours, *overrides, *flags])


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _log(doors: Doors, ends: Sequence[TrialEnd], *, name: str, text: str, status: Status) -> None:
    from churn.stores.runs import SweepEnd

    lucky, simple = best(ends), simplest(ends)
    versions = {"churn.winner": lucky, "churn.simplest_within_1_se": simple}
    doors.registry.end_sweep(
        SweepEnd(
            name=name,
            status=status,
            winner=lucky.version if lucky else None,
            trials=tuple(_nested(end, ends) for end in ends),
            tags={tag: str(end.version) for tag, end in versions.items() if end},
            artifacts={
                "trials.txt": f"{text}\n".encode(),
                "trials.json": json.dumps([asdict(end) for end in ranked(ends)], indent=1).encode(),
            },
        )
    )


def _nested(end: TrialEnd, ends: Sequence[TrialEnd]) -> SweepTrial:
    from churn.stores.runs import SweepTrial

    metrics = {} if end.trial is None else {end.trial.objective: end.trial.figure, "leaves": end.trial.leaves}
    return SweepTrial(
        version=end.version,
        run_name=f"trial {end.number}",
        status=_STATUS[end.state],
        parameters={_key(one): one.partition("=")[2] for one in varied(end, ends)},
        metrics=metrics,
        tags={"churn.exit_code": str(end.code)} | ({"churn.error": end.error} if end.error else {}),
    )


def _status(ends: Sequence[TrialEnd], *, interrupted: bool) -> Status:
    if interrupted:
        return "KILLED"
    return "FINISHED" if any(end.state == "finished" for end in ends) else "FAILED"


def _states(ends: Sequence[TrialEnd]) -> list[str]:
    there = {end.state for end in ends}
    return [state for state in ("finished", "failed", "died", "skipped") if state in there]


def _by_registry(found: Sequence[Record]) -> list[tuple[Doors | None, list[Record]]]:
    """Returns the records by registry and model: two datasets in one sweep have two winners.

    Those without settings go with the first; where none has any, no door can be opened.
    """
    groups: dict[object, tuple[Doors | None, list[Record]]] = {}
    for record in sorted(found, key=lambda one: one.settings is None):
        doors = Doors(parse(record.settings, files={})) if record.settings else None
        where = (doors.settings.root, doors.settings.registry.uri, doors.settings.dataset.name) if doors else None
        at = where if where or not groups else next(iter(groups))
        groups.setdefault(at, (doors, []))[1].append(record)
    return list(groups.values())


def _ended(folder: Path) -> list[Record]:
    return [_record(json.loads(path.read_text())) for path in folder.glob(f"*{_ENDED}")]


def _record(fields: dict[str, Any]) -> Record:
    end = fields["end"]
    trial = Trial(**end["trial"] | {"interval": tuple(end["trial"]["interval"])}) if end["trial"] else None
    return Record(**fields | {"end": TrialEnd(**end | {"overrides": tuple(end["overrides"]), "trial": trial})})


def _lost(error: str, *, state: Literal["died", "skipped"]) -> TrialEnd:
    code = ExitCode.BUG if state == "died" else ExitCode.OK
    return TrialEnd(number=0, overrides=(), state=state, code=code, error=error, seconds=0.0, trial=None, version=None)


def _record_of(job: Mapping[str, Any], end: TrialEnd) -> Record:
    end = replace(end, number=job["number"], overrides=tuple(job["overrides"]))
    return Record(end=end, stage=job["stage"], settings=None)


def _write(path: Path, fields: Mapping[str, Any]) -> None:
    unborn = path.with_suffix(".unborn")
    unborn.write_text(json.dumps(fields))
    unborn.replace(path)
