"""What does a drift verdict look like as a table?

One row a profiled column, the unwatched ones too, so that an analyst can sort and plot what the alarm looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from churn.drift.change import ColumnDrift
from churn.drift.verdict import DriftVerdict
from churn.findings import Finding

SCHEMA = pl.Schema(
    [
        ("column", pl.String),
        ("answer", pl.String),
        ("gain_share", pl.Float64),
        ("psi", pl.Float64),
        ("psi_limit", pl.Float64),
        ("ks", pl.Float64),
        ("ks_error_bound", pl.Float64),
        ("p_value_psi", pl.Float64),
        ("p_value_ks", pl.Float64),
        ("cramers_v", pl.Float64),
        ("p_value_cramers_v", pl.Float64),
        ("jensen_shannon", pl.Float64),
        ("p_value_jensen_shannon", pl.Float64),
        ("wasserstein", pl.Float64),
        ("rows_reference", pl.Int64),
        ("rows_current", pl.Int64),
        ("null_share_reference", pl.Float64),
        ("null_share_current", pl.Float64),
        ("median_reference", pl.Float64),
        ("median_current", pl.Float64),
        ("reason", pl.String),
    ]
)


def to_table(verdict: DriftVerdict, *, gain_shares: Mapping[str, float]) -> pl.DataFrame:
    """Returns one row a profiled column in their order; `answer` is `not watched` where drift does not judge.

    `gain_shares` are the columns' parts of the trees' gain; a column that is no feature has none. Shares run from 0 to
    1; null where a figure cannot be computed (no rows, or a category's KS and medians).
    """
    judged = {finding.check: finding for finding in verdict.findings}
    return pl.DataFrame(
        [
            _row(column, judged.get(column.column)) | {"gain_share": gain_shares.get(column.column)}
            for column in verdict.columns
        ],
        schema=SCHEMA,
    )


def _row(drift: ColumnDrift, finding: Finding | None) -> dict[str, object]:
    return {
        "column": drift.column,
        "answer": str(finding.answer) if finding else "not watched",
        "psi": drift.psi.distance if drift.psi else None,
        "psi_limit": finding.limit if finding else None,
        "ks": drift.ks.distance if drift.ks else None,
        "ks_error_bound": drift.ks.error if drift.ks else None,
        "p_value_psi": drift.psi.p_value if drift.psi else None,
        "p_value_ks": drift.ks.p_value if drift.ks else None,
        "cramers_v": drift.cramers_v.distance if drift.cramers_v else None,
        "p_value_cramers_v": drift.cramers_v.p_value if drift.cramers_v else None,
        "jensen_shannon": drift.jensen_shannon.distance if drift.jensen_shannon else None,
        "p_value_jensen_shannon": drift.jensen_shannon.p_value if drift.jensen_shannon else None,
        "wasserstein": drift.wasserstein.distance if drift.wasserstein else None,
        "rows_reference": drift.rows_then,
        "rows_current": drift.rows_now,
        "null_share_reference": drift.null_share_then,
        "null_share_current": drift.null_share_now,
        "median_reference": drift.median_then,
        "median_current": drift.median_now,
        "reason": finding.reason if finding else "moves by construction: reported, not judged",
    }
