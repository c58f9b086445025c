-- grain: one row per customer of as_of; label 1 = a cancellation takes effect in [as_of, as_of + horizon_days)
-- the only file that looks past as_of
with
leavers as (
    select distinct customer_id
    from cancellations
    where
        date >= cast(getvariable('as_of') as date)
        and date < cast(getvariable('as_of') as date) + cast(getvariable('horizon_days') as integer)
)

select
    population.customer_id,
    cast(leavers.customer_id is not null as integer) as label
from population
left join leavers on population.customer_id = leavers.customer_id
