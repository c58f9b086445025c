"""Which of a night's scores get reasons, in whose words, and where do they stand?

Beside the scores, in the same partition: a night and its reasons are published together or not at all. The templates
are kept in the lake under their fingerprint, which is an input of a night that has reasons, and of no other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from churn.doors import Doors
from churn.scoring.templates import Template
from churn.settings.stages import ReasonSettings, ScoreStage
from churn.stores.partition import Manifest

if TYPE_CHECKING:
    import polars as pl

    from churn.stores.lake import Staging
    from churn.training.bundle import Bundle

REASONS = "reasons.parquet"
TEMPLATES = "templates"
"""The input of a night that names its templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a night's reasons, and the templates that tell them."""

    settings: ReasonSettings
    templates: Mapping[str, Template]

    def inputs(self, doors: Doors) -> dict[str, str]:
        """Returns what a night's reasons depend on beside its scores."""
        return {"reasons": json.dumps(asdict(self.settings)), TEMPLATES: keep_templates(doors, self.templates)}


def wanted_tonight(doors: Doors) -> Wanted | None:
    """Returns the reasons that the settings of `stage=score` ask for; None where they ask for none.

    Raises:
        SettingsError: the templates are about other features than the dataset's.
    """
    _ = doors.dataset  # which holds them against its features
    settings = doors.settings.stage_as(ScoreStage).reasons
    return Wanted(settings=settings, templates=doors.settings.dataset.reasons) if settings.rows else None


def wanted_then(doors: Doors, scores: Manifest) -> Wanted | None:
    """Returns the reasons that a published night was given, told by the templates of that night; None: it has none."""
    if TEMPLATES not in scores.inputs:
        return None
    (kept,) = json.loads(doors.lake.texts_path(scores.inputs[TEMPLATES]).read_text()).values()
    templates = {code: Template.from_json(fields) for code, fields in json.loads(kept).items()}
    return Wanted(settings=ReasonSettings(**json.loads(scores.inputs["reasons"])), templates=templates)


def keep_templates(doors: Doors, templates: Mapping[str, Template]) -> str:
    """Keeps the templates in the lake and returns their fingerprint; their order counts, it decides between equals."""
    fields = {code: template.to_json() for code, template in templates.items()}
    return doors.lake.keep_texts({f"conf/dataset/{doors.dataset.name}.yaml, reasons": json.dumps(fields)})


def write_reasons(doors: Doors, bundle: Bundle, rows: pl.DataFrame, *, wanted: Wanted, staging: Staging) -> None:
    """Writes why the `rows` (features with `raw_score`, ordered by key) score as they do, beside the night's scores.

    Raises:
        DataError: the contributions of a row do not add up to the score that was written.
    """
    from churn.scoring.reasons import Explainer
    from churn.stores.parquet import ParquetWriter

    settings, resources, firsts = wanted.settings, doors.settings.resources, Counter[str]()
    explainer = Explainer(
        bundle,
        templates=wanted.templates,
        at_most=settings.at_most,
        lowering=settings.lowering,
        num_threads=resources.threads,
    )
    with ParquetWriter(staging.path / REASONS, explainer.schema) as writer:
        for part in rows.iter_slices(resources.chunk_rows):
            reasons = explainer.explain(part)
            writer.write(reasons)
            firsts.update(reasons["code"].filter(reasons["rank"] == 1))
    staging.facts["reasons"] = {"customers": rows.height, "first": dict(firsts)}


def told(scores: Manifest | None) -> dict[str, str]:
    """Returns for a person how many customers of a night have reasons, and the commonest first ones."""
    facts = scores.facts.get("reasons") if scores else None
    if not facts:
        return {}
    common = Counter[str](dict(sorted(facts["first"].items()))).most_common(3)
    most = ", ".join(f"{code} {count:,}" for code, count in common)
    return {"reasons": f"of {facts['customers']:,} customers" + (f"; first of all {most}" if most else "")}
