"""A broken feed is named, whether the raw day was refused or let in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.model_quality import settings_of
from churn.doors import Doors
from churn.errors import DataError
from churn.feeds import find_faults
from churn.raw_days import bring
from tests.command import churn, copied, published

DAYS = 42
LAST = "2025-08-19"
NIGHT = date(2025, 8, 20)
Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def begun(taken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the last six weeks of raw days, in the lake but for the last day; not to be written to."""
    root = tmp_path_factory.mktemp("feeds") / "lake"
    for kind in ("raw", "tables"):
        for path in sorted((taken / kind / "subscription").glob("date=*"))[-DAYS:]:
            if (kind, path.name) != ("tables", f"date={LAST}"):
                shutil.copytree(path, root / kind / "subscription" / path.name)
    find_faults(doors(root), NIGHT)
    return root


@pytest.fixture
def root(begun: Path, tmp_path: Path) -> Path:
    return copied(begun, tmp_path / "lake")


def doors(root: Path, *arguments: str) -> Doors:
    return Doors(settings_of("stage=features", f"date={NIGHT}", f"root={root}", *arguments))


def change(root: Path, table: str, how: Change) -> None:
    path = root / "raw" / "subscription" / f"date={LAST}" / f"{table}.parquet"
    how(pl.read_parquet(path, hive_partitioning=False)).write_parquet(path)


def twice(table: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table, table])


@pytest.mark.parametrize(
    ("table", "how", "named"),
    [
        (
            "usage",
            lambda t: t.with_columns(minutes=pl.lit(None, dtype=pl.Int32)),
            "null-filled: usage.minutes: null 0%",
        ),
        ("payments", lambda t: t.with_columns(pl.col("amount_cents") * 100), "scaled: payments.amount_cents: median"),
        ("payments", lambda t: t.with_columns(-pl.col("amount_cents")), "sign flipped: payments.amount_cents: neg"),
        ("payments", twice, "loaded twice: payments: every row stands an even number of times"),
        ("usage", lambda t: t.head(int(t.height * 0.4)), "truncated: usage: rows "),
    ],
)
def test_a_refused_day_is_told_with_the_name_of_its_fault(root: Path, table: str, how: Change, named: str) -> None:
    change(root, table, how)
    ran = churn("stage=features", f"date={NIGHT}", root=root)
    assert ran.code == 3
    assert f"raw subscription {LAST}: {table}: " in ran.err
    assert f"; {named}" in ran.err
    assert f" since {LAST}, n = " in ran.err


def test_a_day_that_was_let_in_is_named_until_a_person_takes_it_as_it_is_or_mends_it(root: Path) -> None:
    change(root, "support_contacts", twice)
    bring(doors(root), NIGHT)
    (found,) = find_faults(doors(root), NIGHT)
    assert (found.name, found.table, found.since.isoformat()) == ("loaded twice", "support_contacts", LAST)
    assert find_faults(doors(root), date(2025, 8, 19)) == ()
    for days in (LAST, "2025-08-10..2025-09-30"):
        assert find_faults(doors(root, f"+dataset.intake.accept={{{days}: two calls each}}"), NIGHT) == ()
    assert find_faults(doors(root, "+dataset.intake.accept={2025-08-01..2025-08-18: earlier}"), NIGHT) == (found,)
    change(root, "support_contacts", lambda table: table.head(table.height // 2))
    bring(doors(root), NIGHT)
    assert find_faults(doors(root), NIGHT) == ()


def test_the_figures_of_a_raw_day_are_made_once_and_of_the_same_bytes(root: Path) -> None:
    before = published(root, "feeds")
    assert len(before) == 2 * (DAYS - 1)
    assert find_faults(doors(root), NIGHT) == ()
    assert published(root, "feeds") == before
    shutil.rmtree(root / "feeds")
    find_faults(doors(root), NIGHT)
    assert published(root, "feeds") == before


def test_rows_that_were_put_aside_are_counted_as_they_came(root: Path) -> None:
    change(root, "payments", lambda table: table.with_columns(pl.col("amount_cents") * 100))
    accepted = f"+dataset.intake.accept={{{LAST}: in another currency}}"
    with pytest.raises(DataError):
        bring(doors(root), NIGHT)
    bring(doors(root, accepted), NIGHT)
    (path,) = (root / "feeds").glob("*/date=2025-08-18/figures.json")
    find_faults(doors(root, accepted), NIGHT)
    here = path.parents[1] / f"date={LAST}" / "figures.json"
    assert '"amount_cents": {"hours": {}, "lags": {}, "negatives": 0, "nulls": 0, "sizes": {"4' in here.read_text()
