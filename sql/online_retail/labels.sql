-- grain: one row per customer of the snapshot; label 1 = no purchase in [as_of, as_of + horizon_days)
-- the only file that looks past as_of. Overlap and duplicates cannot change whether there was a purchase.
with
sold_lines as (
    select
        "customer id" as customer_id,
        invoice,
        quantity,
        cast(round(price * 1000) as bigint) as price_tenth_pence,
        cast(invoicedate as timestamp) as invoiced_at
    from year_2009_2010
    union all
    select
        customerid as customer_id,
        invoiceno as invoice,
        quantity,
        cast(round(unitprice * 1000) as bigint) as price_tenth_pence,
        cast(invoicedate as timestamp) as invoiced_at
    from year_2010_2011
),

buyers as (
    select distinct cast(customer_id as bigint) as customer_id
    from sold_lines
    where
        invoiced_at >= cast(getvariable('as_of') as date)
        and invoiced_at < cast(getvariable('as_of') as date) + cast(getvariable('horizon_days') as integer)
        and not starts_with(invoice, 'C')
        and quantity > 0
        and price_tenth_pence > 0
)

select
    snapshot.customer_id,
    cast(buyers.customer_id is null as integer) as label
from snapshot
left join buyers on snapshot.customer_id = buyers.customer_id
