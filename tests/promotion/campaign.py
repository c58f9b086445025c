"""The campaign that tests judge for: the tenth that scores highest, with the amounts of the EMPC paper."""

from __future__ import annotations

from churn.promotion.evidence import Campaign

CAMPAIGN = Campaign(share=0.1, lifetime_value=200.0, incentive=10.0, contact=1.0, alpha=6.0, beta=14.0)
