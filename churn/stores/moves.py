"""What would a night's new scores change?

Two published files are joined by key in DuckDB, which spills, so that a night of any size is compared in set memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from churn.stores.duck import Bench, duck_errors, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Customers in both files (`shared`), those in one alone, and what changed among the shared ones.

    `scores` and `segments` count customers whose score or segment differs; `largest` is the largest change of a score.
    """

    shared: int
    left: int
    came: int
    scores: int
    segments: int
    largest: float

    def __str__(self) -> str:
        """Returns the moves as a sentence for a person."""
        return (
            f"{self.scores:,} of {self.shared:,} scores move (by {self.largest:.4f} at most), {self.segments:,} "
            f"segments change, {self.came:,} customers come, {self.left:,} leave"
        )


def moves(bench: Bench, *, before: Path, after: Path, key: str, score: str) -> Moves:
    """Returns what tells two files of scores apart; both hold `key`, `score` and `segment`, one row a key.

    Raises:
        DataError: a file cannot be read.
    """
    with duck_errors(str(before), action="delete that partition, then run again"):
        connection = bench.connect(files=(before, after))
        for name, path in (("before", before), ("after", after)):
            connection.read_parquet(str(path)).create_view(name)
        row = connection.execute(_QUERY.format(key=quoted(key), score=quoted(score))).fetchone()
    names = ("shared", "left", "came", "scores", "segments", "largest")
    return Moves(**dict(zip(names, row or (), strict=True)))


_QUERY = """
select
    count(*) filter (where old.{key} is not null and new.{key} is not null),
    count(*) filter (where new.{key} is null),
    count(*) filter (where old.{key} is null),
    count(*) filter (where old.{score} <> new.{score}),
    count(*) filter (where old.segment <> new.segment),
    coalesce(max(abs(old.{score} - new.{score})), 0)
from before as old full join after as new on old.{key} = new.{key}
"""
