-- grain: one row of counts over the rows before as_of (feeds: of the 90 days before it), for a person to look at
-- last_day is the day before as_of. Should be 0: customers_signed_up_twice, duplicate_payments,
-- payments_without_amount, usage_without_minutes, usage_repeated_last_day (equal to a row of the day before;
-- chance makes a few) and unknown_customers_90d.
with
recent_usage as (
    select
        customer_id,
        sessions,
        minutes,
        cast(getvariable('as_of') as date) - date as age_days
    from usage
    where
        date >= cast(getvariable('as_of') as date) - 90
        and date < cast(getvariable('as_of') as date)
),

recent_payments as (
    select
        customer_id,
        date,
        amount_cents,
        status
    from payments
    where
        date >= cast(getvariable('as_of') as date) - 90
        and date < cast(getvariable('as_of') as date)
),

recent_contacts as (
    select customer_id
    from support_contacts
    where
        date >= cast(getvariable('as_of') as date) - 90
        and date < cast(getvariable('as_of') as date)
),

signup_totals as (
    select
        count(*) as customers_signed_up,
        count(*) - count(distinct customer_id) as customers_signed_up_twice
    from customers
    where date < cast(getvariable('as_of') as date)
),

leaver_totals as (
    select count(*) as cancellations
    from cancellations
    where date < cast(getvariable('as_of') as date)
),

population_totals as (
    select count(*) as customers
    from population
),

usage_totals as (
    select
        count(*) as usage_rows_90d,
        count(*) filter (where minutes is null) as usage_without_minutes,
        count(*) filter (where age_days = 1) as usage_rows_last_day,
        count(*) filter (where age_days = 8) as usage_rows_a_week_before_last_day
    from recent_usage
),

last_days as (
    select
        customer_id,
        sessions,
        minutes,
        age_days
    from recent_usage
    where age_days <= 2
),

repeats as (
    select customer_id
    from last_days
    group by customer_id, sessions, minutes
    having min(age_days) = 1 and max(age_days) = 2
),

repeat_totals as (
    select count(*) as usage_repeated_last_day
    from repeats
),

payment_totals as (
    select
        count(*) as payment_rows_90d,
        count(*) filter (where status = 'failed') as failed_payments_90d,
        count(*) filter (where amount_cents is null) as payments_without_amount,
        count(*) - count(distinct row(customer_id, date)) as duplicate_payments
    from recent_payments
),

contact_totals as (
    select count(*) as support_contacts_90d
    from recent_contacts
),

feed_customers as (
    select customer_id
    from recent_usage
    union
    select customer_id
    from recent_payments
    union
    select customer_id
    from recent_contacts
),

known_customers as (
    select customer_id
    from customers
    where date < cast(getvariable('as_of') as date)
),

unknown_totals as (
    select count(*) as unknown_customers_90d
    from feed_customers
    anti join known_customers on feed_customers.customer_id = known_customers.customer_id
)

select
    signup_totals.customers_signed_up,
    signup_totals.customers_signed_up_twice,
    leaver_totals.cancellations,
    population_totals.customers,
    usage_totals.usage_rows_90d,
    usage_totals.usage_rows_last_day,
    usage_totals.usage_rows_a_week_before_last_day,
    usage_totals.usage_without_minutes,
    repeat_totals.usage_repeated_last_day,
    payment_totals.payment_rows_90d,
    payment_totals.failed_payments_90d,
    payment_totals.payments_without_amount,
    payment_totals.duplicate_payments,
    contact_totals.support_contacts_90d,
    unknown_totals.unknown_customers_90d
from signup_totals
cross join leaver_totals
cross join population_totals
cross join usage_totals
cross join repeat_totals
cross join payment_totals
cross join contact_totals
cross join unknown_totals
