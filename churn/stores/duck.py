"""How does DuckDB run here?

The only module that knows DuckDB: one connection with set threads, memory and spill folder, its results as chunks of a
set size, its errors as ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from churn.errors import ChurnError, DataError, SettingsError, TryAgainError

if TYPE_CHECKING:
    import duckdb

    Connection: TypeAlias = duckdb.DuckDBPyConnection
    Relation: TypeAlias = duckdb.DuckDBPyRelation


_PATH = "__path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a query may use: threads, memory (such as `4GB`), a folder to spill to, rows a chunk, a cache's folder."""

    threads: int
    memory: str
    spill: Path
    chunk_rows: int
    cache: Path

    def connect(self, *, files: Iterable[str | Path] = (), folders: Iterable[str | Path] = ()) -> Connection:
        """Returns a new connection to an in-memory database within these limits, at UTC, whose settings are final.

        It may read these files and what stands under these folders (links are followed to where they lead first), and
        nothing else: no other file, no address, no extension, whatever its SQL says.
        """
        connection = self.unlocked()
        lock(connection, files=files, folders=folders)
        return connection

    def unlocked(self) -> Connection:
        """Returns a connection that may still open what it will need; it has to be locked before any query runs."""
        import duckdb

        settings: dict[str, Any] = {
            "threads": self.threads,
            "memory_limit": self.memory,
            "temp_directory": str(self.spill),
        }
        connection = duckdb.connect(config=settings)
        connection.execute("set enable_progress_bar = false")  # it would be drawn on the run's output
        connection.execute("set TimeZone = 'UTC'")
        return connection


def lock(connection: Connection, *, files: Iterable[str | Path] = (), folders: Iterable[str | Path] = ()) -> None:
    """Shuts a connection off from all files but these and what it has attached, and makes its settings final."""
    for name, places in (("allowed_paths", files), ("allowed_directories", folders)):
        connection.execute(f"set {name} = [{', '.join(text(str(place)) for place in places)}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def text(value: str) -> str:
    """Returns the value as an SQL text.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Returns the name as an SQL identifier.

    >>> print(quoted("Customer ID"))
    "Customer ID"
    """
    return '"' + name.replace('"', '""') + '"'


def chunks(relation: Relation, rows: int) -> Iterator[pl.DataFrame]:
    """Yields the relation's rows in order, exactly `rows` at a time but the last."""
    yield from recut(batches(relation, rows), rows)


def batches(relation: Relation, rows: int) -> Iterator[pl.DataFrame]:
    """Yields the relation's rows in order, about `rows` at a time.

    What goes wrong once rows flow reaches Python as Arrow's OSError; it leaves here as DuckDB's own error.
    """
    import duckdb

    try:
        yield from (pl.DataFrame(batch) for batch in relation.to_arrow_reader(rows))
    except OSError as error:
        kind = duckdb.OutOfMemoryException if "Out of Memory Error" in str(error) else duckdb.Error
        raise kind(str(error)) from error


def recut(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Yields the frames' rows in order, exactly `rows` at a time but the last.

    >>> [frame["a"].to_list() for frame in recut([pl.DataFrame({"a": range(5)}), pl.DataFrame({"a": [5, 6]})], 2)]
    [[0, 1], [2, 3], [4, 5], [6]]
    """
    held: list[pl.DataFrame] = []
    count = 0
    for frame in frames:
        held.append(frame)
        count += frame.height
        while count >= rows:
            whole = pl.concat(held)
            yield whole.head(rows)
            held, count = [whole.slice(rows)], count - rows
    if count:
        yield pl.concat(held)


@contextmanager
def attached(bench: Bench, file: Path, *, writable: bool = False, files: Iterable[Path] = ()) -> Iterator[Connection]:
    """Yields a connection whose tables are those of a DuckDB file, read where it stands, in a session at UTC.

    A file that is `writable` is made where it is missing; `files` may be read beside it, and by a view in it no other.

    Raises:
        DataError: the file is missing, damaged, not DuckDB's, or of a newer version.
        SettingsError: this user may not open it.
        TryAgainError: another process has it open, for writing where it is only read here; its folder is not there.
    """
    # its own name, since views may spell it out; three are taken
    name = quoted(f"{file.stem}_file" if file.stem.lower() in {"memory", "system", "temp"} else file.stem)
    with bench.unlocked() as connection:
        with _file_errors(file):
            how = "read_write" if writable else "read_only"
            connection.execute(f"attach {text(str(file))} as {name} ({how}, type duckdb)")
        connection.execute(f"use {name}")
        lock(connection, files=files)
        yield connection


def keys_twice(bench: Bench, files: Sequence[Path], *, key: Sequence[str]) -> dict[Path, int]:
    """Returns how many keys stand more than once in one of `files`, by file, of those where any does.

    Rows are grouped by DuckDB, which spills.
    """
    path = quoted(_PATH)
    columns = ", ".join(map(quoted, [_PATH, *key]))
    query = f"""
        with twice as (
            select {columns} from read_parquet($files, hive_partitioning = false, filename = '{_PATH}')
            group by {columns} having count(*) > 1
        )
        select {path}, count(*) from twice group by 1 order by 1
    """  # noqa: S608 - quoted
    with bench.connect(files=files) as connection:
        found = connection.execute(query, {"files": [str(file) for file in files]}).fetchall()
    return {Path(file): count for file, count in found}


@contextmanager
def values_hidden(where: str, *, action: str) -> Iterator[None]:
    """Turns errors in which DuckDB would quote a row's value into one that does not; for use within `duck_errors`.

    Raises:
        DataError: a value cannot be computed, or breaks a rule of the table.
    """
    import duckdb

    try:
        yield
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException) as error:
        if " file '" in str(error):  # it is about a file, and quotes no row
            raise
        broken = isinstance(error, duckdb.IntegrityError)
        what = "a value breaks a rule of the table" if broken else "a value cannot be computed"
        found = f"{what} ({type(error).__name__})"
        raise DataError(where=where, found=found, action=action) from None


_OF_DISK = {
    "No space left": "free space on the disk, then run the same command again",
    "Read-only file system": "mount the disk writable, then run the same command again",
    "Input/output error": "mend the disk, then run the same command again",
}
_FILE_FAULTS: tuple[tuple[str, type[ChurnError], str], ...] = (
    ("Conflicting lock", TryAgainError, "close it in that process, or run again later"),
    ("Unique file handle conflict", TryAgainError, "close it elsewhere in this process, or run again later"),
    ("newer version", DataError, "upgrade duckdb here, or write the file with an older storage_compatibility_version"),
    ("No such file or directory", TryAgainError, "bring its folder there (mount it), or correct `path`"),
    ("does not exist", DataError, "bring the file there, or correct `path`"),
    ("is not a valid DuckDB", DataError, "restore the file, or correct `path`"),
    *((sign, TryAgainError, action) for sign, action in _OF_DISK.items()),
    ("Is a directory", DataError, "name a DuckDB file in `path`"),
    ("Permission denied", SettingsError, "open file and folder to this user"),
    ("", DataError, "restore the file"),
)


@contextmanager
def _file_errors(file: Path) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        kind, action = next((kind, action) for sign, kind, action in _FILE_FAULTS if sign in text)
        raise kind(where=str(file), found=text.splitlines()[0], action=action) from error


def _placed(text: str, *, lines_before: int) -> str:
    place = re.search(r"^LINE (\d+): (.*)\n( *)\^", text, re.MULTILINE)
    words = " ".join(line.strip() for line in (text[: place.start()] if place else text).splitlines() if line.strip())
    if not place:
        return words
    line = f"line {int(place[1]) - lines_before}"
    if place[2].startswith("..."):  # DuckDB shows a part of a long line, and says not which
        return f"{line}: {words}"
    return f"{line}, column {len(place[3]) - len(f'LINE {place[1]}: ') + 1}: {words}"


@contextmanager
def duck_errors(where: str, *, action: str, lines_before: int = 0) -> Iterator[None]:
    """Turns what DuckDB raises into an error that names the file or table (`where`) and what to do.

    A place in the SQL is told as line and column, less the `lines_before` that stand before the file's own text.

    Raises:
        SettingsError: the memory limit and the spill folder do not suffice, or the folder cannot be made.
        TryAgainError: the disk is full, closed or broken.
        DataError: everything else.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        found = str(error).splitlines()[0]
        raise SettingsError(where=where, found=found, action="raise resources.memory, or free disk to spill") from error
    except duckdb.PermissionException as error:  # what `lock` keeps from it
        found = _placed(str(error), lines_before=lines_before)
        action = "let it read the declared tables alone: other files, addresses and extensions are closed to SQL"
        raise DataError(where=where, found=found, action=action) from error
    except duckdb.Error as error:
        found = _placed(str(error), lines_before=lines_before)
        of_disk = next((mend for sign, mend in _OF_DISK.items() if sign in found), None)
        if of_disk:
            raise TryAgainError(where=where, found=found, action=of_disk) from error
        if found.startswith("IO Error: Failed to create directory"):
            action = "make that folder one that this user may write, or raise resources.memory"
            raise SettingsError(where=where, found=found, action=action) from error
        raise DataError(where=where, found=found, action=action) from error
