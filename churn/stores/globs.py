"""Which files does a path with wildcards mean?

One meaning for folders and for S3: `*`, `?` and `[...]` within a name, `**` for folders of any depth, letter case as
written. Names that begin with a dot (half-written files, hidden folders) match only what begins with a dot itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from churn.errors import DataError

_WILDCARD = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that was found: its path (`s3://` in front where it is an object), its size in bytes and what changes
    with its content, as far as a listing tells: time of its last change and inode of a local file, ETag of an object.
    """

    path: str
    size: int
    mtime_ns: int = 0
    inode: int = 0
    etag: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def has_wildcard(text: str) -> bool:
    """Returns whether a path, or a part of one, stands for more than itself."""
    return bool(_WILDCARD.search(text))


def fixed_folder(pattern: str) -> str:
    """Returns the folder that every file of the pattern lies in or below, with its slash; empty for the working folder.

    >>> fixed_folder("raw/usage/date=*/part-*.parquet"), fixed_folder("raw/year.parquet"), fixed_folder("*.csv")
    ('raw/usage/', 'raw/', '')
    """
    wild = _WILDCARD.search(pattern)
    return pattern[: pattern.rfind("/", 0, wild.start() if wild else None) + 1]


def parts(pattern: str) -> list[str]:
    """Returns the names and wildcards that a pattern is made of; `**` at its end stands for all files below.

    >>> parts("usage/**")
    ['usage', '**', '*']
    """
    names = pattern.split("/")
    return [*names, "*"] if names[-1] == "**" else names


def name_matches(name: str, pattern: str) -> bool:
    """Returns whether a name, without slashes, is one that a part of a pattern means.

    >>> name_matches("date=2026-01-05", "date=*"), name_matches(".part.parquet", "*.parquet")
    (True, False)
    """
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and bool(_compiled(pattern).match(name))


def matches(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Returns whether the parts of a path are what the parts of a pattern mean; `**` stands for any number of folders.

    >>> matches(["a", "b", "x.csv"], ["**", "*.csv"]), matches(["x.csv"], ["**", "*.csv"]), matches(["a"], ["*", "*"])
    (True, True, False)
    """
    if not patterns or not names:
        return not patterns and not names
    if patterns[0] != "**":
        return name_matches(names[0], patterns[0]) and matches(names[1:], patterns[1:])
    into_it = len(names) > 1 and not names[0].startswith(".") and matches(names[1:], patterns)
    return into_it or matches(names, patterns[1:])


def no_match(pattern: str, *, hint: str = "") -> DataError:
    """Returns the error for a pattern that no file matches."""
    bracket = "`[` opens a set of characters in a path: write [[] for the character itself" if "[" in pattern else ""
    action = "; ".join(part for part in ("bring the file there, or correct `path`", bracket, hint) if part)
    return DataError(where=pattern, found="no file", action=action)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
