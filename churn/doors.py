"""Which doors does a run go through?

All stores of one run, wired from its settings in one place and opened when first used: `features` never imports MLflow,
and a source that lists folders needs no DuckDB.
"""

from __future__ import annotations

import logging
import shlex
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from churn.errors import ChurnError, DataError, SettingsError
from churn.places import SQL, beside
from churn.settings import Settings
from churn.stores.lake import Lake
from churn.stores.partition import Partition

if TYPE_CHECKING:
    from churn.datasets.dataset import Dataset
    from churn.stores.duck import Bench
    from churn.stores.registry import Registry
    from churn.stores.sql import Sql

log = logging.getLogger(__name__)
_HERE = Path(__file__).parent


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


class Doors:
    """The lake, the raw tables, the registry and the declaration of the run's dataset."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = Lake(settings.root)
        self._codes: dict[tuple[str, ...], str] = {}

    @cached_property
    def dataset(self) -> Dataset:
        """The declaration.

        Raises:
            SettingsError: there is none, it does not run, or the reasons in YAML are about other features.
        """
        from churn import datasets
        from churn.scoring.templates import check_templates

        dataset = datasets.load(self.settings.dataset.name, own=beside(self.settings.own, "datasets"))
        check_templates(self.settings.dataset.reasons, [feature.name for feature in dataset.features])
        return dataset

    @cached_property
    def bench(self) -> Bench:
        """What DuckDB may use."""
        from churn.stores.duck import Bench

        resources, root = self.settings.resources, self.settings.root
        return Bench(
            threads=resources.threads,
            memory=resources.memory,
            spill=root / resources.spill,
            chunk_rows=resources.chunk_rows,
            cache=root / ".cache",
        )

    @cached_property
    def sql(self) -> Sql:
        """The dataset's SQL over the raw tables in the lake."""
        from churn.stores.sql import Sql

        name = self.dataset.name
        folder = self.settings.root / "tables" / name
        tables = {table.name: str(folder / "date=*" / f"{table.name}.parquet") for table in self.dataset.tables}
        return Sql(tables=tables, sql=self._sql_folder(name), bench=self.bench)

    def _sql_folder(self, name: str) -> Path:
        own = beside(self.settings.own, "sql")
        is_own = own is not None and ((own / name).is_dir() or not (SQL / name).is_dir())
        return own / name if own and is_own else SQL / name

    @cached_property
    def raw_days(self) -> dict[str, dict[date, str]]:
        """The raw days that each table's source has up to today, each with the fingerprint of its rows there.

        Raises:
            DataError: rows lie before the dataset's first day: a wrong day, and not history.
            SettingsError: the tables in YAML are not those that the dataset declares.
        """
        sources, declared = self.settings.dataset.tables, {table.name: table for table in self.dataset.tables}
        if set(sources) != set(declared):
            found = f"dataset.tables has {', '.join(sorted(sources))}"
            action = f"name those that the dataset declares: {', '.join(sorted(declared))}"
            raise SettingsError(where=f"conf/dataset/{self.dataset.name}.yaml", found=found, action=action)
        try:
            days = {name: sources[name].days(table, self.bench) for name, table in declared.items()}
        except ChurnError as error:
            raise error.adding("no raw day is published before that") from error
        return {name: self._up_to_today(name, found) for name, found in days.items()}

    def _up_to_today(self, name: str, days: dict[date, str]) -> dict[date, str]:
        first, floor = min(days, default=date.max), self.settings.dataset.first_day
        if first < floor:
            found = f"rows of {first}, and the dataset's first day is {floor}"
            action = "correct their day at the source, or set dataset.first_day to an earlier one"
            raise DataError(where=f"raw table {name}", found=found, action=action)
        future = [day for day in days if day > self.settings.today]
        if future:
            log.warning("raw table %s: rows dated after today are left alone, such as on %s", name, min(future))
        return {day: found for day, found in days.items() if day <= self.settings.today}

    @cached_property
    def registry(self) -> Registry:
        """The dataset's registered model."""
        from churn.stores.registry import Registry

        dataset = self.settings.dataset
        return Registry(
            folder=self.settings.root / "mlflow",
            uri=self.settings.registry.uri,
            model=dataset.model_name,
            experiment=dataset.experiment,
        )

    def code(self, *rooms: str) -> str:
        """Returns a fingerprint of the sources of some rooms and of the dataset's declaration.

        It stands among a partition's inputs, so that a changed formula makes what it computed stale; the sources
        themselves are kept in the lake under that fingerprint, so that a night can be walked back to its code.
        """
        from churn import datasets

        if rooms not in self._codes:  # asked for once a raw day
            declaration = datasets.source(self.dataset.name)
            shared = self.texts(*rooms, "stores/sql.py", "stores/duck.py", "stores/parquet.py")
            texts = shared | {f"churn/datasets/{declaration.name}": declaration.read_text()}
            self._codes[rooms] = self.lake.keep_texts(texts)
        return self._codes[rooms]

    def texts(self, *parts: str) -> dict[str, str]:
        """Returns the sources of some rooms and files of the package, by path."""
        paths = [path for part in parts for path in _files(_HERE / part)]
        return {f"churn/{path.relative_to(_HERE)}": path.read_text() for path in paths}

    @cached_property
    def day(self) -> date:
        """The one date of a run; where none is given, the day after the newest raw day."""
        return self.settings.day if self.settings.date is not None else self.newest_night

    @property
    def newest_night(self) -> date:
        """The day after the newest raw day that all daily tables have (where none is daily, that any table has).

        Today is left out: its rows are still coming in.

        Raises:
            DataError: there is no raw day.
        """
        newest_by_table = self._newest_by_table
        daily = [newest_by_table[table.name] for table in self.dataset.tables if table.daily]
        newest = min(daily) if daily else max(newest_by_table.values())
        if newest == date.min:
            raise DataError(where=f"raw {self.dataset.name}", found="no raw day", action="load raw data")
        return newest + timedelta(days=1)

    @property
    def _newest_by_table(self) -> dict[str, date]:
        over = {name: [day for day in days if day < self.settings.today] for name, days in self.raw_days.items()}
        return {name: max(days, default=date.min) for name, days in over.items()}

    def require_fed(self) -> None:
        """Returns nothing where every daily table has the newest raw day of all tables (today's left out).

        Raises:
            DataError: that day is older than the dataset's feeds may be, or some tables have not got it, so that the
                newest night cannot be made; naming them, and since when.
        """
        self._require_recent()
        newest, daily = self._newest_by_table, [table.name for table in self.dataset.tables if table.daily]
        ahead = max(newest, key=lambda name: newest[name])
        late = [f"{name} has no rows after {newest[name]}" for name in daily if newest[name] < newest[ahead]]
        if late:
            found = f"{', '.join(late)}; {ahead} has them to {newest[ahead]}"
            action = f"mend the feed; the nights up to {self.newest_night} can be made by their dates, not by date=auto"
            raise DataError(where=f"raw {self.dataset.name}", found=found, action=action)

    def _require_recent(self) -> None:
        newest, today = self._newest_by_table, self.settings.today
        allowed, age = self.settings.dataset.newest_day_within_days, (today - max(newest.values())).days
        if allowed is not None and age > allowed:
            days = ", ".join(f"{name} {'none' if day == date.min else day}" for name, day in newest.items())
            found = f"the newest raw day is {age} days before today, {today}, and {allowed} are allowed: {days}"
            action = (
                f"mend the feeds; the nights up to {self.newest_night} can be made by their dates, not by date=auto; "
                "where no newer days are to come, set dataset.newest_day_within_days=null"
            )
            raise DataError(where=f"raw {self.dataset.name}", found=found, action=action)

    def command(self, stage: str, day: date | str | None) -> str:
        """Returns the command that a person types to run a stage for this dataset at a date, under this root.

        `day` may be one of the words that `date=` knows; None for a stage that takes no date.
        """
        root = self.settings.root
        under = "" if root == Path("lake").absolute() else f" root={shlex.quote(str(root))}"
        at = "" if day is None else f" date={day}"
        return f"python -m churn stage={stage} dataset={self.settings.dataset.name}{at}{under}"

    def partition(self, kind: str, day: date | None = None) -> Partition:
        """Returns the name of this dataset's partition of a kind at a date."""
        return Partition(kind=kind, dataset=self.settings.dataset.name, day=day)
