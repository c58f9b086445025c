"""How tests make a decision, and a champion, without judging anybody."""

from __future__ import annotations

from dataclasses import replace

from churn.stores.decisions import Decision
from churn.stores.registry import Registry

A_DECISION = Decision(
    kind="promote",
    version=1,
    champion=None,
    moves=True,
    answer="pass",
    reason="every gate passes",
    by="ann@office",
    since="2026-01-05",
    figures={"auc_floor": 0.8},
    evidence={"rows": {"features": "f"}},
    pages={"case.html": "<h1>"},
)


def crown(registry: Registry, version: int, *, since: str = "2026-01-05") -> None:
    """Makes a version champion on record."""
    found = registry.champion()
    before = found.version if found else None
    registry.crown(registry.record(replace(A_DECISION, version=version, champion=before, since=since)))
