"""Forgetting the future changes no feature: raw rows from D on are deleted, and the features at D stay as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn.datasets import load
from churn.features.table import build
from churn.places import SQL
from churn.stores.duck import Bench
from churn.stores.sql import Sql

SHOP_DAY = date(2010, 12, 5)
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
EARLIER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
TYPES = (pl.String, pl.String, pl.String, pl.Int64, pl.Datetime("us"), pl.Float64, pl.Float64, pl.String)
SUBSCRIPTION = ("customers", "payments", "usage", "support_contacts", "cancellations")

Line = tuple[str, str, str | None, int, datetime, float, float | None, str]


def features(folder: Path, name: str, tables: Sequence[str], day: date) -> pl.DataFrame:
    dataset, paths = load(name), {table: str(folder / f"{table}.parquet") for table in tables}
    bench = Bench(threads=2, memory="2GB", spill=folder / "spill", chunk_rows=100_000, cache=folder / "cache")
    frames = list(Sql(tables=paths, sql=SQL / name, bench=bench).snapshot(day, key=dataset.key, rows=100_000))
    if not frames:
        return pl.DataFrame(schema=dataset.schema)
    return build(pl.concat(frames), key=dataset.key, features=dataset.features, where=str(day))


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.dates(min_value=date(2025, 4, 1), max_value=date(2025, 8, 20)))
def test_of_the_subscription_business(raw: Path, day: date) -> None:
    # One file a table, so that the SQL and not the choice of partitions has to leave the future out.
    answers = []
    for last in (date(2025, 8, 20), day - timedelta(days=1)):
        with TemporaryDirectory() as folder:
            for table in SUBSCRIPTION:
                whole = pl.scan_parquet(raw / f"raw/subscription/date=*/{table}.parquet", hive_partitioning=True)
                whole.filter(pl.col("date") <= last).sink_parquet(Path(folder) / f"{table}.parquet")
            answers.append(features(Path(folder), "subscription", SUBSCRIPTION, day))
    assert answers[0].height == 1500
    assert answers[0].equals(answers[1])


def _line(age: int, minute: int, invoice: str, quantity: int, price: float, customer: int | None) -> Line:
    at = datetime.combine(SHOP_DAY, datetime.min.time()) - timedelta(days=age, minutes=-minute)
    return (invoice, "A", "a thing", quantity, at, price, customer, "United Kingdom")


LINES = st.lists(
    st.builds(
        _line,
        st.integers(-100, 300),
        st.integers(0, 1439),
        st.sampled_from(["1", "2", "3", "C4"]),
        st.integers(1, 50),
        st.sampled_from([0.0, 0.5, 2.55, 12.0]),
        st.sampled_from([None, 7.0, 8.0, 9.0]),
    ),
    min_size=1,
    max_size=40,
)


def _write_shop(folder: Path, lines: Sequence[Line]) -> None:
    frame = pl.DataFrame(lines, schema=dict(zip(COLUMNS, TYPES, strict=True)), orient="row")
    both = (date(2010, 12, 1), date(2010, 12, 9))
    earlier = frame.filter(pl.col("InvoiceDate").dt.date() <= both[1])
    text = earlier.with_columns(pl.col("InvoiceDate").dt.strftime("%Y-%m-%d %H:%M:%S"))
    text.rename(dict(zip(COLUMNS, EARLIER, strict=True))).write_parquet(folder / "year_2009_2010.parquet")
    frame.filter(pl.col("InvoiceDate").dt.date() >= both[0]).write_parquet(folder / "year_2010_2011.parquet")


@settings(max_examples=8)
@given(lines=LINES)
def test_of_the_shop(lines: list[Line]) -> None:
    answers = []
    for known in (lines, [line for line in lines if line[4].date() < SHOP_DAY]):
        with TemporaryDirectory() as folder:
            _write_shop(Path(folder), known)
            files = ("year_2009_2010", "year_2010_2011")
            answers.append(features(Path(folder), "online_retail", files, SHOP_DAY))
    assert answers[0].equals(answers[1])
