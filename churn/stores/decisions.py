"""How is a decision about the champion kept, so that it can be read a year later?

Each is an MLflow run of its own, written before the alias moves and never again: who decided what, when, on which rows,
with all figures. A reign is the note that an alias did move; it names its decision.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from churn.stores import runs
from churn.stores.tracking import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Kind: TypeAlias = Literal["promote", "rollback", "note", "drift"]
_KIND = "churn.decision"
_FACTS = ("version", "champion", "moves", "answer", "reason", "by", "since")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided of a version while `champion` reigned (None: nobody), by whom, for the nights from `since` on.

    `moves` says whether the alias is to move to it, `answer` what the gates say (of drift: what it called for, and what
    became of that), `reason` why, in a sentence. `figures` are shown in MLflow, `evidence` is all that was looked at,
    in values that JSON knows; `pages` are HTML by file name.
    """

    kind: Kind
    version: int
    champion: int | None
    moves: bool
    answer: str
    reason: str
    by: str
    since: str
    figures: Mapping[str, float]
    evidence: Mapping[str, Any]
    pages: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision as it stands on record: its run in MLflow, and when it was decided (ISO, UTC)."""

    run: str
    decided: str
    kind: Kind
    version: int
    champion: int | None
    moves: bool
    answer: str
    reason: str
    by: str
    since: str


def record(client: MlflowClient, tracking: Tracking, *, experiment: str, model: str, decision: Decision) -> Recorded:
    """Returns the decision on record; call it under the lock."""
    name = f"{decision.kind} version {decision.version}"
    run = client.create_run(experiment, run_name=name, tags={"churn.model": model, _KIND: decision.kind}).info
    with runs.ended(client, run), tempfile.TemporaryDirectory() as folder:
        runs.write_files(_files(decision), Path(folder))
        tracking.upload(client, run, Path(folder))
        tags = {f"{_KIND}.{fact}": runs.cut(_text(getattr(decision, fact))) for fact in _FACTS}
        runs.log(client, run, parameters={}, metrics=decision.figures, tags=tags)
    return _recorded(client.get_run(run.run_id))


def recorded(client: MlflowClient, *, experiment: str, model: str) -> tuple[Recorded, ...]:
    """Returns the decisions about a model that were written whole, in the order in which they were made."""
    asked = f"tags.`churn.model` = '{model}' and attributes.status = 'FINISHED'"
    found: list[Run] = []
    token = None
    while token or not found:
        page = client.search_runs([experiment], asked, order_by=["attributes.start_time"], page_token=token)
        found, token = [*found, *page], page.token
        if not token:
            break
    return tuple(_recorded(run) for run in found if _KIND in run.data.tags)


def _files(decision: Decision) -> dict[str, bytes]:
    facts = {fact: getattr(decision, fact) for fact in ("kind", *_FACTS)}
    evidence = json.dumps({**facts, **decision.evidence}, indent=1, sort_keys=True)
    return {"decision.json": evidence.encode(), **{name: text.encode() for name, text in decision.pages.items()}}


def _text(fact: object) -> str:
    return fact if isinstance(fact, str) else json.dumps(fact)


def _recorded(run: Run) -> Recorded:
    tags = run.data.tags
    champion = tags[f"{_KIND}.champion"]
    return Recorded(
        run=run.info.run_id,
        decided=datetime.fromtimestamp(run.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        kind=cast("Kind", tags[_KIND]),
        version=int(tags[f"{_KIND}.version"]),
        champion=None if champion == "null" else int(champion),
        moves=tags[f"{_KIND}.moves"] == "true",
        **_texts(tags, ("answer", "reason", "by", "since")),
    )


def _texts(tags: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: tags[f"{_KIND}.{name}"] for name in names}
