-- grain: one row per customer of as_of; read by the fairness evaluation alone, never by a feature or a score
select
    customer_id,
    age_band
from population
