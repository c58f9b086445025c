"""Which customers of a UK gift shop buy nothing in the next 90 days?

Real data: "Online Retail II" (Chen, D. (2012), UCI Machine Learning Repository, doi 10.24432/C5CG6D), all invoice lines
from 2009-12-01 to 2011-12-09. What looks back further than 180 days is not watched for drift: the shop's history is
two years long, so such a column grows with every month that passes.
"""

from __future__ import annotations

import polars as pl

from churn.datasets.dataset import Dataset
from churn.features.feature import Feature
from churn.features.raw import Column, RawTable

# The files hold 739 days, and 180 days after the last of them nobody is left to score.
_LONGEST_DAYS = 739 + 180


def _year(name: str, *, invoice: str, price: str, customer: str) -> RawTable:
    # Price and quantity of adjustments are negative, and many lines have no customer: the SQL leaves those out.
    return RawTable(
        name=name,
        day="InvoiceDate",
        columns=(
            Column(name=invoice, dtype="text"),
            Column(name="StockCode", dtype="text"),
            Column(name="Description", dtype="text", nullable=True),
            Column(name="Quantity", dtype="integer", minimum=-100_000, maximum=100_000),
            Column(name="InvoiceDate", dtype="timestamp"),
            Column(name=price, dtype="number", minimum=-100_000, maximum=100_000),
            Column(name=customer, dtype="integer", nullable=True, minimum=1),
            Column(name="Country", dtype="text"),
        ),
    )


_TABLES = (
    _year("year_2009_2010", invoice="Invoice", price="Price", customer="Customer ID"),
    _year("year_2010_2011", invoice="InvoiceNo", price="UnitPrice", customer="CustomerID"),
)

_COUNTRIES = ("United Kingdom", "Germany", "France")
_OTHER = "other"

_recency = pl.col("last_purchase_age_days")
_tenure = pl.col("first_purchase_age_days")
_gaps = pl.col("purchase_days") - 1
_mean_gap = (_tenure - _recency) / pl.when(_gaps > 0).then(_gaps)
_invoices = pl.col("purchases_180d") + pl.col("cancellations_180d")

_WHEN = (
    Feature(
        name="recency_days",
        expr=_recency,
        dtype="integer",
        unit="days",
        meaning="since the last purchase; 1 is yesterday",
        minimum=1,
        maximum=180,
    ),
    Feature(
        name="tenure_days",
        expr=_tenure,
        dtype="integer",
        unit="days",
        meaning="since the first purchase in the data, which start on 2009-12-01",
        minimum=1,
        maximum=_LONGEST_DAYS,
        watched=False,
    ),
    Feature(
        name="last_gap_days",
        expr=pl.col("last_gap_days"),
        dtype="integer",
        unit="days",
        meaning="between the last two days with a purchase; null where there is only one",
        minimum=1,
        maximum=_LONGEST_DAYS,
        nullable=True,
        watched=False,
    ),
    Feature(
        name="longest_gap_days",
        expr=pl.col("longest_gap_days"),
        dtype="integer",
        unit="days",
        meaning="the longest time between two days with a purchase; null where there is only one",
        minimum=1,
        maximum=_LONGEST_DAYS,
        nullable=True,
        watched=False,
    ),
    Feature(
        name="mean_gap_days",
        expr=_mean_gap,
        dtype="number",
        unit="days",
        meaning="the mean time between two days with a purchase; null where there is only one",
        minimum=1,
        maximum=_LONGEST_DAYS,
        nullable=True,
        watched=False,
    ),
    Feature(
        name="recency_to_mean_gap",
        expr=_recency / _mean_gap,
        dtype="number",
        unit="ratio",
        meaning="recency over the customer's own mean gap: above 1 is later than usual",
        minimum=0,
        maximum=180,
        nullable=True,
        watched=False,
    ),
    Feature(
        name="recency_to_longest_gap",
        expr=_recency / pl.col("longest_gap_days"),
        dtype="number",
        unit="ratio",
        meaning="recency over the customer's own longest gap: above 1 is later than ever before",
        minimum=0,
        maximum=180,
        nullable=True,
        watched=False,
    ),
)

_HOW_OFTEN = (
    Feature(
        name="purchases_30d",
        expr=pl.col("purchases_30d"),
        dtype="integer",
        unit="invoices",
        meaning="with a purchase, in the last 30 days",
        minimum=0,
        maximum=100,
    ),
    Feature(
        name="purchases_90d",
        expr=pl.col("purchases_90d"),
        dtype="integer",
        unit="invoices",
        meaning="with a purchase, in the last 90 days",
        minimum=0,
        maximum=200,
    ),
    Feature(
        name="purchases_180d",
        expr=pl.col("purchases_180d"),
        dtype="integer",
        unit="invoices",
        meaning="with a purchase, in the last 180 days",
        minimum=1,
        maximum=300,
    ),
    Feature(
        name="purchases_90d_share",
        expr=pl.col("purchases_90d") / pl.col("purchases_180d"),
        dtype="number",
        unit="share",
        meaning="of the last 180 days' purchases, those of the last 90 days: above a half is a rising trend",
        minimum=0,
        maximum=1,
    ),
    Feature(
        name="purchase_days_180d",
        expr=pl.col("purchase_days_180d"),
        dtype="integer",
        unit="days",
        meaning="with a purchase, of the last 180",
        minimum=1,
        maximum=180,
    ),
    Feature(
        name="active_months_180d",
        expr=pl.col("active_months_180d"),
        dtype="integer",
        unit="months",
        meaning="of 30 days with a purchase, of the last six",
        minimum=1,
        maximum=6,
    ),
    Feature(
        name="earlier_purchase_days",
        expr=pl.col("purchase_days") - pl.col("purchase_days_180d"),
        dtype="integer",
        unit="days",
        meaning="with a purchase, before the last 180",
        minimum=0,
        maximum=_LONGEST_DAYS,
        watched=False,
    ),
    Feature(
        name="purchase_days_per_30d",
        expr=30 * pl.col("purchase_days") / _tenure,
        dtype="number",
        unit="days per 30 days",
        meaning="with a purchase, since the first one",
        minimum=0,
        maximum=30,
        watched=False,
    ),
    Feature(
        name="cancellation_share_180d",
        expr=pl.col("cancellations_180d") / _invoices,
        dtype="number",
        unit="share",
        meaning="of the last 180 days' invoices, those that cancel",
        minimum=0,
        maximum=1,
    ),
)

_HOW_MUCH = (
    Feature(
        name="spend_30d",
        expr=pl.col("spend_tenth_pence_30d") / 1000,
        dtype="number",
        unit="GBP",
        meaning="paid in the last 30 days, net of cancellations (negative where they weigh more)",
        minimum=-25_000,
        maximum=150_000,
    ),
    Feature(
        name="spend_90d",
        expr=pl.col("spend_tenth_pence_90d") / 1000,
        dtype="number",
        unit="GBP",
        meaning="paid in the last 90 days, net of cancellations (negative where they weigh more)",
        minimum=-25_000,
        maximum=200_000,
    ),
    Feature(
        name="spend_180d",
        expr=pl.col("spend_tenth_pence_180d") / 1000,
        dtype="number",
        unit="GBP",
        meaning="paid in the last 180 days, net of cancellations (negative where they weigh more)",
        minimum=-25_000,
        maximum=300_000,
    ),
    Feature(
        name="spend_per_purchase_180d",
        expr=pl.col("spend_tenth_pence_180d") / 1000 / pl.col("purchases_180d"),
        dtype="number",
        unit="GBP",
        meaning="net spend of the last 180 days over its purchases",
        minimum=-25_000,
        maximum=50_000,
    ),
    Feature(
        name="largest_invoice_180d",
        expr=pl.col("largest_invoice_tenth_pence_180d") / 1000,
        dtype="number",
        unit="GBP",
        meaning="the largest invoice of the last 180 days, cancelled later or not",
        minimum=0,
        maximum=200_000,
    ),
    Feature(
        name="products_180d",
        expr=pl.col("products_180d"),
        dtype="integer",
        unit="products",
        meaning="different stock codes bought in the last 180 days",
        minimum=1,
        maximum=2_500,
    ),
    Feature(
        name="products_per_purchase_180d",
        expr=pl.col("products_180d") / pl.col("purchases_180d"),
        dtype="number",
        unit="products per invoice",
        meaning="different stock codes over purchases, last 180 days",
        minimum=0,
        maximum=500,
    ),
    Feature(
        name="units_per_line_180d",
        expr=pl.col("units_180d") / pl.col("purchase_lines_180d"),
        dtype="number",
        unit="units per invoice line",
        meaning="how much of a product at a time: a wholesaler buys many",
        minimum=1,
        maximum=100_000,
    ),
    Feature(
        name="country",
        expr=pl.when(pl.col("country").is_in(_COUNTRIES)).then(pl.col("country")).otherwise(pl.lit(_OTHER)),
        dtype="category",
        unit="",
        meaning="of the last purchase; all but the three largest markets are one level",
        levels=(*_COUNTRIES, _OTHER),
    ),
)

DATASET = Dataset(
    name="online_retail",
    key="customer_id",
    horizon_days=90,
    history_days=180,
    score="churn_score",
    segments=(("high", 0.9), ("medium", 0.7), ("low", 0.0)),
    tables=_TABLES,
    features=(*_WHEN, *_HOW_OFTEN, *_HOW_MUCH),
)
