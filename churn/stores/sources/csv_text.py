"""What do CSV files hold?

Every value arrives as text, and the contract reads it. DuckDB is told all there is to know and guesses nothing; it
alone would let a row with one empty field too many pass, shifted, so each row is read one field wider and padded: the
last column is null where fields are missing, the one behind it is not where there are too many. What DuckDB says of a
bad row quotes it, so the row is found again and told by its line alone.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Literal, TextIO, cast

from churn.errors import DataError, SettingsError, did_you_mean
from churn.features.raw import RawTable

if TYPE_CHECKING:
    import _csv

    import polars as pl

    from churn.stores.duck import Bench
    from churn.stores.globs import Found
    from churn.stores.objects import Session
    from churn.stores.sources.files import Asked, Rows

_NEVER = "\x1fnull\x1f"
_SHIFTED = "a row with too few or too many fields"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Csv:
    """CSV files with a header, `.csv` or `.csv.gz`, in folders `date=2026-01-05` or not, local or in S3.

    An empty field is null. A quote within quotes is written twice; an empty `quote` means that there are none.
    """

    as_text: ClassVar[bool] = True

    kind: Literal["csv"]
    path: str
    delimiter: str = ","
    quote: str = '"'
    encoding: Literal["utf-8", "utf-16", "latin-1"] = "utf-8"

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or len(self.quote) > 1 or self.delimiter == self.quote:
            found = f"delimiter={self.delimiter!r}, quote={self.quote!r}"
            raise SettingsError(where=self.path, found=found, action="give one character each, not the same one twice")

    @property
    def where(self) -> str:
        """What lineage calls it."""
        return self.path

    def days(self, table: RawTable, bench: Bench) -> dict[date, str]:
        """Returns a fingerprint of its rows for every raw day, in order of days.

        Raises:
            DataError: no file, a damaged one, a missing column, a shifted row, a wrong encoding, rows without a day.
            SettingsError: files may not be read; no such bucket; the memory does not suffice.
            TryAgainError: files went or changed meanwhile; the disk or the server refused.
        """
        from churn.stores.sources.files import file_days

        return file_days(self, table, bench)

    def read(self, table: RawTable, *, first: date, last: date, bench: Bench) -> Iterator[pl.DataFrame]:
        """Yields RAW_DAY and the declared columns of raw days first..last (inclusive), in the order of them all.

        Chunks are of exactly `bench.chunk_rows` rows but the last.

        Raises:
            DataError: as `days`, but for rows without a day, which are not read.
            SettingsError: as `days`.
            TryAgainError: as `days`.
        """
        from churn.stores.sources.files import read_files

        return read_files(self, table, first=first, last=last, bench=bench)

    def rows(self, asked: Asked, files: Sequence[Found], *, within: Session) -> Rows:
        """Returns how rows are selected from files whose headers name what is declared.

        Raises:
            DataError: a header lacks a column or has it twice, or cannot be read; a compressed file is damaged.
        """
        headers = {file.path: self._header(file, within=within) for file in files}
        for path, header in headers.items():
            _require_columns(header, asked, where=path)

        def select(part: Sequence[Found]) -> str:
            alike: dict[tuple[str, ...], list[Found]] = {}
            for file in part:
                _require_whole(file, within=within)
                alike.setdefault(headers[file.path], []).append(file)
            return " union all ".join(self._select(asked, group, header) for header, group in alike.items())

        return select

    def fault(self, files: Sequence[Found], *, within: Session) -> DataError:
        """Returns the error for the first row that is at fault, by its file and line."""
        for file in files:
            with _whole(file):
                found = self._first_fault(file, within=within)
            if found:
                return found
        action = "write it as RFC 4180 says: one kind of line end, quotes around all of a field or none of it"
        return DataError(where=self.path, found="a file that is no CSV", action=action)

    def _header(self, file: Found, *, within: Session) -> tuple[str, ...]:
        with _whole(file), self._opened(file, within=within, errors="replace") as text:
            try:
                header = tuple(next(self._reader(text), ()))
            except csv.Error as error:
                raise _bad_line(file, line=1, found=str(error)) from None
        if "\ufffd" in "".join(header):
            raise self._undecodable(file, line=1)
        return header

    def _first_fault(self, file: Found, *, within: Session) -> DataError | None:
        width = len(self._header(file, within=within))
        with self._opened(file, within=within) as text:
            reader = self._reader(text)
            try:
                for row in reader:
                    if row and len(row) != width:
                        found = f"{len(row)} fields, {width} in the header"
                        return _bad_line(file, line=reader.line_num, found=found)
            except UnicodeDecodeError:
                return self._undecodable(file, line=self._undecodable_line(file, within=within))
            except csv.Error as error:
                return _bad_line(file, line=reader.line_num, found=str(error))
        return None

    def _undecodable_line(self, file: Found, *, within: Session) -> int | None:
        if self.encoding == "utf-16":  # its lines do not end in one byte
            return None
        with _bytes(file, within=within) as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError:
                    return number
        return None

    def _undecodable(self, file: Found, *, line: int | None) -> DataError:
        found = f"line {line} is not {self.encoding}" if line else f"it is not {self.encoding}"
        action = "set encoding to the one that the file is written in (utf-8, utf-16, latin-1), or write it in this one"
        return DataError(where=file.path, found=found, action=action)

    @contextmanager
    def _opened(self, file: Found, *, within: Session, errors: str = "strict") -> Iterator[TextIO]:
        encoding = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        with (
            _bytes(file, within=within) as raw,
            io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline="") as text,
        ):
            yield text

    def _reader(self, text: TextIO) -> _csv.Reader:
        if not self.quote:
            return csv.reader(text, delimiter=self.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        return csv.reader(text, delimiter=self.delimiter, quotechar=self.quote, strict=True)

    def _select(self, asked: Asked, files: Sequence[Found], header: Sequence[str]) -> str:
        from churn.stores.sources.files import text_day

        cells = {name: f"nullif(t.c{header.index(name)}, '')" for name in (column.name for column in asked.columns)}
        day = "" if asked.by_folder else text_day(f"t.c{header.index(asked.table.day)}")
        return asked.select(self._source(files, len(header)), values=cells, day=day)

    def _source(self, files: Sequence[Found], width: int) -> str:
        from churn.stores.duck import text
        from churn.stores.objects import literal
        from churn.stores.sources.files import PATH

        columns = ", ".join(f"'c{place}': 'varchar'" for place in range(width + 1))
        told = {"delim": self.delimiter, "quote": self.quote, "escape": self.quote, "encoding": self.encoding}
        options = [f"{name}={text(value)}" for name, value in {**told, "nullstr": _NEVER, "filename": PATH}.items()]
        fixed = "header=true, auto_detect=false, null_padding=true, parallel=false, hive_partitioning=false"
        listed = ", ".join(literal(file.path) for file in files)
        scan = f"read_csv([{listed}], columns={{{columns}}}, {fixed}, {', '.join(options)})"
        shifted = f"c{width - 1} is null or c{width} is not null"
        checked = f"case when {shifted} then error('{_SHIFTED}') else {PATH} end as {PATH}"
        kept = ", ".join(f"c{place}" for place in range(width))
        return f"(select {checked}, {kept} from {scan}) as t where t.{PATH} is not null"  # noqa: S608 - quoted


def _require_columns(header: Sequence[str], asked: Asked, *, where: str) -> None:
    if not header:
        raise DataError(where=where, found="no header in its first line", action="deliver the file with its header")
    names = [column.name for column in asked.columns]
    missing = [name for name in names if name not in header]
    if missing:
        action = f"deliver the file with that column, or correct its declaration; {did_you_mean(missing[0], header)}"
        raise DataError(where=where, found=f"no column {', '.join(map(repr, missing))} in its header", action=action)
    twice = [name for name in names if header.count(name) > 1]
    if twice:
        action = "deliver the file with one of them under another name"
        raise DataError(where=where, found=f"column {twice[0]!r} is in its header twice", action=action)


def _bad_line(file: Found, *, line: int, found: str) -> DataError:
    action = "restore the file, or mend that line (and see that `delimiter` and `quote` are the file's)"
    return DataError(where=f"{file.path}, line {line}", found=found, action=action)


@contextmanager
def _whole(file: Found) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        found = f"not a whole gzip file ({error})"
        raise DataError(where=file.path, found=found, action="restore the file") from error


def _require_whole(file: Found, *, within: Session) -> None:
    # DuckDB takes compressed bytes as they come, without a look at their checksum
    if file.path.endswith(".gz"):
        with _whole(file), _bytes(file, within=within) as raw:
            while raw.read(_BLOCK):
                pass


@contextmanager
def _bytes(file: Found, *, within: Session) -> Iterator[BinaryIO]:
    with within.open(file) as raw:
        yield cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if file.path.endswith(".gz") else raw
