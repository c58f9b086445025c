-- grain: one row, the first and the last day before as_of with both feeds that bring rows every day; null where there
-- is none. Payments that stopped three days ago are as much a gap as use that did.
with
usage_days as (
    select
        min(date) as first_day,
        max(date) as last_day
    from usage
    where date < cast(getvariable('as_of') as date)
),

payment_days as (
    select
        min(date) as first_day,
        max(date) as last_day
    from payments
    where date < cast(getvariable('as_of') as date)
)

select
    case when payment_days.first_day is not null then greatest(usage_days.first_day, payment_days.first_day) end
        as first_day,
    case when payment_days.last_day is not null then least(usage_days.last_day, payment_days.last_day) end as last_day
from usage_days
cross join payment_days
