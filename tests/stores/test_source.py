"""The raw tables before a date, on hand-made parquet and SQL: every expected row is worked by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.errors import DataError
from churn.stores.source import Coverage, Source

DAY = date(2026, 1, 5)

VISITORS = """
select customer_id, count(*) as visits, max(date) as last_day
from visits
where date < cast(getvariable('as_of') as date)
group by customer_id
"""
SNAPSHOT = "select customer_id, visits, last_day from visitors"
LABELS = """
select visitors.customer_id, cast(count(leavers.customer_id) > 0 as integer) as label
from visitors
left join leavers
    on visitors.customer_id = leavers.customer_id
    and leavers.date >= cast(getvariable('as_of') as date)
    and leavers.date < cast(getvariable('as_of') as date) + cast(getvariable('horizon_days') as integer)
group by visitors.customer_id
"""
COVERAGE = """
select min(date) as first_day, max(date) as last_day
from visits
where date < cast(getvariable('as_of') as date) and customer_id > 0
"""
AUDIT = (
    "select count(*) as visits, count(distinct customer_id) as visitors from visits where date < getvariable('as_of')"
)
SHOP = {"visitors": VISITORS, "snapshot": SNAPSHOT, "labels": LABELS, "coverage": COVERAGE, "audit": AUDIT}


class Shop:
    """Raw visits and leavers by day, and SQL, in one folder; every `source` reads it anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sql").mkdir()
        self.write_sql(SHOP)
        for offset, visitors in {-4: [3, 1], -2: [2, 1], 0: [7], 1: [8]}.items():
            self.write("visits", DAY + timedelta(days=offset), visitors)
        for offset, leavers in {-4: [], -1: [3], 0: [1], 6: [2], 7: [3]}.items():
            self.write("leavers", DAY + timedelta(days=offset), leavers)

    def path(self, table: str, day: date) -> Path:
        return self.root / "raw" / table / f"date={day}" / "part.parquet"

    def write(self, table: str, day: date, customers: list[int]) -> Path:
        path = self.path(table, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"customer_id": customers}, schema={"customer_id": pl.Int64}).write_parquet(path)
        return path

    def write_sql(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.root / "sql" / f"{name}.sql").write_text(text)

    def source(self, **patterns: str) -> Source:
        tables = {name: str(self.root / "raw" / name / "*" / "*.parquet") for name in ("visits", "leavers")}
        sql, spill = self.root / "sql", self.root / "spill"
        return Source(tables=tables | patterns, sql=sql, threads=1, memory="1GB", spill=spill)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def snapshot(source: Source, day: date = DAY) -> pl.DataFrame:
    return pl.concat(source.snapshot(day, key="customer_id", rows=100))


def labels(source: Source, day: date = DAY, *, horizon_days: int = 7) -> dict[int, int]:
    return dict(source.labels(day, key="customer_id", horizon_days=horizon_days).iter_rows())


def test_a_snapshot_holds_what_the_rows_before_its_day_say(shop: Shop) -> None:
    assert snapshot(shop.source()).rows() == [
        (1, 2, date(2026, 1, 3)),
        (2, 1, date(2026, 1, 3)),
        (3, 1, date(2026, 1, 1)),
    ]


def test_one_source_answers_for_one_day_after_another(shop: Shop) -> None:
    source = shop.source()
    assert snapshot(source, DAY + timedelta(days=2))["customer_id"].to_list() == [1, 2, 3, 7, 8]
    assert snapshot(source, DAY - timedelta(days=2))["customer_id"].to_list() == [1, 3]


@pytest.mark.parametrize("days_after", [0, 1, 30])
def test_partitions_on_or_after_the_day_are_not_even_opened(shop: Shop, days_after: int) -> None:
    before = snapshot(shop.source()), shop.source().fingerprints(DAY)
    path = shop.write("visits", DAY + timedelta(days=days_after), [9])
    path.write_bytes(b"no parquet at all")
    assert snapshot(shop.source()).equals(before[0])
    assert shop.source().fingerprints(DAY) == before[1]
    assert shop.source().coverage(DAY).last_day == date(2026, 1, 3)


def test_sql_that_forgets_its_date_bound_still_sees_no_later_partition(shop: Shop) -> None:
    shop.write_sql({"visitors": "select customer_id, 1 as visits, date as last_day from visits"})
    assert snapshot(shop.source())["last_day"].max() == date(2026, 1, 3)


def test_a_partition_before_the_day_that_is_no_parquet_stops_the_run_with_its_name(shop: Shop) -> None:
    shop.path("visits", date(2026, 1, 3)).write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match=r"visits/date=2026-01-03/part\.parquet"):
        snapshot(shop.source())


def test_a_file_outside_any_day_partition_is_bound_by_the_sql_alone(shop: Shop) -> None:
    path = shop.root / "visits.parquet"
    days = [DAY - timedelta(days=1), DAY]
    pl.DataFrame({"customer_id": [5, 6], "date": days}).write_parquet(path)
    assert snapshot(shop.source(visits=str(path)))["customer_id"].to_list() == [5]


@pytest.mark.parametrize(("rows", "heights"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
def test_chunks_hold_exactly_n_rows_but_the_last_in_the_order_of_the_key(
    shop: Shop, rows: int, heights: list[int]
) -> None:
    shop.write("visits", DAY - timedelta(days=1), [40, -5, 2])
    chunks = list(shop.source().snapshot(DAY, key="customer_id", rows=rows))
    assert [chunk.height for chunk in chunks] == heights
    assert pl.concat(chunks)["customer_id"].to_list() == [-5, 1, 2, 3, 40]


@pytest.mark.parametrize("rows", [300_000, 1_000_000, 1_500_000])
def test_chunks_hold_exactly_n_rows_where_duckdb_hands_over_others(shop: Shop, rows: int) -> None:
    shop.write_sql({"snapshot": "select 2_100_000 - range as customer_id from range(2_100_000)"})
    chunks = list(shop.source().snapshot(DAY, key="customer_id", rows=rows))
    assert {chunk.height for chunk in chunks[:-1]} == {rows}
    assert pl.concat(chunks)["customer_id"].equals(pl.Series("customer_id", range(1, 2_100_001)))


def test_keys_of_text_come_in_the_order_of_their_bytes(shop: Shop) -> None:
    shop.write_sql({"snapshot": "select unnest(['b', 'é', 'B', 'a10', 'a9']) as customer_id"})
    assert snapshot(shop.source())["customer_id"].to_list() == ["B", "a10", "a9", "b", "é"]


def test_a_population_of_nobody_gives_no_chunk(shop: Shop) -> None:
    shop.write_sql({"snapshot": SNAPSHOT + " where visits > 99"})
    assert list(shop.source().snapshot(DAY, key="customer_id", rows=3)) == []


@pytest.mark.parametrize(("base", "middle"), [("a", "b"), ("b", "a"), ("y", "z"), ("z", "y")])
def test_views_may_need_each_other_in_any_order_of_their_files(shop: Shop, base: str, middle: str) -> None:
    chained = {base: VISITORS, middle: f"select * from {base}", "snapshot": f"with m as (from {middle}) from m"}
    shop.write_sql(chained)
    assert snapshot(shop.source())["customer_id"].to_list() == [1, 2, 3]


def test_views_are_found_in_subqueries_and_joins(shop: Shop) -> None:
    nested = "select customer_id from visits where customer_id in (select customer_id from zz) group by all"
    shop.write_sql({"snapshot": nested, "zz": "select zzz.customer_id from zzz join leavers using (customer_id)"})
    shop.write_sql({"zzz": "select 1 as customer_id"})
    assert labels(shop.source())[1] == 1
    shop.write("leavers", DAY - timedelta(days=3), [1])
    assert snapshot(shop.source())["customer_id"].to_list() == [1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("selct customer_id from visits", "syntax error"),
        ("select customer_number from visits", "customer_number"),
        ("select customer_id from nowhere", "nowhere"),
        ("", "syntax error"),
    ],
)
def test_sql_that_cannot_run_is_named_with_its_file(shop: Shop, text: str, said: str) -> None:
    shop.write_sql({"visitors": text})
    with pytest.raises(DataError, match=r"visitors\.sql") as caught:
        snapshot(shop.source())
    assert caught.value.where == str(shop.root / "sql" / "visitors.sql")
    assert said in caught.value.found


def test_sql_that_fails_on_a_value_is_named_with_its_file(shop: Shop) -> None:
    shop.write_sql({"snapshot": "select customer_id, cast('x' || visits as integer) as visits from visitors"})
    with pytest.raises(DataError, match=r"snapshot\.sql.*Could not convert"):
        snapshot(shop.source())


def test_a_key_that_the_snapshot_lacks_is_named_with_the_file(shop: Shop) -> None:
    with pytest.raises(DataError, match=r"snapshot\.sql.*client_id"):
        list(shop.source().snapshot(DAY, key="client_id", rows=3))


def test_a_folder_without_sql_says_what_belongs_there(shop: Shop) -> None:
    for path in (shop.root / "sql").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no SQL file") as caught:
        snapshot(shop.source())
    assert "snapshot.sql" in caught.value.action


@pytest.mark.parametrize("ask", ["snapshot", "fingerprints", "coverage"])
def test_a_raw_table_without_a_file_is_named_with_its_pattern(shop: Shop, ask: str) -> None:
    source = shop.source(leavers="elsewhere/*.parquet")
    questions: dict[str, Callable[[], object]] = {
        "snapshot": lambda: snapshot(source),
        "fingerprints": lambda: source.fingerprints(DAY),
        "coverage": lambda: source.coverage(DAY),
    }
    with pytest.raises(DataError, match=r"elsewhere/\*\.parquet before 2026-01-05") as caught:
        questions[ask]()
    assert caught.value.where == "raw table leavers"


def test_a_raw_table_whose_partitions_all_come_later_has_no_file(shop: Shop) -> None:
    with pytest.raises(DataError, match="raw table visits: no file"):
        snapshot(shop.source(), date(2026, 1, 1))


def test_labels_look_up_to_the_horizon_and_not_beyond(shop: Shop) -> None:
    shop.path("leavers", DAY + timedelta(days=7)).write_bytes(b"no parquet at all")
    assert labels(shop.source()) == {1: 1, 2: 1, 3: 0}


@pytest.mark.parametrize(("horizon_days", "leaves"), [(1, []), (6, []), (7, [2]), (8, [2, 3])])
def test_the_last_day_of_the_horizon_is_the_day_before_its_end(
    shop: Shop, horizon_days: int, leaves: list[int]
) -> None:
    found = labels(shop.source(), horizon_days=horizon_days)
    assert [customer for customer, label in found.items() if label and customer != 1] == leaves


def test_labels_that_forget_their_bound_still_see_nothing_beyond_the_horizon(shop: Shop) -> None:
    shop.write_sql({"labels": "select customer_id, 1 as label from leavers"})
    assert labels(shop.source()) == {1: 1, 2: 1, 3: 1}
    shop.path("leavers", DAY - timedelta(days=1)).unlink()
    assert labels(shop.source()) == {1: 1, 2: 1}


def test_a_snapshot_after_labels_knows_nothing_of_their_horizon(shop: Shop) -> None:
    shop.write_sql({"snapshot": "select customer_id, getvariable('horizon_days') as horizon_days from visits"})
    source = shop.source()
    assert labels(source)
    found = snapshot(source)
    assert found["horizon_days"].null_count() == found.height
    assert 7 not in found["customer_id"]


@pytest.mark.parametrize("view", ["snapshot", "labels", "audit", "coverage"])
def test_the_day_is_bound_for_every_question(shop: Shop, view: str) -> None:
    bound = "case when getvariable('as_of') is null then error('as_of is not bound') else getvariable('as_of') end"
    shop.write_sql({view: f"select {bound} as customer_id, {bound} as last_day"})
    source, answer = shop.source(), (DAY, DAY)
    found: dict[str, Callable[[], object]] = {
        "snapshot": lambda: snapshot(source).row(0),
        "labels": lambda: source.labels(DAY, key="customer_id", horizon_days=7).row(0),
        "audit": lambda: tuple(source.audit(DAY).values()),
        "coverage": lambda: (source.coverage(DAY).first_day, source.coverage(DAY).last_day),
    }
    assert found[view]() == answer


def test_the_audit_counts_by_name(shop: Shop) -> None:
    assert shop.source().audit(DAY) == {"visits": 4, "visitors": 3}


def test_coverage_is_the_span_of_days_before_the_day(shop: Shop) -> None:
    assert shop.source().coverage(DAY) == Coverage(first_day=date(2026, 1, 1), last_day=date(2026, 1, 3))
    assert shop.source().coverage(DAY + timedelta(days=2)).last_day == DAY + timedelta(days=1)


def test_coverage_of_no_row_is_an_error_and_no_span(shop: Shop) -> None:
    for day in (date(2026, 1, 1), date(2026, 1, 3)):
        shop.write("visits", day, [])
    with pytest.raises(DataError, match="raw tables before 2026-01-05: no row"):
        shop.source().coverage(DAY)


def test_a_fingerprint_stays_where_only_the_time_of_a_file_changes(shop: Shop) -> None:
    before = shop.source().fingerprints(DAY)
    os.utime(shop.path("visits", date(2026, 1, 3)), ns=(1, 1))
    assert shop.source().fingerprints(DAY) == before
    assert set(before) == {"raw.visits", "raw.leavers", "sql"}


def test_a_fingerprint_changes_with_the_content_of_a_file_of_the_same_size(shop: Shop) -> None:
    path = shop.path("visits", date(2026, 1, 3))
    before, size = shop.source().fingerprints(DAY), path.stat().st_size
    shop.write("visits", date(2026, 1, 3), [4, 1])
    os.utime(path, ns=(2, 2))
    after = shop.source().fingerprints(DAY)
    assert path.stat().st_size == size
    assert after["raw.visits"] != before["raw.visits"]
    assert {name: after[name] for name in ("raw.leavers", "sql")} == {
        name: before[name] for name in ("raw.leavers", "sql")
    }


def test_a_fingerprint_changes_with_a_new_partition_before_the_day_alone(shop: Shop) -> None:
    before = shop.source().fingerprints(DAY)
    shop.write("visits", DAY, [1, 2, 3])
    assert shop.source().fingerprints(DAY) == before
    shop.write("visits", DAY - timedelta(days=1), [1, 2, 3])
    assert shop.source().fingerprints(DAY)["raw.visits"] != before["raw.visits"]


def test_the_same_content_under_another_day_is_another_input(shop: Shop) -> None:
    before = shop.source().fingerprints(DAY)
    moved = shop.path("visits", date(2026, 1, 3)).parent
    moved.rename(moved.with_name("date=2026-01-02"))
    assert shop.source().fingerprints(DAY)["raw.visits"] != before["raw.visits"]


def test_a_fingerprint_knows_no_folder_above_the_partition(shop: Shop) -> None:
    before = shop.source().fingerprints(DAY)
    (shop.root / "raw").rename(shop.root / "elsewhere")
    patterns = {name: str(shop.root / "elsewhere" / name / "*" / "*.parquet") for name in ("visits", "leavers")}
    assert shop.source(**patterns).fingerprints(DAY) == before


@pytest.mark.parametrize("name", ["snapshot", "another"])
def test_a_fingerprint_changes_with_any_sql_file(shop: Shop, name: str) -> None:
    before = shop.source().fingerprints(DAY)
    shop.write_sql({name: SNAPSHOT + " -- as it was"})
    after = shop.source().fingerprints(DAY)
    assert after["sql"] != before["sql"]
    assert after["raw.visits"] == before["raw.visits"]
