-- grain: one row per customer of as_of
-- counts, days and cents, all integers, so that the same rows give the same bytes. An age of 1 is yesterday; a window
-- of n days holds the ages 1 to n. Null is unknown: no row, or a feed that left the column out.
with
aged_usage as (
    select
        customer_id,
        cast(sessions as integer) as sessions,
        cast(minutes as integer) as minutes,
        isodow(date) >= 6 as is_weekend,
        cast(getvariable('as_of') as date) - date as age_days
    from usage
    where
        date >= cast(getvariable('as_of') as date) - 90
        and date < cast(getvariable('as_of') as date)
),

usage_totals as (
    select
        customer_id,
        min(age_days) as last_session_age_days,
        arg_min_null(minutes, age_days) as last_active_day_minutes,
        count(*) filter (where age_days <= 30) as active_days_30d,
        count(*) as active_days_90d,
        sum(sessions) filter (where age_days <= 7) as sessions_7d,
        sum(sessions) filter (where age_days <= 14) as sessions_14d,
        sum(sessions) filter (where age_days <= 30) as sessions_30d,
        sum(sessions) filter (where age_days between 31 and 60) as sessions_31_60d,
        sum(sessions) filter (where age_days <= 28) as sessions_28d,
        sum(sessions) filter (where age_days <= 28 and is_weekend) as weekend_sessions_28d,
        sum(sessions) as sessions_90d,
        sum(minutes) filter (where age_days <= 30) as minutes_30d,
        sum(sessions) filter (where age_days <= 30 and minutes is not null) as timed_sessions_30d
    from aged_usage
    group by customer_id
),

payment_totals as (
    select
        customer_id,
        sum(cast(amount_cents as bigint)) filter (where status = 'paid') as total_spend_cents,
        count(*) filter (where status = 'paid' and amount_cents is not null) as months_active
    from payments
    where date < cast(getvariable('as_of') as date)
    group by customer_id
),

aged_payments as (
    select
        customer_id,
        plan,
        cast(amount_cents as bigint) as amount_cents,
        status = 'failed' as is_failed,
        cast(getvariable('as_of') as date) - date as age_days
    from payments
    where
        date >= cast(getvariable('as_of') as date) - 90
        and date < cast(getvariable('as_of') as date)
),

recent_payments as (
    select
        customer_id,
        arg_min(plan, age_days) as plan,
        arg_max(plan, age_days) as earliest_plan_90d,
        arg_min_null(amount_cents, age_days) as last_amount_cents,
        arg_min(is_failed, age_days) as is_last_failed,
        count(*) filter (where age_days <= 30) as payment_attempts_30d,
        count(*) filter (where is_failed and age_days <= 30) as failed_payments_30d,
        count(*) filter (where is_failed) as failed_payments_90d,
        min(age_days) filter (where is_failed) as last_failure_age_days,
        sum(amount_cents) filter (where not is_failed) as spend_cents_90d
    from aged_payments
    group by customer_id
),

aged_contacts as (
    select
        customer_id,
        topic in ('technical', 'billing') as is_complaint,
        cast(getvariable('as_of') as date) - date as age_days
    from support_contacts
    where
        date >= cast(getvariable('as_of') as date) - 90
        and date < cast(getvariable('as_of') as date)
),

contact_totals as (
    select
        customer_id,
        count(*) filter (where age_days <= 30) as support_contacts_30d,
        count(*) as support_contacts_90d,
        count(*) filter (where is_complaint and age_days <= 30) as complaints_30d,
        count(*) filter (where is_complaint) as complaints_90d,
        min(age_days) filter (where is_complaint) as last_complaint_age_days
    from aged_contacts
    group by customer_id
)

select
    population.customer_id,
    population.channel,
    population.region,
    population.payment_method,
    coalesce(recent_payments.plan, population.signup_plan) as plan,
    coalesce(recent_payments.earliest_plan_90d, population.signup_plan) as earliest_plan_90d,
    cast(cast(getvariable('as_of') as date) - population.signup_date as bigint) as tenure_days,
    cast(payment_totals.total_spend_cents as bigint) as total_spend_cents,
    coalesce(payment_totals.months_active, 0) as months_active,
    recent_payments.last_amount_cents,
    coalesce(recent_payments.is_last_failed, false) as is_last_failed,
    coalesce(recent_payments.payment_attempts_30d, 0) as payment_attempts_30d,
    coalesce(recent_payments.failed_payments_30d, 0) as failed_payments_30d,
    coalesce(recent_payments.failed_payments_90d, 0) as failed_payments_90d,
    cast(recent_payments.last_failure_age_days as bigint) as last_failure_age_days,
    cast(recent_payments.spend_cents_90d as bigint) as spend_cents_90d,
    cast(usage_totals.last_session_age_days as bigint) as last_session_age_days,
    cast(usage_totals.last_active_day_minutes as bigint) as last_active_day_minutes,
    coalesce(usage_totals.active_days_30d, 0) as active_days_30d,
    coalesce(usage_totals.active_days_90d, 0) as active_days_90d,
    cast(coalesce(usage_totals.sessions_7d, 0) as bigint) as sessions_7d,
    cast(coalesce(usage_totals.sessions_14d, 0) as bigint) as sessions_14d,
    cast(coalesce(usage_totals.sessions_30d, 0) as bigint) as sessions_30d,
    cast(coalesce(usage_totals.sessions_31_60d, 0) as bigint) as sessions_31_60d,
    cast(coalesce(usage_totals.sessions_90d, 0) as bigint) as sessions_90d,
    cast(coalesce(usage_totals.sessions_28d, 0) as bigint) as sessions_28d,
    cast(coalesce(usage_totals.weekend_sessions_28d, 0) as bigint) as weekend_sessions_28d,
    cast(usage_totals.minutes_30d as bigint) as minutes_30d,
    cast(usage_totals.timed_sessions_30d as bigint) as timed_sessions_30d,
    coalesce(contact_totals.support_contacts_30d, 0) as support_contacts_30d,
    coalesce(contact_totals.support_contacts_90d, 0) as support_contacts_90d,
    coalesce(contact_totals.complaints_30d, 0) as complaints_30d,
    coalesce(contact_totals.complaints_90d, 0) as complaints_90d,
    cast(contact_totals.last_complaint_age_days as bigint) as last_complaint_age_days
from population
left join payment_totals on population.customer_id = payment_totals.customer_id
left join recent_payments on population.customer_id = recent_payments.customer_id
left join usage_totals on population.customer_id = usage_totals.customer_id
left join contact_totals on population.customer_id = contact_totals.customer_id
