-- grain: one row, the first and the last day with a line before as_of; null where there is none
select
    cast(min(invoiced_at) as date) as first_day,
    cast(max(invoiced_at) as date) as last_day
from raw_lines
