-- grain: one row per customer with a purchase in the 180 days before as_of
-- counts, days and tenths of a penny, all integers, so that the same lines give the same bytes. An age of 1 is
-- yesterday; a window of n days holds the ages 1 to n. Spend is net of cancellations, which are no purchases.
with
aged_lines as (
    select
        customer_id,
        invoice,
        stock_code,
        country,
        quantity,
        amount_tenth_pence,
        is_purchase,
        is_cancellation,
        cast(getvariable('as_of') as date) - invoiced_on as age_days
    from invoice_lines
),

recent_invoices as (
    select
        customer_id,
        invoice,
        age_days,
        bool_or(is_purchase) as is_purchase,
        bool_or(is_cancellation) as is_cancellation,
        count(*) filter (where is_purchase) as purchase_lines,
        sum(quantity) filter (where is_purchase) as units,
        sum(amount_tenth_pence) as amount_tenth_pence,
        sum(-amount_tenth_pence) filter (where is_cancellation) as cancelled_tenth_pence,
        max(country) as country,
        (age_days - 1) // 30 as months_back
    from aged_lines
    where age_days <= 180
    group by customer_id, invoice, age_days
),

recent_totals as (
    select
        customer_id,
        first(country order by age_days asc, invoice desc) filter (where is_purchase) as country,
        count(*) filter (where is_purchase and age_days <= 30) as purchases_30d,
        count(*) filter (where is_purchase and age_days <= 90) as purchases_90d,
        count(*) filter (where is_purchase) as purchases_180d,
        count(*) filter (where is_cancellation) as cancellations_180d,
        count(distinct months_back) filter (where is_purchase) as active_months_180d,
        sum(purchase_lines) as purchase_lines_180d,
        sum(units) as units_180d,
        sum(amount_tenth_pence) filter (where age_days <= 30) as spend_tenth_pence_30d,
        sum(amount_tenth_pence) filter (where age_days <= 90) as spend_tenth_pence_90d,
        sum(amount_tenth_pence) as spend_tenth_pence_180d,
        sum(cancelled_tenth_pence) as cancelled_tenth_pence_180d,
        max(amount_tenth_pence) as largest_invoice_tenth_pence_180d
    from recent_invoices
    group by customer_id
),

recent_products as (
    select
        customer_id,
        count(distinct stock_code) as products_180d,
        count(distinct stock_code) filter (where age_days <= 90) as products_90d
    from aged_lines
    where is_purchase and age_days <= 180
    group by customer_id
),

purchase_days as (
    select distinct
        customer_id,
        age_days
    from aged_lines
    where is_purchase
),

purchase_gaps as (
    select
        customer_id,
        age_days,
        lead(age_days) over (partition by customer_id order by age_days) - age_days as gap_days,
        row_number() over (partition by customer_id order by age_days) as days_back
    from purchase_days
),

rhythms as (
    select
        customer_id,
        min(age_days) as last_purchase_age_days,
        max(age_days) as first_purchase_age_days,
        max(age_days) filter (where age_days <= 180) as first_purchase_age_days_180d,
        count(*) as purchase_days,
        count(*) filter (where age_days <= 180) as purchase_days_180d,
        max(gap_days) as longest_gap_days,
        max(gap_days) filter (where days_back = 1) as last_gap_days
    from purchase_gaps
    group by customer_id
    having min(age_days) <= 180
)

select
    rhythms.customer_id,
    recent_totals.country,
    cast(rhythms.last_purchase_age_days as bigint) as last_purchase_age_days,
    cast(rhythms.first_purchase_age_days as bigint) as first_purchase_age_days,
    cast(rhythms.first_purchase_age_days_180d as bigint) as first_purchase_age_days_180d,
    rhythms.purchase_days,
    rhythms.purchase_days_180d,
    cast(rhythms.longest_gap_days as bigint) as longest_gap_days,
    cast(rhythms.last_gap_days as bigint) as last_gap_days,
    recent_totals.purchases_30d,
    recent_totals.purchases_90d,
    recent_totals.purchases_180d,
    recent_totals.cancellations_180d,
    recent_totals.active_months_180d,
    cast(recent_totals.purchase_lines_180d as bigint) as purchase_lines_180d,
    cast(recent_totals.units_180d as bigint) as units_180d,
    recent_products.products_90d,
    recent_products.products_180d,
    cast(coalesce(recent_totals.spend_tenth_pence_30d, 0) as bigint) as spend_tenth_pence_30d,
    cast(coalesce(recent_totals.spend_tenth_pence_90d, 0) as bigint) as spend_tenth_pence_90d,
    cast(recent_totals.spend_tenth_pence_180d as bigint) as spend_tenth_pence_180d,
    cast(coalesce(recent_totals.cancelled_tenth_pence_180d, 0) as bigint) as cancelled_tenth_pence_180d,
    cast(recent_totals.largest_invoice_tenth_pence_180d as bigint) as largest_invoice_tenth_pence_180d
from rhythms
inner join recent_totals on rhythms.customer_id = recent_totals.customer_id
inner join recent_products on rhythms.customer_id = recent_products.customer_id
