"""Which doors does a run go through?

All stores of one run, wired from its settings in one place and opened when first used: `status` never imports DuckDB,
and `features` never imports MLflow.
"""

from __future__ import annotations

import importlib
import inspect
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from churn.settings import SQL, Settings
from churn.stores.lake import Lake, Partition, fingerprint

if TYPE_CHECKING:
    from churn.datasets.dataset import Dataset
    from churn.stores.registry import Registry
    from churn.stores.source import Source


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

    @cached_property
    def definition(self) -> str:
        """A fingerprint of the code that says what the features are."""
        names = ("churn.features.feature", "churn.features.table", f"churn.datasets.{self.dataset.name}")
        return fingerprint({name: inspect.getsource(importlib.import_module(name)) for name in names})

    def partition(self, kind: str, day: date | None = None) -> Partition:
        """Returns the name of this dataset's partition of a kind at a date."""
        return Partition(kind=kind, dataset=self.settings.dataset.name, day=day)
