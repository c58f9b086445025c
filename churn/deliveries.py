"""Which published nights has each sink had, and how does it get the others?

Beyond the lake a night is brought to every sink of the dataset that has not had this very content: what each has had
stands in a receipt, `deliveries/<dataset>/date=D/<sink>.json`. The receipt only saves work: it goes before a delivery
and comes after it, and a sink that is given a night twice holds it once, so that a run may die in between. A sink that
fails loses nothing: the night is published, the other sinks get theirs, and `stage=deliver` sends it again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.doors import Doors
from churn.errors import ChurnError, gravest
from churn.reports.outcome import Outcome
from churn.stopping import require_going_on
from churn.stores.disk import disk_errors
from churn.stores.partition import Manifest, Partition
from churn.stores.remembered import recall
from churn.stores.whole import remove_file, whole_file

if TYPE_CHECKING:
    from churn.stores.sinks import Sink

log = logging.getLogger(__name__)
SCORES = "scores.parquet"


class Courier:
    """Brings nights to the sinks of a run's dataset; one that has failed is left alone for the rest of the run."""

    def __init__(self, doors: Doors, *, again: bool = False) -> None:
        """`again` brings a night to the sinks that have had it, too."""
        self._doors, self._again = doors, again
        self._sinks = doors.settings.dataset.sinks
        self._sent = dict.fromkeys(self._sinks, 0)
        self._failed: dict[str, ChurnError] = {}
        self._owed: dict[str, list[date]] = {name: [] for name in self._sinks}

    def due(self, days: Iterable[date]) -> tuple[date, ...]:
        """Returns those of the published nights that a sink has not had."""
        manifests = {day: self._doors.lake.manifest(self._partition(day)) for day in days}
        return tuple(day for day, manifest in manifests.items() if manifest and self._lacking(day, manifest))

    def bring(self, day: date) -> None:
        """Brings a published night to every sink that has not had it, while no other run can replace that night.

        Raises:
            DataError: the night is not published, or a byte of it has changed.
        """
        if not self._sinks:
            return
        lake, partition = self._doors.lake, self._partition(day)
        with lake.lock(partition, shared=True, wait=True):
            manifest = lake.manifest(partition)
            lacking = self._lacking(day, manifest) if manifest else tuple(self._sinks)
            if lacking:
                manifest = lake.open(partition, made_by=self._doors.command("score", day))
                for name in lacking:
                    self._bring_to(name, day, manifest)

    def told(self, outcome: Outcome) -> Outcome:
        """Returns the outcome with what each sink got; its exit code is the gravest of both."""
        figures = {f"sink {name}": self._figure(name) for name in self._sinks}
        code = gravest([outcome.code, *(error.exit_code for error in self._failed.values())])
        return replace(outcome, code=code, figures=outcome.figures | figures)

    def _partition(self, day: date) -> Partition:
        return self._doors.partition("predictions", day)

    def _lacking(self, day: date, manifest: Manifest) -> tuple[str, ...]:
        return tuple(name for name in self._sinks if self._again or not self._has(name, day, manifest))

    def _has(self, name: str, day: date, manifest: Manifest) -> bool:
        receipt = recall(self._receipt(name, day))
        return (receipt.get("content"), receipt.get("sink")) == (manifest.content, _fields(self._sinks[name]))

    def _receipt(self, name: str, day: date) -> Path:
        return self._doors.lake.path(self._doors.partition("deliveries", day)) / f"{name}.json"

    def _bring_to(self, name: str, day: date, manifest: Manifest) -> None:
        if name in self._failed:
            self._owed[name].append(day)
            return
        dataset = self._doors.settings.dataset.name
        try:
            with self._doors.lake.lock(Partition(kind="deliveries", dataset=f"{dataset}/{name}"), wait=True):
                if self._again or not self._has(name, day, manifest):  # another run may have brought it meanwhile
                    self._deliver(name, day, manifest)
        except ChurnError as error:
            require_going_on(error)
            self._failed[name], self._owed[name] = error, [day]
            night = f"{dataset} {day}: published, and sink {name} has not got it"
            log.error("%s: %s\n  do: then run %s", night, error, self._command(name))  # noqa: TRY400 - told, and no bug
            log.debug("sink %s stopped", name, exc_info=True)

    def _deliver(self, name: str, day: date, manifest: Manifest) -> None:
        from churn.stores.sinks.night import Night

        sink, partition = self._sinks[name], self._partition(day)
        file = self._doors.lake.path(partition) / SCORES
        night = Night(dataset=partition.dataset, day=day, file=file, manifest=manifest)
        # an older receipt would lie, if this died before its own and the night then got its older content back
        with disk_errors(partition):
            remove_file(self._receipt(name, day))
        sink.deliver(night, self._doors.bench)
        self._sent[name] += 1
        log.info("%s: %s rows to sink %s, %s", partition, f"{manifest.rows:,}", name, sink.where)
        self._note(name, day, manifest)

    def _note(self, name: str, day: date, manifest: Manifest) -> None:
        path, run = self._receipt(name, day), self._doors.settings.run  # whose name begins with the time at UTC
        receipt = {"content": manifest.content, "rows": manifest.rows, "run": run, "sink": _fields(self._sinks[name])}
        with disk_errors(self._doors.partition("deliveries", day)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                file.write(json.dumps(receipt, indent=1).encode())

    def _command(self, name: str) -> str:
        owed = self._owed[name]
        return self._doors.command("deliver", owed[0] if len(owed) == 1 else "auto")

    def _figure(self, name: str) -> str:
        sent, owed = self._sent[name], self._owed[name]
        got = f"{sent:,} nights sent" if sent != 1 else "1 night sent"
        if name not in self._failed:
            return got if sent else "nothing to send, it has had these nights"
        error = self._failed[name]
        return f"{got}, {spelled_nights(owed)} not: {error.where}: {error.found}; then run {self._command(name)}"


def out_of_reach(doors: Doors) -> dict[str, str]:
    """Returns by sink the nights that it has had and that cannot be brought anew, and what takes a customer out there.

    The lake has not got such a night any more, or the settings the sink.
    """
    days: dict[str, list[date]] = {}
    places: dict[str, dict[str, Any]] = {}
    name = doors.settings.dataset.name
    published = set(doors.lake.days("predictions", name))
    for path in sorted((doors.lake.root / "deliveries" / name).glob("date=????-??-??/*.json")):
        day, sink = date.fromisoformat(path.parent.name.removeprefix("date=")), recall(path).get("sink")
        known = doors.settings.dataset.sinks.get(path.stem)
        if sink is not None and (day not in published or known is None or _fields(known) != sink):
            days.setdefault(path.stem, []).append(day)
            places[path.stem] = sink
    return {sink: f"{spelled_nights(found)}: {_by_hand(doors, places[sink])}" for sink, found in days.items()}


def _by_hand(doors: Doors, sink: Mapping[str, Any]) -> str:
    name, key = doors.settings.dataset.name, doors.dataset.key
    if "table" in sink:
        where = sink.get("path") or f"${sink.get('dsn_variable')}"
        return f"in {where}, delete from {sink['table']} where dataset = '{name}' and {key} = …"  # noqa: S608 - told
    return f"delete those files of {name} in {sink.get('folder') or sink.get('path')}"


def spelled_nights(days: Sequence[date]) -> str:
    """Returns some nights, at least one, as words for a person.

    >>> spelled_nights([date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)])
    '2026-01-05 and 2 more nights'
    """
    more = len(days) - 1
    return f"{days[0]}" + (f" and {more:,} more night{'s' if more > 1 else ''}" if more else "")


def _fields(sink: Sink) -> Any:
    """Returns the sink's parameters as a receipt holds them: another place under the same name has had nothing."""
    return json.loads(json.dumps(asdict(sink), default=str))
