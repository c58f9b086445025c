"""What do raw days of any size look like? `python -m benchmarks.raw_events RAW CUSTOMERS EVENTS DAYS`.

Every value is a hash of customer, day and seed, so that a day is written by itself, streamed by DuckDB, and memory does
not grow with the customers. Usage fills up what the other tables leave of `EVENTS`.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

FIRST = date(2025, 1, 1)

# One customer in 25 signs up after the first day; one in 20 leaves at some time, part of them after the last day.
_MACROS = """
create macro draw(what, id, n) as cast(hash('seed 1', what, id) % n as integer);
create macro joins(id) as if(id % 25 = 0, 1 + draw('joins', id, getvariable('days') - 1), 0);
create macro leaves(id) as if(draw('leaves', id, 20) = 0, joins(id) + 1 + draw('left', id, getvariable('days')), 9999);
create macro is_customer(id, day) as joins(id) <= day and day < leaves(id);
create macro plan_rank(id, day) as
    (draw('plan', id, 3) + if(draw('moves', id, 50) = 0 and day >= draw('moved', id, getvariable('days')), 1, 0)) % 3;
create macro plan_of(rank) as (['basic', 'standard', 'premium'])[rank + 1];
create macro cents_of(rank) as ([999, 1999, 2999])[rank + 1];
create macro failed(id, day) as draw(day, id, 33) = 0;
create table leavers as
    select id, leaves(id) as day from range(1, getvariable('customers') + 1) t(id) where leaves(id) < 9999;
"""

_CUSTOMERS = """
select
    id as customer_id,
    getvariable('first') + {day} - if({day} = 0, draw('tenure', id, 1000), 0) as signup_date,
    plan_of(plan_rank(id, {day})) as plan,
    (['organic', 'paid_search', 'partner', 'referral'])[1 + draw('channel', id, 4)] as channel,
    (['east', 'north', 'south', 'west'])[1 + draw('region', id, 4)] as region,
    (['card', 'direct_debit', 'wallet'])[1 + draw('payment', id, 3)] as payment_method,
    (['18-29', '30-44', '45-59', '60+'])[1 + draw('age', id, 4)] as age_band
from range(if({day} = 0, 1, 25), getvariable('customers') + 1, if({day} = 0, 1, 25)) t(id)
where joins(id) = {day}
"""

# Everyone pays every 30 days; what failed is tried again three days later.
_PAYMENTS = """
select
    id as customer_id,
    plan_of(plan_rank(id, {day})) as plan,
    cents_of(plan_rank(id, {day})) as amount_cents,
    if(attempt = 1 and failed(id, {day}) or attempt = 2 and draw('again', id, 3) = 0, 'failed', 'paid') as status,
    attempt
from (
    select id, 1 as attempt from range(1 + {day} % 30, getvariable('customers') + 1, 30) t(id)
    where is_customer(id, {day})
    union all
    select id, 2 as attempt from range(1 + ({day} + 27) % 30, getvariable('customers') + 1, 30) t(id)
    where joins(id) <= {day} - 3 and {day} < leaves(id) and failed(id, {day} - 3)
)
"""

_CONTACTS = """
select id as customer_id, (['billing', 'how_to', 'technical'])[1 + draw({day}, -id, 3)] as topic
from (
    select cast(1 + hash({day}, k) % getvariable('customers') as bigint) as id
    from range(getvariable('customers') // 500) t(k)
)
where is_customer(id, {day})
"""

_CANCELLATIONS = """
select id as customer_id, (['not_used', 'other', 'price', 'service'])[1 + draw('reason', id, 4)] as reason
from leavers where day = {day}
"""

# Half of the rows are of every tenth customer. A step by a prime over all numbers meets none twice, in no order; who
# has left or is not there yet is met, too, and features have to leave them out.
_USAGE = """
select
    id as customer_id,
    1 + draw({day}, id, 6) * draw('busy', id, 4) as sessions,
    draw({day}, id, 1441) // 4 as minutes
from (
    select 10 * ((k + {day} * {rows}) * 2654435761 % (getvariable('customers') // 10)) + 1 as id
    from range({rows} // 2) t(k)
    union all
    select 10 * (j // 9) + j % 9 + 2 as id
    from (
        select (k + {day} * {rows}) * 2654435761 % (getvariable('customers') // 10 * 9) as j
        from range({rows} - {rows} // 2) t(k)
    )
)
"""

_OTHERS = {
    "customers": _CUSTOMERS,
    "payments": _PAYMENTS,
    "support_contacts": _CONTACTS,
    "cancellations": _CANCELLATIONS,
}


def write_raw(raw: Path, *, customers: int, events: int, days: int) -> dict[str, int]:
    """Writes `date=D/<table>.parquet` for `days` days from FIRST under `raw` and returns the rows of each table.

    `customers` is a multiple of 10; the tables together have `events` rows.
    """
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "2GB", "temp_directory": str(raw / ".spill")})
    for name, value in {"customers": customers, "days": days}.items():
        connection.execute(f"set variable {name} = {value}")
    connection.execute(f"set variable first = date '{FIRST}'")
    connection.execute(_MACROS)
    rows = dict.fromkeys((*_OTHERS, "usage"), 0)
    for day in range(days):
        for name, sql in _OTHERS.items():
            rows[name] += _write(connection, raw, day, name=name, sql=sql.format(day=day))
    left = events - sum(rows.values())
    for day in range(days):
        part = left * (day + 1) // days - left * day // days
        rows["usage"] += _write(connection, raw, day, name="usage", sql=_USAGE.format(day=day, rows=part))
    return rows


def _write(connection: duckdb.DuckDBPyConnection, raw: Path, day: int, *, name: str, sql: str) -> int:
    path = raw / f"date={FIRST + timedelta(days=day)}" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    found = connection.execute(f"copy ({sql}) to '{path}' (format parquet, compression zstd)").fetchall()
    return int(found[0][0])


if __name__ == "__main__":
    for table, count in write_raw(
        Path(sys.argv[1]), customers=int(sys.argv[2]), events=int(sys.argv[3]), days=int(sys.argv[4])
    ).items():
        print(f"{table} {count}")
