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

-- greatest and least skip nulls: with either feed empty, comparing is what makes the answer null
select
    case
        when usage_days.first_day >= payment_days.first_day then usage_days.first_day
        when usage_days.first_day < payment_days.first_day then payment_days.first_day
    end as first_day,
    case
        when usage_days.last_day <= payment_days.last_day then usage_days.last_day
        when usage_days.last_day > payment_days.last_day then payment_days.last_day
    end as last_day
from usage_days
cross join payment_days
