-- grain: one row of counts over the lines before as_of, so that every line read is accounted for:
-- lines_merged = lines_read - overlap_lines, and lines_kept = lines_merged - duplicate_lines - lines_without_customer
-- + duplicate_lines_without_customer. overlap_lines_unmatched should be 0: lines that the later file does not repeat
-- (descriptions aside: the later file writes 'Unknown' where the earlier has none).
with
raw_totals as (
    select
        count(*) as lines_read,
        count(*) filter (where is_overlap) as overlap_lines
    from raw_lines
),

overlap_invoices as (
    select distinct invoice
    from raw_lines
    where is_overlap
),

unmatched_lines as (
    select
        invoice,
        stock_code,
        quantity,
        invoiced_at,
        price_tenth_pence,
        customer_id,
        country
    from raw_lines
    where is_overlap
    except all
    select
        invoice,
        stock_code,
        quantity,
        invoiced_at,
        price_tenth_pence,
        customer_id,
        country
    from raw_lines
    where not is_overlap and invoice in (select overlap_invoices.invoice from overlap_invoices)
),

overlap_totals as (
    select count(*) as overlap_lines_unmatched
    from unmatched_lines
),

distinct_lines as (
    select
        invoice,
        quantity,
        price_tenth_pence,
        customer_id,
        count(*) as copies
    from raw_lines
    where not is_overlap
    group by invoice, stock_code, description, quantity, invoiced_at, price_tenth_pence, customer_id, country
),

merged_totals as (
    select
        cast(coalesce(sum(copies), 0) as bigint) as lines_merged,
        cast(coalesce(sum(copies - 1), 0) as bigint) as duplicate_lines,
        cast(coalesce(sum(copies) filter (where customer_id is null), 0) as bigint) as lines_without_customer,
        cast(coalesce(sum(copies - 1) filter (where customer_id is null), 0) as bigint)
            as duplicate_lines_without_customer,
        cast(coalesce(sum(copies) filter (where starts_with(invoice, 'C')), 0) as bigint) as cancellation_lines,
        cast(coalesce(sum(copies) filter (where quantity < 0), 0) as bigint) as lines_with_negative_quantity,
        cast(coalesce(sum(copies) filter (where price_tenth_pence <= 0), 0) as bigint) as lines_with_price_not_positive
    from distinct_lines
),

kept_totals as (
    select
        count(*) as lines_kept,
        count(*) filter (where is_purchase) as purchase_lines_kept,
        count(*) filter (where is_cancellation) as cancellation_lines_kept,
        count(distinct invoice) as invoices,
        count(distinct customer_id) as customers
    from invoice_lines
)

select
    raw_totals.lines_read,
    raw_totals.overlap_lines,
    overlap_totals.overlap_lines_unmatched,
    merged_totals.lines_merged,
    merged_totals.duplicate_lines,
    merged_totals.lines_without_customer,
    merged_totals.duplicate_lines_without_customer,
    merged_totals.cancellation_lines,
    merged_totals.lines_with_negative_quantity,
    merged_totals.lines_with_price_not_positive,
    kept_totals.lines_kept,
    kept_totals.purchase_lines_kept,
    kept_totals.cancellation_lines_kept,
    kept_totals.invoices,
    kept_totals.customers
from raw_totals
cross join overlap_totals
cross join merged_totals
cross join kept_totals
