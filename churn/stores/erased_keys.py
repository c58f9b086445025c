"""Which customers were erased, and may not come back?

`<root>/erased/<dataset>.json` holds a salt, and of each key that was erased a salted hash: intake leaves out the rows
of those, so that a raw day which is brought again brings nobody back. The list names nobody; but keys are few enough
numbers to be tried one by one, so whoever has it can find out who was erased.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import polars as pl

from churn.errors import DataError
from churn.stores.whole import whole_file

_BYTES = 16
_HEX = re.compile(f"[0-9a-f]{{{2 * _BYTES}}}")

Has: TypeAlias = Callable[[pl.Series], pl.Series]
"""Tells of each key (Int64) whether it is among those that are looked for; null is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedKeys:
    """The salt (hex) of a dataset, and the hash (hex) of every key that was erased from it.

    >>> erased = ErasedKeys(salt="00", hashes=frozenset()).adding([17])
    >>> erased.has(pl.Series([16, 17, None], dtype=pl.Int64)).to_list()
    [False, True, False]
    """

    salt: str
    hashes: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Returns those that stand in a file; none, and a new salt, where there is no file.

        Raises:
            DataError: the file is damaged: without it erased customers would come back.
        """
        try:
            found = json.loads(path.read_bytes())
            return cls(salt=_hex(found["salt"]), hashes=frozenset(map(_hex, found["hashes"])))
        except FileNotFoundError:
            return cls(salt=secrets.token_hex(_BYTES), hashes=frozenset())
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            found_words, action = "not the list of erased customers that was written", "restore it from a backup"
            raise DataError(where=str(path), found=found_words, action=action) from error

    def adding(self, keys: Iterable[int]) -> ErasedKeys:
        """Returns these and more."""
        return ErasedKeys(salt=self.salt, hashes=self.hashes | {self._hash(key) for key in keys})

    def write(self, path: Path) -> None:
        """Replaces the file, whole or not at all.

        Raises:
            OSError: the disk refused.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(json.dumps({"salt": self.salt, "hashes": sorted(self.hashes)}, indent=1).encode())

    def has(self, keys: pl.Series) -> pl.Series:
        """Returns of each key (Int64) whether it was erased, about a million a second where any was."""
        if not self.hashes:
            return pl.repeat(value=False, n=len(keys), eager=True, dtype=pl.Boolean)
        return among([key for key in keys.drop_nulls().unique() if self._hash(key) in self.hashes])(keys)

    def without(self, rows: pl.DataFrame, *, key: str) -> pl.DataFrame:
        """Returns the rows of a raw table that are not about an erased customer."""
        column = key_column(rows.columns, key)
        return rows if column is None or not self.hashes else rows.filter(~rows_about(rows, column, self.has))

    def _hash(self, key: int) -> str:
        return hashlib.blake2b(str(key).encode(), key=bytes.fromhex(self.salt), digest_size=_BYTES).hexdigest()


def _hex(text: str) -> str:
    """Returns a salt or a hash; one of another length would match no key, and nobody would notice.

    Raises:
        ValueError: it is none.
    """
    if not _HEX.fullmatch(text):
        raise ValueError("neither a salt nor a hash")
    return text


def place_of(root: Path, dataset: str) -> Path:
    """Returns where a dataset's list stands, or would."""
    return root / "erased" / f"{dataset}.json"


def key_column(names: Iterable[str], key: str) -> str | None:
    """Returns which column holds a dataset's key: the one so called, but for case, spaces and marks; None where none.

    >>> key_column(["Invoice", "Customer ID"], "customer_id")
    'Customer ID'
    """
    return next((name for name in names if _bare(name) == _bare(key)), None)


def among(keys: Collection[int]) -> Has:
    """Returns what tells of each key whether it is one of these."""
    wanted = pl.Series(sorted(keys), dtype=pl.Int64)
    return lambda found: found.is_in(wanted.implode()).fill_null(value=False)


def rows_about(rows: pl.DataFrame, column: str, has: Has) -> pl.Series:
    """Returns which rows are about the keys that `has` knows, as their source or the quarantine spells them.

    Where `column` holds what is no key, the row's values may stand in the wrong columns: one of them tells.

    >>> rows = pl.DataFrame({"id": ["17", " 17.0", "18", "x"], "other": ["1", "2", "17", "17"]})
    >>> rows_about(rows, "id", among([17])).to_list()
    [True, True, False, True]
    """
    keys = as_keys(rows[column])
    found, astray = has(keys), keys.is_null() & rows[column].is_not_null()
    if astray.any():
        others = [has(as_keys(rows[name])) for name in rows.select(pl.selectors.string()).columns]
        found |= astray & pl.select(pl.any_horizontal(pl.lit(value=False), *others)).to_series()
    return found


def as_keys(values: pl.Series) -> pl.Series:
    """Returns the values as whole numbers (Int64), null where they are none."""
    if values.dtype == pl.String:
        text = values.str.strip_chars()
        return text.cast(pl.Int64, strict=False).fill_null(as_keys(text.cast(pl.Float64, strict=False)))
    if not values.dtype.is_numeric():
        return pl.repeat(None, len(values), eager=True, dtype=pl.Int64)
    whole = values.cast(pl.Int64, strict=False)
    return whole.set(whole.cast(values.dtype, strict=False) != values, None)


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
