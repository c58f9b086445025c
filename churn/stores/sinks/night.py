"""What is delivered?

The scores of one published night, read in chunks, so that a delivery takes the memory of a chunk. In a table of a
database each row says whose it is in a first column `dataset`, so that a table that two datasets share keeps both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn.errors import DataError
from churn.progress import Progress
from churn.stores.lake import Manifest

if TYPE_CHECKING:
    import polars as pl

DATASET, DAY = "dataset", "score_date"
"""The columns that tell one night's rows of a table from another's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One night's published scores: whose and of which day, their file, and what the lake says of them."""

    dataset: str
    day: date
    file: Path
    manifest: Manifest

    @property
    def schema(self) -> pl.Schema:
        """The columns of the scores, in order."""
        import polars as pl

        return pl.Schema(pl.read_parquet_schema(self.file))

    @property
    def rows_of_it(self) -> str:
        """The condition, as SQL, that a table's rows of this night fulfil."""
        from churn.stores.duck import text

        return f"{DATASET} = {text(self.dataset)} and {DAY} = date '{self.day}'"

    def chunks(self, rows: int) -> Iterator[pl.DataFrame]:
        """Yields the scores in order, at most `rows` at a time.

        Raises:
            DataError: the file is damaged.
        """
        from churn.stores.parquet import read_chunks

        with Progress(f"delivery {self.day}", total=self.manifest.rows) as progress:
            for chunk in read_chunks(self.file, rows=rows):
                yield chunk
                progress.add(chunk.height)


def require_columns(found: Mapping[str, str], expected: Mapping[str, str], *, where: str) -> None:
    """Returns nothing where a table has the expected columns, in whatever order, by their names and types.

    Raises:
        DataError: it has not; naming each that is missing, of another type, or not among the scores.
    """
    faults = [
        *(f"no column {name} ({kind})" for name, kind in expected.items() if name not in found),
        *_of_another_type(found, expected),
        *(f"{name} is no column of the scores" for name in found if name not in expected),
    ]
    if faults:
        action = "alter the table, or name another one in `table`: one that is not there yet is made"
        raise DataError(where=where, found="; ".join(faults), action=action)


def _of_another_type(found: Mapping[str, str], expected: Mapping[str, str]) -> Iterable[str]:
    both = ((name, found[name], kind) for name, kind in expected.items() if name in found)
    return (f"{name} is {other}, the scores have {kind}" for name, other, kind in both if other != kind)
