-- grain: one row per distinct invoice line of a known customer before as_of
-- a free line (price 0) is neither a purchase nor a cancellation; a cancelled line's amount is negative
with
distinct_lines as (
    select distinct
        invoice,
        stock_code,
        description,
        quantity,
        invoiced_at,
        price_tenth_pence,
        customer_id,
        country
    from raw_lines
    where not is_overlap and customer_id is not null
)

select
    customer_id,
    invoice,
    stock_code,
    country,
    invoiced_at,
    cast(invoiced_at as date) as invoiced_on,
    quantity,
    quantity * price_tenth_pence as amount_tenth_pence,
    not starts_with(invoice, 'C') and quantity > 0 and price_tenth_pence > 0 as is_purchase,
    starts_with(invoice, 'C') or quantity < 0 as is_cancellation
from distinct_lines
