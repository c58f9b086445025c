"""What comes in at night is judged once, row by row and day by day, before any feature reads it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from benchmarks.model_quality import settings_of
from churn.doors import Doors
from churn.raw_days import bring
from churn.stores.lake import Lake, Manifest, Partition
from tests.command import Ran, churn, copied, done, published

NIGHT = "2025-04-02"
LAST = "2025-04-01"
LATER = date(2025, 4, 9)
FEATURES = ("stage=features", f"date={NIGHT}")
Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def begun(taken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with raw days to 2025-04-08, those before 2025-04-01 in the lake; not to be written to."""
    root = tmp_path_factory.mktemp("begun") / "lake"
    for kind, days in (("raw", 98), ("tables", 90)):
        for path in sorted((taken / kind / "subscription").glob("date=*"))[:days]:
            shutil.copytree(path, root / kind / "subscription" / path.name)
    done("stage=features", f"date={LAST}", root=root)
    return root


@pytest.fixture
def root(begun: Path, tmp_path: Path) -> Path:
    return copied(begun, tmp_path / "lake")


def raw_file(root: Path, table: str, day: str = LAST) -> Path:
    return root / "raw" / "subscription" / f"date={day}" / f"{table}.parquet"


def change(root: Path, table: str, how: Change, day: str = LAST) -> None:
    path = raw_file(root, table, day)
    how(pl.read_parquet(path, hive_partitioning=False)).write_parquet(path)


def manifest(root: Path, kind: str, day: str) -> Manifest:
    found = Lake(root).manifest(Partition(kind=kind, dataset="subscription", day=date.fromisoformat(day)))
    assert found is not None
    return found


def first_row(column: str, value: object) -> Change:
    return lambda table: table.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
    )


PLANTED = [
    ("customers", "region", "atlantis", "region: one of east, north, south, west"),
    ("customers", "signup_date", date(2025, 12, 1), "signed up by the day of the row"),
    ("payments", "amount_cents", 30_000, "amount_cents: at most 20000"),
    ("payments", "amount_cents", 0, "a paid amount is above 0"),
    ("payments", "status", None, "status: null"),
    ("usage", "minutes", 9_999, "minutes: at most 1440"),
    ("usage", "sessions", 0, "sessions: at least 1"),
    ("support_contacts", "topic", "weather", "topic: one of billing, how_to, technical"),
    ("cancellations", "reason", None, "reason: null"),
]


@pytest.fixture(scope="module")
def planted(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran, list[str]]:
    """A root with one bad row of each kind, each on a day of its own; what the night said; those days."""
    root = copied(begun, tmp_path_factory.mktemp("planted") / "lake")
    free = [f"2025-03-{number:02}" for number in range(31, 0, -1)]
    days = []
    for table, column, value, _ in PLANTED:
        day = next(day for day in free if pl.read_parquet(raw_file(root, table, day)).height > 1)
        free.remove(day)
        change(root, table, first_row(column, value), day)
        days.append(day)
    return root, done(*FEATURES, root=root), days


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=[rule for *_, rule in PLANTED])
def test_a_planted_bad_row_is_put_aside_by_rule_and_the_night_goes_on(
    planted: tuple[Path, Ran, list[str]], number: int
) -> None:
    root, ran, days = planted
    (table, column, value, rule), day = PLANTED[number], days[number]
    rows = pl.read_parquet(raw_file(root, table, day)).height
    quarantine = pl.read_parquet(root / f"quarantine/subscription/date={day}/{table}.parquet", hive_partitioning=False)
    assert quarantine["rule"].to_list() == [rule]
    assert quarantine["run"].str.contains("-features-").all()
    assert quarantine[column].to_list() == [None if value is None else str(value)]
    facts = manifest(root, "tables", day).facts["tables"][table]
    assert facts == {"read": rows, "kept": rows - 1, "broken": {rule: 1}, "rows_hash": facts["rows_hash"]}
    assert manifest(root, "features", NIGHT).facts["quarantined"][f"{table}: {rule}"] == 1
    assert f"{table}: {rule} 1" in ran.out
    assert f"1 of {rows} rows of {table}: {rule} (1)" in ran.err


def test_above_its_limit_the_night_stops_and_names_the_worst_rules(root: Path) -> None:
    change(root, "usage", lambda table: table.with_columns(minutes=pl.col("minutes") + 2_000))
    before = published(root, "tables", "features", "quarantine")
    ran = churn(*FEATURES, root=root)
    rows = pl.read_parquet(raw_file(root, "usage"))
    assert ran.code == 3
    assert f"raw subscription {LAST}: usage: {len(rows)} of {len(rows)} rows (100.0%) break a rule" in ran.err
    assert f"minutes: at most 1440 ({len(rows)} rows)" in ran.err
    assert published(root, "tables", "features", "quarantine") == before


def test_a_raised_limit_lets_the_same_day_in(root: Path) -> None:
    change(
        root,
        "usage",
        lambda t: t.with_columns(minutes=pl.when(pl.col("customer_id") % 2 == 0).then(-1).otherwise("minutes")),
    )
    assert churn(*FEATURES, root=root).code == 3
    done(*FEATURES, "dataset.intake.quarantine_share=0.9", root=root)
    assert "nothing to do" in done(*FEATURES, root=root).err


FAULTS: list[tuple[str, str, Change, str]] = [
    ("a missing column", "usage", lambda t: t.drop("minutes"), "no column 'minutes'"),
    ("a renamed column", "usage", lambda t: t.rename({"minutes": "minute"}), "did you mean 'minute'?"),
    (
        "text where numbers were",
        "payments",
        lambda t: t.with_columns(pl.col("amount_cents").cast(pl.String)),
        "amount_cents",
    ),
    ("numbers where text was", "payments", lambda t: t.with_columns(plan=pl.lit(1)), "plan"),
    ("a day loaded twice", "payments", lambda t: pl.concat([t, t]), "the key customer_id stands there more than once"),
    ("one customer twice", "customers", lambda t: pl.concat([t, t.head(1)]), "the key customer_id stands there more"),
    ("an empty day", "usage", lambda t: t.clear(), "usage: no row, and it brings rows every day"),
    ("a truncated load", "usage", lambda t: t.head(t.height // 3), "far fewer than the usual"),
]


@pytest.mark.parametrize(
    ("table", "how", "message"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_a_fault_of_the_whole_table_stops_the_night(root: Path, table: str, how: Change, message: str) -> None:
    change(root, table, how)
    before = published(root, "tables", "features")
    ran = churn(*FEATURES, root=root)
    assert ran.code == 3
    assert message in ran.err
    assert f"date={LAST}/{table}.parquet" in ran.err or f"raw subscription {LAST}: {table}" in ran.err
    assert published(root, "tables", "features") == before


def test_the_same_rows_as_the_day_before_stop_the_night(root: Path) -> None:
    shutil.copy(raw_file(root, "usage", "2025-03-31"), raw_file(root, "usage"))
    ran = churn(*FEATURES, root=root)
    assert ran.code == 3
    assert "usage: the same " in ran.err
    assert "as on the raw day before" in ran.err


def test_days_before_the_bad_one_are_kept_and_the_next_run_goes_on_from_there(root: Path) -> None:
    broken = raw_file(root, "usage", "2025-04-03").read_bytes()
    change(root, "usage", lambda table: table.clear(), "2025-04-03")
    assert churn("stage=features", "date=2025-04-05", root=root).code == 3
    assert Lake(root).days("tables", "subscription")[-1] == date(2025, 4, 2)
    raw_file(root, "usage", "2025-04-03").write_bytes(broken)
    done("stage=features", "date=2025-04-05", root=root)
    assert Lake(root).days("tables", "subscription")[-1] == date(2025, 4, 4)


def test_a_day_has_the_same_bytes_alone_or_with_others(root: Path, tmp_path: Path) -> None:
    done(*FEATURES, root=root)
    other = tmp_path / "at once"
    for path in sorted((root / "raw" / "subscription").glob("date=*"))[-28:]:
        shutil.copytree(path, other / "raw" / "subscription" / path.name)
    bring(Doors(settings_of("stage=features", f"date={NIGHT}", f"root={other}", "resources.chunk_rows=2000")), LATER)
    before, at_once = published(root, "tables"), published(other, "tables")
    both = {name: content for name, content in at_once.items() if name in before}
    assert both == {name: before[name] for name in both}
    assert len({name.split("/")[2] for name in both}) == 21


def test_corrected_rows_leave_the_quarantine(root: Path) -> None:
    good = raw_file(root, "payments").read_bytes()
    change(root, "payments", first_row("amount_cents", -100))
    done(*FEATURES, root=root)
    assert (root / f"quarantine/subscription/date={LAST}").exists()
    raw_file(root, "payments").write_bytes(good)
    done(*FEATURES, root=root)
    assert not (root / f"quarantine/subscription/date={LAST}").exists()
    assert manifest(root, "features", NIGHT).facts["quarantined"] == {}


def test_a_day_that_its_source_forgets_stays_in_the_lake_and_is_told(root: Path) -> None:
    done(*FEATURES, root=root)
    before = published(root, "features", "tables")
    for path in (root / "raw" / "subscription").glob("date=2025-0[12]-*"):
        shutil.rmtree(path)
    ran = done(*FEATURES, root=root)
    assert "nothing to do" in ran.err
    assert "usage: its source has no longer 59 raw days from 2025-01-01 to 2025-02-28, kept as" in ran.err
    assert "usage: 59 raw days from 2025-01-01 to 2025-02-28" in " ".join(done("stage=status", root=root).out.split())
    assert published(root, "features", "tables") == before


def in_duckdb(root: Path, table: str) -> tuple[str, ...]:
    """Makes a DuckDB file the source of a table; returns the words for the command line."""
    with duckdb.connect(root / "shop.duckdb") as connection:
        files = root / "raw" / "subscription" / "date=*" / f"{table}.parquet"
        connection.execute(f"create table {table} as from read_parquet('{files}', hive_partitioning=true)")
    source = f"dataset.tables.{table}"
    return (f"{source}.kind=duckdb", f"{source}.path={root}/shop.duckdb", f"+{source}.table={table}")


def in_shop(root: Path, *statements: str) -> None:
    with duckdb.connect(root / "shop.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)


def rows_held(root: Path, table: str, day: str) -> int:
    return int(manifest(root, "tables", day).facts["tables"][table]["kept"])


def test_rows_that_are_deleted_at_the_source_leave_the_lake_and_make_later_nights_stale(root: Path) -> None:
    source = in_duckdb(root, "cancellations")
    done(*FEATURES, *source, root=root)
    assert rows_held(root, "cancellations", "2025-03-20") > 0
    assert rows_held(root, "cancellations", LAST) > 0
    gone = f"date in (date '2025-03-20', date '{LAST}')"
    # rows of 2025-03-20 are deleted, those of the last day are dated a day later than all that the source has
    in_shop(root, f"delete from cancellations where {gone}", "delete from cancellations where date > '2025-04-02'")
    assert "stale: raw day 2025-03-20, raw day 2025-04-01" in done("stage=status", *source, root=root).out
    ran = done(*FEATURES, *source, root=root)
    assert "cancellations: no row any more at its source of 2 raw days from 2025-03-20 to 2025-04-01" in ran.err
    assert rows_held(root, "cancellations", "2025-03-20") == rows_held(root, "cancellations", LAST) == 0
    assert "as it would be made now" in done("stage=status", *source, root=root).out


def test_rows_that_are_dated_anew_at_the_source_stand_in_the_lake_once(root: Path) -> None:
    source = in_duckdb(root, "cancellations")
    done(*FEATURES, *source, root=root)
    both = ("2025-03-20", "2025-03-21")
    held = sum(rows_held(root, "cancellations", day) for day in both)
    in_shop(root, "update cancellations set date = date '2025-03-21' where date = date '2025-03-20'")
    done(*FEATURES, *source, root=root)
    assert sum(rows_held(root, "cancellations", day) for day in both) == held


def test_a_source_that_has_become_empty_has_forgotten_and_says_so(root: Path) -> None:
    source = in_duckdb(root, "cancellations")
    done(*FEATURES, *source, root=root)
    before = published(root, "features", "tables")
    in_shop(root, "delete from cancellations")
    assert "raw table cancellations: its source has no longer" in done(*FEATURES, *source, root=root).err
    assert published(root, "features", "tables") == before


def test_a_day_before_the_first_is_refused_until_its_source_is_mended(root: Path) -> None:
    stray = root / "raw" / "subscription" / "date=1925-04-02"
    shutil.copytree(raw_file(root, "usage").parent, stray)
    ran = churn(*FEATURES, root=root)
    assert ran.code == 3
    assert "rows of 1925-04-02, and the dataset's first day is 2000-01-01" in ran.err
    shutil.rmtree(stray)
    done(*FEATURES, root=root)


def test_a_stray_day_that_got_in_is_told_with_the_way_out(root: Path) -> None:
    stray = root / "raw" / "subscription" / "date=2005-04-02"
    shutil.copytree(raw_file(root, "usage").parent, stray, ignore=shutil.ignore_patterns("customers*"))
    assert churn(*FEATURES, root=root).code == 3
    shutil.rmtree(stray)
    ran = churn(*FEATURES, root=root)
    place = root / "tables" / "subscription" / "date=2005-04-02"
    assert ran.code == 3
    assert f"if 2005-04-02 is a stray day, take it out of its source, then delete {place}" in ran.err
    shutil.rmtree(place)
    done(*FEATURES, root=root)


def test_rows_dated_after_today_are_left_alone_and_told(root: Path) -> None:
    shutil.copytree(raw_file(root, "usage").parent, root / "raw" / "subscription" / "date=2031-01-01")
    ran = done("stage=features", "date=auto", "catch_up_days=1", root=root)
    assert "rows dated after today are left alone, such as on 2031-01-01" in ran.err
    assert Lake(root).days("tables", "subscription")[-1] == date(2025, 4, 8)


def test_tables_that_the_dataset_does_not_declare_are_refused(root: Path) -> None:
    ran = churn(*FEATURES, "+dataset.tables.extra={kind: parquet, path: x}", root=root)
    assert ran.code == 2
    assert "extra" in ran.err
    assert "cancellations, customers, payments, support_contacts, usage" in ran.err


def without(root: Path, table: str, *, first: str) -> None:
    """Takes the files of a table away, from a day on."""
    for path in (root / "raw" / "subscription").glob(f"date=*/{table}.parquet"):
        if path.parent.name >= f"date={first}":
            path.unlink()


def test_auto_stops_where_a_daily_table_stays_away_while_another_comes(root: Path) -> None:
    without(root, "usage", first="2025-04-03")
    done("stage=features", "date=2025-04-03", root=root)
    ran = churn("stage=features", "date=auto", root=root)
    assert ran.code == 3
    assert "usage has no rows after 2025-04-02; " in ran.err
    assert "has them to 2025-04-08" in ran.err
    assert "usage" not in ran.err.split("; ")[1]


def test_auto_stops_where_all_daily_tables_stay_away_while_others_come(root: Path) -> None:
    without(root, "usage", first="2025-04-03")
    without(root, "payments", first="2025-04-03")
    ran = churn("stage=features", "date=auto", root=root)
    assert ran.code == 3
    assert "payments has no rows after 2025-04-02, usage has no rows after 2025-04-02" in ran.err


def test_auto_stops_where_all_feeds_stay_away_for_longer_than_they_may(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn.__main__._today", lambda: date(2025, 4, 11))
    auto = ("stage=features", "date=auto", "catch_up_days=1")
    done(*auto, "dataset.newest_day_within_days=3", root=root)
    ran = churn(*auto, "dataset.newest_day_within_days=2", root=root)
    assert ran.code == 3
    assert "the newest raw day is 3 days before today, 2025-04-11, and 2 are allowed: customers 2025-04-08, " in ran.err
    assert "usage 2025-04-08" in ran.err
    assert "set dataset.newest_day_within_days=null" in ran.err
    told = done(*auto, root=root).out.split("\n", 1)
    assert "nothing to do" in told[0]
    assert "newest raw day  2025-04-08, 3 days before today" in told[1]


def test_a_truncated_file_stops_the_night_and_says_that_nothing_of_its_day_was_published(root: Path) -> None:
    raw_file(root, "usage").write_bytes(raw_file(root, "usage").read_bytes()[:300])
    before = published(root, "tables", "features")
    ran = churn(*FEATURES, root=root)
    assert ran.code == 3
    assert f"date={LAST}/usage.parquet" in ran.err
    assert f"; nothing of {LAST} was published" in ran.err
    plain = root / "usage.parquet"
    shutil.copy(raw_file(root, "usage"), plain)
    ran = churn(*FEATURES, f"dataset.tables.usage.path={plain}", root=root)
    assert ran.code == 3
    assert "; no raw day is published before that" in ran.err
    assert published(root, "tables", "features") == before


def test_a_file_of_the_lake_that_was_cut_short_is_brought_again_and_told(root: Path) -> None:
    held = root / "tables" / "subscription" / "date=2025-03-10" / "usage.parquet"
    content = held.read_bytes()
    held.write_bytes(content[:100])
    ran = done("stage=features", f"date={LAST}", root=root)
    assert "WARNING tables/subscription/date=2025-03-10 is damaged, and not taken as there: " in ran.err
    assert f"{held} holds 100 of {len(content):,} bytes" in ran.err
    assert held.read_bytes() == content
    assert "WARNING" not in done("stage=features", f"date={LAST}", root=root).err


def test_a_file_that_came_on_every_day_before_and_does_not_come_stops_the_night(root: Path) -> None:
    without(root, "cancellations", first=LAST)
    ran = churn(*FEATURES, root=root)
    assert ran.code == 3
    assert f"raw subscription {LAST}: cancellations: no file, and 90 of the 90 raw days before have one" in ran.err


def test_a_table_that_often_brings_no_file_may_do_so(root: Path) -> None:
    for path in sorted((root / "raw" / "subscription").glob("date=*/support_contacts.parquet"))[1::10]:
        path.unlink()
    without(root, "support_contacts", first=LAST)
    done(*FEATURES, root=root)


def test_a_feed_whose_empty_days_were_accepted_is_refused_on_the_next(root: Path) -> None:
    days = [f"2025-04-{number:02}" for number in range(1, 9)]
    for day in days:
        change(root, "usage", lambda table: table.clear(), day)
    accepted = f"+dataset.intake.accept={{{', '.join(f'{day}: closed' for day in days[:7])}}}"
    ran = churn("stage=features", "date=2025-04-09", accepted, root=root)
    assert ran.code == 3
    assert "raw subscription 2025-04-08: usage: no row, and it brings rows every day" in ran.err


def test_the_words_that_the_error_tells_accept_the_day_for_as_long_as_its_rows_are_the_same(root: Path) -> None:
    change(root, "usage", lambda table: table.clear())
    (told,) = re.findall(r"add the reason .*: python -m churn (.*)", churn(*FEATURES, root=root).err)
    ran = done(*shlex.split(told.replace("the reason", "closed, as agreed: {a holiday}")), root=root)
    fault, reason = "usage: no row, and it brings rows every day", "closed, as agreed: {a holiday}"
    assert f"raw subscription {LAST}: {fault}; accepted: {reason}" in ran.err
    accepted = {"reason": reason, "faults": [fault]}
    assert manifest(root, "tables", LAST).facts["accepted"] == accepted
    change(root, "payments", lambda table: table.reverse())  # the same rows, in another file
    assert f"{fault}; accepted: {reason}" in done(*FEATURES, root=root).err
    assert manifest(root, "tables", LAST).facts["accepted"] == accepted
    for later in ("stage=features date=2025-04-04", "stage=status"):
        assert re.search(rf"accepted +{LAST} \({reason}\)\n", done(*later.split(), root=root).out)
    assert "accepted" not in done("stage=features", f"date={LAST}", root=root).out
    change(root, "payments", lambda table: table.head(table.height - 1))
    assert churn(*FEATURES, root=root).code == 3


@pytest.mark.parametrize(("is_forgotten", "told"), [(False, "it is brought once more"), (True, "from a backup")])
def test_a_raw_day_of_other_bytes_is_told_with_what_can_be_done(root: Path, is_forgotten: bool, told: str) -> None:
    day = "2025-01-02"
    held = root / "tables" / "subscription" / f"date={day}" / "usage.parquet"
    content = held.read_bytes()
    held.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of the same size
    for path in (root / "raw" / "subscription").glob("date=2025-01-0[123]") if is_forgotten else ():
        shutil.rmtree(path)
    ran = churn(*FEATURES, root=root)
    assert ran.code == 3
    assert f"{held}: missing, or not the bytes that were published" in ran.err
    assert told in ran.err
