-- grain: one row per customer of as_of: signed up before it, with no cancellation that took effect before it
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
    customers.payment_method,
    customers.age_band
from customers
anti join leavers on customers.customer_id = leavers.customer_id
where customers.date < cast(getvariable('as_of') as date)
