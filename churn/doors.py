"""Which doors does a run go through?

All stores of one run, wired from its settings in one place and opened when first used: `status` never imports DuckDB,
and `features` never imports MLflow.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from churn.settings import SQL, Settings
from churn.stores.lake import Lake, Partition, fingerprint

if TYPE_CHECKING:
    from churn.datasets.dataset import Dataset
    from churn.stores.registry import Registry
    from churn.stores.source import Source


_HERE = Path(__file__).parent


class Doors:
    """The lake, the raw tables, the registry and the declaration of the run's dataset."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = Lake(settings.root)

    @cached_property
    def dataset(self) -> Dataset:
        """The declaration."""
        from churn import datasets

        return datasets.load(self.settings.dataset.name)

    @cached_property
    def source(self) -> Source:
        """The raw tables behind the dataset's SQL."""
        from churn.stores.source import Source

        resources, dataset = self.settings.resources, self.settings.dataset
        return Source(
            tables=dataset.tables,
            sql=SQL / dataset.name,
            threads=resources.threads,
            memory=resources.memory,
            spill=self.settings.root / ".spill",
        )

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

        It stands among a partition's inputs, so that a changed formula makes what it computed stale.
        """
        files = [path for room in rooms for path in sorted((_HERE / room).glob("*.py"))]
        files += [_HERE / "datasets" / f"{self.dataset.name}.py", _HERE / "stores" / "source.py"]
        return fingerprint({str(path.relative_to(_HERE)): path.read_text() for path in files})

    @cached_property
    def day(self) -> date:
        """The one date of a run; where none is given, the day after the newest raw day."""
        if self.settings.date is not None:
            return self.settings.day
        return self.source.coverage(date.max).last_day + timedelta(days=1)

    def command(self, stage: str, day: date) -> str:
        """Returns the command that a person types to run a stage for this dataset at a date."""
        return f"python -m churn stage={stage} dataset={self.settings.dataset.name} date={day}"

    def partition(self, kind: str, day: date | None = None) -> Partition:
        """Returns the name of this dataset's partition of a kind at a date."""
        return Partition(kind=kind, dataset=self.settings.dataset.name, day=day)
