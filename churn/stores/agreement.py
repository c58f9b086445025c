"""How far do two models agree on one night?

Two published files of scores are joined by key in DuckDB, which spills, so that a night of any size is compared in set
memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from churn.stores.duck import Bench, duck_errors, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Customers that both files hold (`n`), how alike they are ranked, and how alike the top lists are.

    `rank_correlation` is Spearman's, -1 to 1, None where one of the files gives everybody the same score. `top` counts
    the customers of the segment in the first file, `top_shared` those of them that the other file puts there, too.
    """

    n: int
    rank_correlation: float | None
    top: int
    top_shared: int


def agreement(bench: Bench, *, one: Path, other: Path, key: str, score: str, segment: str) -> Agreement:
    """Returns how far two files of scores agree; both hold `key`, `score` and `segment`, one row a key.

    Equal scores share the mean of their ranks.

    Raises:
        DataError: a file cannot be read.
    """
    with duck_errors(str(one), action="delete that partition, then run again"):
        connection = bench.connect(files=(one, other))
        for name, path in (("one", one), ("other", other)):
            connection.read_parquet(str(path)).create_view(name)
        query = _QUERY.format(key=quoted(key), score=quoted(score))
        n, correlation, top, shared = connection.execute(query, {"segment": segment}).fetchone() or (0, None, 0, 0)
    return Agreement(n=n, rank_correlation=correlation, top=top, top_shared=shared)


_QUERY = """
with both_scored as (
    select one.{score} as first, other.{score} as second, one.segment as listed, other.segment as listed_too
    from one join other using ({key})
), ranked as (
    select
        rank() over (order by first) + (count(*) over (partition by first) - 1) / 2 as rank_one,
        rank() over (order by second) + (count(*) over (partition by second) - 1) / 2 as rank_other,
        listed,
        listed_too
    from both_scored
)
select
    count(*),
    case when stddev_pop(rank_one) > 0 and stddev_pop(rank_other) > 0 then corr(rank_one, rank_other) end,
    count(*) filter (where listed = $segment),
    count(*) filter (where listed = $segment and listed_too = $segment)
from ranked
"""
