"""Small shops worked by hand, then the real one against its published figures and a second way to count it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.datasets.online_retail import DATASET
from churn.features import contract, table
from churn.stores.duck import Bench
from churn.stores.sql import Sql

CHECKOUT = Path(__file__).resolve().parents[2]
REAL = CHECKOUT.parent / "shared" / "data" / "online_retail"
EARLIER, LATER = "year_2009_2010", "year_2010_2011"
D = date(2011, 6, 1)

needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real invoices are not in ../shared/data/online_retail beside the checkout"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One invoice line; `age` is in days before D, so that 1 is yesterday and 0 is D itself."""

    age: int
    invoice: str = "500001"
    stock_code: str = "85048"
    description: str | None = "MUG"
    quantity: int = 1
    clock: time = time(12, 0)
    price: float = 1.0
    customer: int | None = 7
    country: str = "United Kingdom"

    @property
    def moment(self) -> datetime:
        return datetime.combine(D - timedelta(days=self.age), self.clock)


Shop = Callable[..., Sql]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Makes the SQL over two yearly files; `later` is published with that file's own names and types."""

    def make(*, earlier: Sequence[Line] = (), later: Sequence[Line] = ()) -> Sql:
        _earlier(earlier).write_parquet(tmp_path / f"{EARLIER}.parquet")
        _later(later).write_parquet(tmp_path / f"{LATER}.parquet")
        return _sql(tmp_path, spill=tmp_path)

    return make


@pytest.fixture
def real(tmp_path: Path) -> Sql:
    return _sql(REAL, spill=tmp_path)


def _columns(lines: Sequence[Line]) -> list[pl.Series]:
    return [
        pl.Series("invoice", [line.invoice for line in lines], pl.String),
        pl.Series("stock_code", [line.stock_code for line in lines], pl.String),
        pl.Series("description", [line.description for line in lines], pl.String),
        pl.Series("quantity", [line.quantity for line in lines], pl.Int64),
        pl.Series("moment", [line.moment for line in lines], pl.Datetime("us")),
        pl.Series("price", [line.price for line in lines], pl.Float64),
        pl.Series("customer", [line.customer for line in lines], pl.Float64),
        pl.Series("country", [line.country for line in lines], pl.String),
    ]


def _earlier(lines: Sequence[Line]) -> pl.DataFrame:
    frame = pl.DataFrame(_columns(lines)).with_columns(pl.col("moment").dt.strftime("%Y-%m-%d %H:%M:%S"))
    return _named(frame, invoice="Invoice", price="Price", customer="Customer ID")


def _later(lines: Sequence[Line]) -> pl.DataFrame:
    return _named(pl.DataFrame(_columns(lines)), invoice="InvoiceNo", price="UnitPrice", customer="CustomerID")


def _named(frame: pl.DataFrame, *, invoice: str, price: str, customer: str) -> pl.DataFrame:
    frame.columns = [invoice, "StockCode", "Description", "Quantity", "InvoiceDate", price, customer, "Country"]
    return frame


def _sql(folder: Path, *, spill: Path, threads: int = 2) -> Sql:
    return Sql(
        tables={name: str(folder / f"{name}.parquet") for name in (EARLIER, LATER)},
        sql=CHECKOUT / "sql" / "online_retail",
        bench=Bench(threads=threads, memory="1GB", spill=spill, chunk_rows=1_000, cache=spill),
    )


def _features(sql: Sql, day: date = D) -> pl.DataFrame:
    """The contract is checked on the way, as the features stage does."""
    rows = pl.concat(list(sql.snapshot(day, key="customer_id", rows=1_000)))
    built = table.build(rows, key=DATASET.key, features=DATASET.features, where=str(day))
    contract.check(built, key=DATASET.key, features=DATASET.features, where=str(day))
    return built


def _feature(sql: Sql, name: str, *, customer: int = 7) -> object:
    return _features(sql).row(by_predicate=pl.col("customer_id") == customer, named=True)[name]


def _customers(sql: Sql) -> list[int]:
    found = [frame["customer_id"] for frame in sql.snapshot(D, key="customer_id", rows=1_000)]
    return pl.concat(found).to_list() if found else []


def _label(sql: Sql) -> object:
    return sql.labels(D, key="customer_id", horizon_days=90).row(by_predicate=pl.col("customer_id") == 7)[1]


# ---------------------------------------------------------------------------------------------------------------------
# Two files become one


def test_a_line_that_stands_in_both_files_counts_once(shop: Shop) -> None:
    both = [Line(age=3, invoice="500003"), Line(age=2, invoice="500004")]
    sql = shop(earlier=[Line(age=5, invoice="500002"), *both], later=[*both, Line(age=1, invoice="500005")])
    audit = sql.audit(D)
    assert (_feature(sql, "purchases_180d"), _feature(sql, "spend_180d")) == (4, 4.0)
    assert (audit["lines_read"], audit["overlap_lines"], audit["lines_merged"]) == (6, 2, 4)
    assert (audit["duplicate_lines"], audit["overlap_lines_unmatched"]) == (0, 0)


def test_two_equal_lines_of_the_overlap_are_one_overlap_and_one_duplicate(shop: Shop) -> None:
    twice = [Line(age=2), Line(age=2)]
    audit = shop(earlier=twice, later=twice).audit(D)
    assert (audit["overlap_lines"], audit["duplicate_lines"], audit["lines_kept"]) == (2, 1, 1)


def test_the_overlap_starts_with_the_later_files_first_day_not_its_first_minute(shop: Shop) -> None:
    midnight, noon = Line(age=2, clock=time(0, 0)), Line(age=2)
    audit = shop(earlier=[midnight, noon], later=[noon]).audit(D)
    assert (audit["overlap_lines"], audit["overlap_lines_unmatched"], audit["lines_kept"]) == (2, 1, 1)


def test_a_line_of_the_overlap_that_the_later_file_lacks_is_counted_but_for_its_description(shop: Shop) -> None:
    known, unknown = Line(age=2, description=None), Line(age=2, description="Unknown")
    sql = shop(earlier=[known, known, Line(age=1, invoice="500009")], later=[unknown])
    assert sql.audit(D)["overlap_lines_unmatched"] == 2


def test_before_the_later_file_has_a_day_the_earlier_one_is_read_alone(shop: Shop) -> None:
    sql = shop(earlier=[Line(age=2), Line(age=0)], later=[Line(age=0)])
    assert _feature(sql, "purchases_180d") == 1
    assert sql.audit(D)["overlap_lines"] == 0


def test_an_exact_duplicate_is_removed_and_a_line_that_differs_in_anything_is_kept(shop: Shop) -> None:
    line = Line(age=2)
    others = [
        replace(line, quantity=2),
        replace(line, description="CUP"),
        replace(line, price=1.001),
        replace(line, clock=time(12, 1)),
        replace(line, stock_code="85049"),
    ]
    sql = shop(later=[line, line, line, *others])
    audit = sql.audit(D)
    assert (audit["duplicate_lines"], audit["lines_kept"]) == (2, 6)
    assert _feature(sql, "spend_180d") == 7.001


def test_a_line_without_a_customer_is_counted_and_belongs_to_nobody(shop: Shop) -> None:
    nobodys = Line(age=2, customer=None)
    sql = shop(earlier=[Line(age=3), nobodys, nobodys])
    audit = sql.audit(D)
    assert _customers(sql) == [7]
    assert (audit["lines_without_customer"], audit["duplicate_lines_without_customer"], audit["customers"]) == (2, 1, 1)
    assert (audit["lines_merged"], audit["duplicate_lines"], audit["lines_kept"]) == (3, 1, 1)


def test_a_price_keeps_its_thousandths(shop: Shop) -> None:
    assert _feature(shop(later=[Line(age=2, quantity=3, price=0.001)]), "spend_180d") == 0.003


# ---------------------------------------------------------------------------------------------------------------------
# What a purchase is


def test_a_cancellation_lowers_spend_and_is_no_purchase(shop: Shop) -> None:
    bought = Line(age=20, quantity=10, price=2.5)
    back = Line(age=5, invoice="C500002", quantity=-4, price=2.5)
    found = _features(shop(later=[bought, back])).row(0, named=True)
    assert (found["spend_30d"], found["largest_invoice_180d"]) == (15.0, 25.0)
    assert (found["purchases_180d"], found["purchase_days_180d"], found["recency_days"]) == (1, 1, 20)
    assert (found["products_180d"], found["units_per_line_180d"], found["cancellation_share_180d"]) == (1, 10.0, 0.5)


def test_a_negative_quantity_cancels_without_the_letter_c(shop: Shop) -> None:
    sql = shop(later=[Line(age=20, quantity=10), Line(age=5, invoice="500002", quantity=-4)])
    assert (_feature(sql, "cancellation_share_180d"), _feature(sql, "spend_180d")) == (0.5, 6.0)


def test_spend_is_negative_where_an_old_purchase_is_cancelled(shop: Shop) -> None:
    old, back = Line(age=200, price=50), Line(age=4, invoice="C500002", quantity=-1, price=50)
    sql = shop(later=[old, back, Line(age=100, invoice="500003", price=20)])
    assert (_feature(sql, "spend_30d"), _feature(sql, "spend_180d")) == (-50.0, -30.0)


@pytest.mark.parametrize(
    "line",
    [
        Line(age=5, invoice="C500001", quantity=-1),
        Line(age=5, invoice="C500001", quantity=1),
        Line(age=5, quantity=-1),
        Line(age=5, price=0.0),
        Line(age=5, price=0.0004),
    ],
    ids=["cancelled", "cancelled, positive", "negative quantity", "free", "under a tenth of a penny"],
)
def test_what_is_no_purchase_brings_nobody_into_the_population_and_keeps_nobody(shop: Shop, line: Line) -> None:
    assert _customers(shop(later=[line])) == []
    assert _label(shop(later=[Line(age=9), replace(line, age=-5)])) == 1


def test_a_free_line_adds_no_product_and_no_spend(shop: Shop) -> None:
    sql = shop(later=[Line(age=5), Line(age=5, stock_code="22222", price=0.0)])
    audit = sql.audit(D)
    assert (_feature(sql, "products_180d"), _feature(sql, "spend_180d")) == (1, 1.0)
    assert (audit["lines_with_price_not_positive"], audit["purchase_lines_kept"], audit["lines_kept"]) == (1, 1, 2)


# ---------------------------------------------------------------------------------------------------------------------
# Where a day belongs


@pytest.mark.parametrize(
    ("age", "clock", "label"),
    [
        (0, time(0, 0), 0),
        (0, time(23, 59), 0),
        (-89, time(0, 0), 0),
        (-89, time(23, 59), 0),
        (-90, time(0, 0), 1),
        (1, time(23, 59), 1),
    ],
    ids=["D at midnight", "D", "D+89", "D+89, last minute", "D+90 at midnight", "D-1"],
)
@pytest.mark.parametrize("file", ["earlier", "later"])
def test_a_purchase_counts_for_the_label_from_the_date_to_89_days_later(
    shop: Shop, file: str, age: int, clock: time, label: int
) -> None:
    lines = [Line(age=10), Line(age=age, clock=clock, invoice="500002")]
    assert _label(shop(**{file: lines})) == label


def test_a_purchase_on_the_date_itself_changes_no_feature(shop: Shop) -> None:
    known = [Line(age=10)]
    with_today = _features(shop(later=[*known, Line(age=0, clock=time(0, 0), invoice="500002")]))
    assert_frame_equal(with_today, _features(shop(later=known)))


def test_labels_and_snapshot_have_the_same_population(shop: Shop) -> None:
    sql = shop(later=[Line(age=180, customer=1), Line(age=181, customer=2), Line(age=-1, customer=3)])
    assert sql.labels(D, key="customer_id", horizon_days=90).to_dict(as_series=False) == {
        "customer_id": [1],
        "label": [1],
    }
    assert _customers(sql) == [1]


@pytest.mark.parametrize(
    ("name", "last_age"), [("purchases_30d", 30), ("purchases_90d", 90), ("spend_30d", 30), ("spend_90d", 90)]
)
def test_a_window_of_n_days_ends_with_age_n(shop: Shop, name: str, last_age: int) -> None:
    yesterday = Line(age=1, clock=time(23, 59))
    inside, outside = Line(age=last_age, invoice="500002"), Line(age=last_age + 1, invoice="500003")
    assert _feature(shop(later=[yesterday, inside, outside]), name) == 2


@pytest.mark.parametrize(("ages", "months"), [((1, 30), 1), ((30, 31), 2), ((1, 180), 2)])
def test_a_month_is_30_days_back_from_the_date(shop: Shop, ages: tuple[int, ...], months: int) -> None:
    assert (
        _feature(shop(later=[Line(age=age, invoice=str(500_000 + age)) for age in ages]), "active_months_180d")
        == months
    )


def test_the_rhythm_of_a_customer_worked_by_hand(shop: Shop) -> None:
    ages = [10, 10, 40, 60, 120, 310]
    found = _features(shop(later=[Line(age=age, invoice=str(500_000 + n)) for n, age in enumerate(ages)]))
    expected = {
        "recency_days": 10,
        "tenure_days": 310,
        "last_gap_days": 30,
        "longest_gap_days": 190,
        "mean_gap_days": 75.0,
        "recency_to_mean_gap": 10 / 75,
        "recency_to_longest_gap": 10 / 190,
        "purchases_30d": 2,
        "purchases_90d": 4,
        "purchases_180d": 5,
        "purchases_90d_share": 0.8,
        "purchase_days_180d": 4,
        "active_months_180d": 3,
        "earlier_purchase_days": 1,
        "purchase_days_per_30d": 150 / 310,
    }
    assert found.select(*expected).row(0, named=True) == pytest.approx(expected)


def test_one_purchase_day_has_no_gap_and_no_other_unknown(shop: Shop) -> None:
    found = _features(shop(later=[Line(age=10), Line(age=10, invoice="500002")])).row(0, named=True)
    unknown = {name for name, value in found.items() if value is None}
    assert unknown == {feature.name for feature in DATASET.features if feature.nullable}


def test_country_is_the_last_purchases_and_small_markets_are_one_level(shop: Shop) -> None:
    moved = [
        Line(age=9, customer=1, country="France"),
        Line(age=3, customer=1, country="Germany"),
        Line(age=1, customer=1, country="France", invoice="C500003", quantity=-1),
    ]
    sql = shop(later=[*moved, Line(age=2, customer=2, country="Iceland")])
    assert _features(sql)["country"].to_list() == ["Germany", "other"]


# ---------------------------------------------------------------------------------------------------------------------
# The real shop


@needs_real_data
def test_all_real_lines_are_accounted_for_as_published(real: Sql) -> None:
    audit = real.audit(date(2011, 12, 10))
    assert audit == {
        "lines_read": 525_461 + 541_909,
        "overlap_lines": 22_523,
        "overlap_lines_unmatched": 0,
        "lines_merged": 1_044_847,
        "duplicate_lines": 11_812,
        "lines_without_customer": 235_287,
        "duplicate_lines_without_customer": 136,
        "cancellation_lines": 19_165,
        "lines_with_negative_quantity": 22_557,
        "lines_with_price_not_positive": 6_029,
        "lines_kept": 797_884,
        "purchase_lines_kept": 779_424,
        "cancellation_lines_kept": 18_390,
        "invoices": 44_876,
        "customers": 5_942,
    }
    left_out = audit["duplicate_lines"] + audit["lines_without_customer"] - audit["duplicate_lines_without_customer"]
    assert audit["lines_kept"] == audit["lines_merged"] - left_out


@needs_real_data
@pytest.mark.parametrize("day", [date(2010, 6, 1), date(2010, 12, 5), date(2011, 6, 1)])
def test_forgetting_the_future_changes_no_real_feature(real: Sql, tmp_path: Path, day: date) -> None:
    day_text = pl.col("InvoiceDate").cast(pl.String).str.slice(0, 10)
    for name in (EARLIER, LATER):
        kept = pl.read_parquet(REAL / f"{name}.parquet").filter(day_text < day.isoformat())
        kept.write_parquet(tmp_path / f"{name}.parquet", compression="uncompressed")
    forgetful = _sql(tmp_path, spill=tmp_path)
    assert_frame_equal(_features(forgetful, day), _features(real, day))


@needs_real_data
def test_real_features_are_the_same_with_one_thread_and_with_two(real: Sql, tmp_path: Path) -> None:
    assert_frame_equal(_features(_sql(REAL, spill=tmp_path, threads=1)), _features(real))


@needs_real_data
@pytest.mark.parametrize("day", [date(2010, 12, 6), date(2011, 6, 1)])
def test_real_features_and_labels_agree_with_a_second_way_to_count_them(real: Sql, day: date) -> None:
    expected = _counted_with_polars(day)
    labels = real.labels(day, key="customer_id", horizon_days=90)
    found = _features(real, day).join(labels.cast({"label": pl.Int64}), on="customer_id", maintain_order="left")
    assert_frame_equal(found.select(expected.columns), expected)


@needs_real_data
@pytest.mark.parametrize("day", [date(2010, 5, 30), date(2011, 1, 24), date(2011, 7, 8), date(2011, 12, 10)])
def test_the_contract_holds_on_hard_real_days(real: Sql, day: date) -> None:
    # 2011-01-18: 77,184 pounds ordered and cancelled; 2011-06-10: 38,970 cancelled; 2011-12-09: 168,470 both.
    assert _features(real, day).height > 2_000


def _counted_with_polars(day: date) -> pl.DataFrame:
    lines = _real_lines()
    known = lines.filter(pl.col("day") < day).with_columns(age=(day - pl.col("day")).dt.total_days())
    bought, recent = known.filter("is_purchase"), known.filter(pl.col("age") <= 180)
    customers = bought.group_by("customer_id").agg(recency_days=pl.col("age").min(), tenure_days=pl.col("age").max())
    counts = (
        recent.filter("is_purchase")
        .group_by("customer_id")
        .agg(
            purchases_180d=pl.col("invoice").n_unique(),
            purchase_days_180d=pl.col("age").n_unique(),
            products_180d=pl.col("stock_code").n_unique(),
            active_months_180d=((pl.col("age") - 1) // 30).n_unique(),
        )
    )
    spend = recent.group_by("customer_id").agg(spend_180d=pl.col("thousandths").sum() / 1000)
    buyers = lines.filter("is_purchase", pl.col("day").is_between(day, day + timedelta(days=89)))
    return (
        customers.filter(pl.col("recency_days") <= 180)
        .join(counts, on="customer_id")
        .join(spend, on="customer_id")
        .with_columns(label=pl.col("customer_id").is_in(buyers["customer_id"].unique().implode()).not_().cast(pl.Int64))
        .with_columns(pl.col("^.*_(180d|days)$").exclude("spend_180d").cast(pl.Int64))
        .sort("customer_id")
    )


def _real_lines() -> pl.DataFrame:
    earlier, later = (pl.read_parquet(REAL / f"{name}.parquet") for name in (EARLIER, LATER))
    earlier = earlier.with_columns(pl.col("InvoiceDate").str.to_datetime("%Y-%m-%d %H:%M:%S"))
    earlier.columns = later.columns
    clock = pl.col("InvoiceDate").cast(pl.Datetime("us"))
    merged = pl.concat([frame.with_columns(clock) for frame in (earlier, later)])
    # The published overlap is the same lines twice: an exact duplicate either way, so one `unique` does both.
    return (
        merged.filter(pl.col("CustomerID").is_not_null())
        .unique()
        .select(
            pl.col("CustomerID").cast(pl.Int64).alias("customer_id"),
            pl.col("InvoiceNo").alias("invoice"),
            pl.col("StockCode").alias("stock_code"),
            pl.col("InvoiceDate").dt.date().alias("day"),
            (pl.col("Quantity") * (pl.col("UnitPrice") * 1000).round().cast(pl.Int64)).alias("thousandths"),
            (~pl.col("InvoiceNo").str.starts_with("C") & (pl.col("Quantity") > 0) & (pl.col("UnitPrice") > 0)).alias(
                "is_purchase"
            ),
        )
    )
