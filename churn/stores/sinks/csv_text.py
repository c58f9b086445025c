"""How does a night get into a file for the campaign tool?

CSV as RFC 4180 has it (UTF-8, a header, CRLF at every line's end, quotes where they are needed), written beside its
place and renamed into it: whoever looks sees the whole night, the one before it, or no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from churn.errors import SettingsError, TryAgainError, did_you_mean
from churn.stores.sinks.night import Night

if TYPE_CHECKING:
    import polars as pl

    from churn.stores.duck import Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """A folder that gets one file a night, `<dataset>_<date>.csv`, with the `columns` of the scores in that order.

    A null is an empty field, an empty text is `""`; the texts of a list are joined by `; `.

    >>> CsvFile(kind="csv", folder=Path("/srv/campaigns"), columns=("customer_id", "segment")).where
    '/srv/campaigns'
    """

    kind: Literal["csv"]
    folder: Path
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.columns or len({*self.columns}) < len(self.columns):
            found = f"columns={', '.join(self.columns) or 'none'}"
            raise SettingsError(where=self.where, found=found, action="name at least one column, and each once")

    @property
    def where(self) -> str:
        """What errors call it."""
        return str(self.folder)

    def deliver(self, night: Night, bench: Bench) -> None:
        """Replaces the night's file by one of the night's scores; of a night without rows it has the header alone.

        Raises:
            SettingsError: the scores have no such column.
            TryAgainError: the folder is not there, is closed to this user, or full.
        """
        from churn.stores.whole import whole_file

        schema = night.schema
        self._require_columns(schema)
        path = self.folder / f"{night.dataset}_{night.day}.csv"
        with _folder_errors(str(path)), whole_file(path) as file:
            file.write(self._text(schema.to_frame(), header=True))
            for chunk in night.chunks(bench.chunk_rows):
                file.write(self._text(chunk, header=False))

    def _require_columns(self, schema: pl.Schema) -> None:
        strange = next((column for column in self.columns if column not in schema), None)
        if strange is not None:
            action = f"correct `columns`; {did_you_mean(strange, schema)}"
            raise SettingsError(where=self.where, found=f"no column {strange!r} in the scores", action=action)

    def _text(self, chunk: pl.DataFrame, *, header: bool) -> bytes:
        import polars as pl

        joined = pl.col(pl.List(pl.String)).list.join("; ")
        chosen = chunk.select(self.columns).with_columns(joined)
        return chosen.write_csv(include_header=header, line_terminator="\r\n").encode()


@contextmanager
def _folder_errors(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        action = "see that the folder is there (mounted), open to this user and not full"
        raise TryAgainError(where=where, found=error.strerror or str(error), action=action) from error
