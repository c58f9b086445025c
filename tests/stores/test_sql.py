"""The raw tables before a date, on hand-made parquet and SQL: every expected row is worked by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.errors import DataError
from churn.stores.duck import Bench
from churn.stores.sql import Sql

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
AUDIT = (
    "select count(*) as visits, count(distinct customer_id) as visitors from visits where date < getvariable('as_of')"
)
SHOP = {"visitors": VISITORS, "snapshot": SNAPSHOT, "labels": LABELS, "audit": AUDIT}


class Shop:
    """Raw visits and leavers by day, and SQL, in one folder; every `sql` reads it anew."""

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

    def sql(self, **patterns: str) -> Sql:
        tables = {name: str(self.root / "raw" / name / "*" / "*.parquet") for name in ("visits", "leavers")}
        spill, cache = self.root / "spill", self.root / "cache"
        bench = Bench(threads=1, memory="1GB", spill=spill, chunk_rows=100, cache=cache)
        return Sql(tables=tables | patterns, sql=self.root / "sql", bench=bench)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def snapshot(sql: Sql, day: date = DAY) -> pl.DataFrame:
    return pl.concat(sql.snapshot(day, key="customer_id", rows=100))


def labels(sql: Sql, day: date = DAY, *, horizon_days: int = 7) -> dict[int, int]:
    return dict(sql.labels(day, key="customer_id", horizon_days=horizon_days).iter_rows())


def test_a_snapshot_holds_what_the_rows_before_its_day_say(shop: Shop) -> None:
    assert snapshot(shop.sql()).rows() == [
        (1, 2, date(2026, 1, 3)),
        (2, 1, date(2026, 1, 3)),
        (3, 1, date(2026, 1, 1)),
    ]


def test_one_sql_answers_for_one_day_after_another(shop: Shop) -> None:
    sql = shop.sql()
    assert snapshot(sql, DAY + timedelta(days=2))["customer_id"].to_list() == [1, 2, 3, 7, 8]
    assert snapshot(sql, DAY - timedelta(days=2))["customer_id"].to_list() == [1, 3]


@pytest.mark.parametrize("days_after", [0, 1, 30])
def test_partitions_on_or_after_the_day_are_not_even_opened(shop: Shop, days_after: int) -> None:
    before = snapshot(shop.sql())
    path = shop.write("visits", DAY + timedelta(days=days_after), [9])
    path.write_bytes(b"no parquet at all")
    assert snapshot(shop.sql()).equals(before)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"customer_id": [2.7]}, "customer_id is BIGINT, on the newest day DOUBLE"),
        ({"customer_id": [2], "late": [True]}, "late is missing, on the newest day BOOLEAN"),
    ],
)
def test_files_of_one_table_with_other_columns_are_refused_and_not_cast(
    shop: Shop, columns: dict[str, list[object]], found: str
) -> None:
    pl.DataFrame(columns).write_parquet(shop.path("visits", DAY - timedelta(days=2)))
    with pytest.raises(DataError, match=found) as caught:
        snapshot(shop.sql())
    assert "visits/date=2026-01-01/part.parquet" in caught.value.where


def test_sql_that_forgets_its_date_bound_still_sees_no_later_partition(shop: Shop) -> None:
    shop.write_sql({"visitors": "select customer_id, 1 as visits, date as last_day from visits"})
    assert snapshot(shop.sql())["last_day"].max() == date(2026, 1, 3)


def test_a_partition_before_the_day_that_is_no_parquet_stops_the_run_with_its_name(shop: Shop) -> None:
    shop.path("visits", date(2026, 1, 3)).write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match=r"visits/date=2026-01-03/part\.parquet"):
        snapshot(shop.sql())


def test_a_file_outside_any_day_partition_is_bound_by_the_sql_alone(shop: Shop) -> None:
    path = shop.root / "visits.parquet"
    days = [DAY - timedelta(days=1), DAY]
    pl.DataFrame({"customer_id": [5, 6], "date": days}).write_parquet(path)
    assert snapshot(shop.sql(visits=str(path)))["customer_id"].to_list() == [5]


@pytest.mark.parametrize(("rows", "heights"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
def test_chunks_hold_exactly_n_rows_but_the_last_in_the_order_of_the_key(
    shop: Shop, rows: int, heights: list[int]
) -> None:
    shop.write("visits", DAY - timedelta(days=1), [40, -5, 2])
    chunks = list(shop.sql().snapshot(DAY, key="customer_id", rows=rows))
    assert [chunk.height for chunk in chunks] == heights
    assert pl.concat(chunks)["customer_id"].to_list() == [-5, 1, 2, 3, 40]


@pytest.mark.parametrize("rows", [300_000, 1_000_000, 1_500_000])
def test_chunks_hold_exactly_n_rows_where_duckdb_hands_over_others(shop: Shop, rows: int) -> None:
    shop.write_sql({"snapshot": "select 2_100_000 - range as customer_id from range(2_100_000)"})
    chunks = list(shop.sql().snapshot(DAY, key="customer_id", rows=rows))
    assert {chunk.height for chunk in chunks[:-1]} == {rows}
    assert pl.concat(chunks)["customer_id"].equals(pl.Series("customer_id", range(1, 2_100_001)))


def test_keys_of_text_come_in_the_order_of_their_bytes(shop: Shop) -> None:
    shop.write_sql({"snapshot": "select unnest(['b', 'é', 'B', 'a10', 'a9']) as customer_id"})
    assert snapshot(shop.sql())["customer_id"].to_list() == ["B", "a10", "a9", "b", "é"]


def test_a_population_of_nobody_gives_no_chunk(shop: Shop) -> None:
    shop.write_sql({"snapshot": SNAPSHOT + " where visits > 99"})
    assert list(shop.sql().snapshot(DAY, key="customer_id", rows=3)) == []


@pytest.mark.parametrize(("base", "middle"), [("a", "b"), ("b", "a"), ("y", "z"), ("z", "y")])
def test_views_may_need_each_other_in_any_order_of_their_files(shop: Shop, base: str, middle: str) -> None:
    chained = {base: VISITORS, middle: f"select * from {base}", "snapshot": f"with m as (from {middle}) from m"}
    shop.write_sql(chained)
    assert snapshot(shop.sql())["customer_id"].to_list() == [1, 2, 3]


def test_views_are_found_in_subqueries_and_joins(shop: Shop) -> None:
    nested = "select customer_id from visits where customer_id in (select customer_id from zz) group by all"
    shop.write_sql({"snapshot": nested, "zz": "select zzz.customer_id from zzz join leavers using (customer_id)"})
    shop.write_sql({"zzz": "select 1 as customer_id"})
    assert labels(shop.sql())[1] == 1
    shop.write("leavers", DAY - timedelta(days=3), [1])
    assert snapshot(shop.sql())["customer_id"].to_list() == [1]


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
        snapshot(shop.sql())
    assert caught.value.where == str(shop.root / "sql" / "visitors.sql")
    assert said in caught.value.found


def test_sql_that_fails_on_a_value_is_named_with_its_file(shop: Shop) -> None:
    shop.write_sql({"snapshot": "select customer_id, cast('x' || visits as integer) as visits from visitors"})
    with pytest.raises(DataError, match=r"snapshot\.sql: a value cannot be computed \(ConversionException\)"):
        snapshot(shop.sql())


def test_a_key_that_the_snapshot_lacks_is_named_with_the_file(shop: Shop) -> None:
    with pytest.raises(DataError, match=r"snapshot\.sql.*client_id"):
        list(shop.sql().snapshot(DAY, key="client_id", rows=3))


def test_a_folder_without_sql_says_what_belongs_there(shop: Shop) -> None:
    for path in (shop.root / "sql").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no SQL file") as caught:
        snapshot(shop.sql())
    assert "snapshot.sql" in caught.value.action


def test_a_raw_table_without_a_file_is_named_with_its_pattern(shop: Shop) -> None:
    with pytest.raises(DataError, match=r"elsewhere/\*\.parquet before 2026-01-05") as caught:
        snapshot(shop.sql(leavers="elsewhere/*.parquet"))
    assert caught.value.where == "raw table leavers"
    assert "stage=features" in caught.value.action


def test_a_raw_table_whose_partitions_all_come_later_has_no_file(shop: Shop) -> None:
    with pytest.raises(DataError, match="raw table visits: no file"):
        snapshot(shop.sql(), date(2026, 1, 1))


def test_labels_look_up_to_the_horizon_and_not_beyond(shop: Shop) -> None:
    shop.path("leavers", DAY + timedelta(days=7)).write_bytes(b"no parquet at all")
    assert labels(shop.sql()) == {1: 1, 2: 1, 3: 0}


@pytest.mark.parametrize(("horizon_days", "leaves"), [(1, []), (6, []), (7, [2]), (8, [2, 3])])
def test_the_last_day_of_the_horizon_is_the_day_before_its_end(
    shop: Shop, horizon_days: int, leaves: list[int]
) -> None:
    found = labels(shop.sql(), horizon_days=horizon_days)
    assert [customer for customer, label in found.items() if label and customer != 1] == leaves


def test_labels_that_forget_their_bound_still_see_nothing_beyond_the_horizon(shop: Shop) -> None:
    shop.write_sql({"labels": "select customer_id, 1 as label from leavers"})
    assert labels(shop.sql()) == {1: 1, 2: 1, 3: 1}
    shop.path("leavers", DAY - timedelta(days=1)).unlink()
    assert labels(shop.sql()) == {1: 1, 2: 1}


def test_a_snapshot_after_labels_knows_nothing_of_their_horizon(shop: Shop) -> None:
    shop.write_sql({"snapshot": "select customer_id, getvariable('horizon_days') as horizon_days from visits"})
    sql = shop.sql()
    assert labels(sql)
    found = snapshot(sql)
    assert found["horizon_days"].null_count() == found.height
    assert 7 not in found["customer_id"]


@pytest.mark.parametrize("view", ["snapshot", "labels", "audit"])
def test_the_day_is_bound_for_every_question(shop: Shop, view: str) -> None:
    bound = "case when getvariable('as_of') is null then error('as_of is not bound') else getvariable('as_of') end"
    shop.write_sql({view: f"select {bound} as customer_id, {bound} as last_day"})
    sql, answer = shop.sql(), (DAY, DAY)
    found: dict[str, Callable[[], object]] = {
        "snapshot": lambda: snapshot(sql).row(0),
        "labels": lambda: sql.labels(DAY, key="customer_id", horizon_days=7).row(0),
        "audit": lambda: tuple(sql.audit(DAY).values()),
    }
    assert found[view]() == answer


def test_the_audit_counts_by_name(shop: Shop) -> None:
    assert shop.sql().audit(DAY) == {"visits": 4, "visitors": 3}


def test_the_texts_are_all_sql_files_of_the_dataset_as_they_stand(shop: Shop) -> None:
    shop.write_sql({"another": SNAPSHOT + " -- as it was"})
    expected = SHOP | {"another": SNAPSHOT + " -- as it was"}
    assert shop.sql().texts() == {f"sql/sql/{name}.sql": text for name, text in expected.items()}


def test_the_texts_do_not_read_a_raw_table(shop: Shop) -> None:
    assert shop.sql(visits="elsewhere/*.parquet").texts() == shop.sql().texts()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select * from read_csv('/etc/passwd')", 'line 1, column 15: .*Cannot access file "/etc/passwd"'),
        ("select * from read_text('/etc/passwd')", 'Cannot access file "/etc/passwd"'),
        ("select * from '/etc/passwd'", "Table with name /etc/passwd does not exist"),
        ("select * from read_parquet('{root}/raw/visits/../../apart.parquet')", "Cannot access file"),
        ("select * from read_parquet('{root}/raw/visits/link.parquet')", "Cannot access file"),
        ("select * from glob('{root}/*')", "Cannot access file"),
        ("select * from read_parquet('https://example.org/x.parquet')", "HTTPFS|httpfs|Cannot access|disabled"),
        ("copy (select 1 as customer_id) to '{root}/raw/visits/new.csv'", "not one SELECT"),
        ("select 1 as customer_id; copy (select 1) to '{root}/raw/visits/new.csv'", "not one SELECT"),
        ("attach '{root}/new.duckdb'", "not one SELECT"),
        ("install httpfs", "not one SELECT"),
        ("set enable_external_access = true", "not one SELECT"),
        ("select 1 as customer_id; select 2 as customer_id", "not one SELECT"),
    ],
)
def test_sql_that_reaches_beyond_its_raw_tables_stops_with_one_error(shop: Shop, text: str, found: str) -> None:
    pl.DataFrame({"customer_id": [1]}).write_parquet(shop.root / "apart.parquet")
    (shop.root / "raw/visits/link.parquet").symlink_to(shop.root / "apart.parquet")
    before = sorted(shop.root.rglob("*"))
    shop.write_sql({"snapshot": text.format(root=shop.root)})
    with pytest.raises(DataError, match=found) as stopped:
        snapshot(shop.sql(visits=str(shop.root / "raw/visits/date=*/*.parquet")))
    assert stopped.value.where == str(shop.root / "sql" / "snapshot.sql")
    assert [path for path in sorted(shop.root.rglob("*")) if path not in before] == []
