-- grain: one row per customer who had signed up before as_of and had not left before it
with
leavers as (
    select distinct customer_id
    from cancellations
    where date < cast(getvariable('as_of') as date)
)

select
    customers.customer_id,
    customers.signup_date,
    customers.plan as signup_plan,
    customers.channel,
    customers.region,
    customers.age_band
from customers
anti join leavers on customers.customer_id = leavers.customer_id
where customers.date < cast(getvariable('as_of') as date)
