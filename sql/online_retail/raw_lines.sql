-- grain: one row per line of either yearly file before as_of; duplicates and lines without a customer are still in it
-- both files under one schema (DuckDB ignores letter case in names). Prices have up to three decimals, so money is an
-- integer number of tenths of a penny. is_overlap marks the earlier file's lines of days that the later file holds too.
with
earlier_lines as (
    select
        invoice,
        stockcode as stock_code,
        description,
        quantity,
        cast(invoicedate as timestamp) as invoiced_at,
        cast(round(price * 1000) as bigint) as price_tenth_pence,
        cast("customer id" as bigint) as customer_id,
        country
    from year_2009_2010
    where cast(invoicedate as timestamp) < cast(getvariable('as_of') as date)
),

later_lines as (
    select
        invoiceno as invoice,
        stockcode as stock_code,
        description,
        quantity,
        cast(invoicedate as timestamp) as invoiced_at,
        cast(round(unitprice * 1000) as bigint) as price_tenth_pence,
        cast(customerid as bigint) as customer_id,
        country
    from year_2010_2011
    where cast(invoicedate as timestamp) < cast(getvariable('as_of') as date)
),

handover as (
    select date_trunc('day', min(invoiced_at)) as starts_at
    from later_lines
)

select
    earlier_lines.invoice,
    earlier_lines.stock_code,
    earlier_lines.description,
    earlier_lines.quantity,
    earlier_lines.invoiced_at,
    earlier_lines.price_tenth_pence,
    earlier_lines.customer_id,
    earlier_lines.country,
    coalesce(earlier_lines.invoiced_at >= handover.starts_at, false) as is_overlap
from earlier_lines
cross join handover
union all
select
    later_lines.invoice,
    later_lines.stock_code,
    later_lines.description,
    later_lines.quantity,
    later_lines.invoiced_at,
    later_lines.price_tenth_pence,
    later_lines.customer_id,
    later_lines.country,
    false as is_overlap
from later_lines
