"""Walks from a published night back to its model, features, raw days, SQL and code, and can make it again."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

from churn.champion import Champion, version_of
from churn.doors import Doors
from churn.errors import ChurnError, DataError, ExitCode
from churn.explained import wanted_then
from churn.night import UNCERTAIN
from churn.night import publish as publish_scores
from churn.nights import FEATURE_CODE, SCORE_CODE
from churn.raw_days import forgotten, in_lake
from churn.reports.outcome import Outcome, Table
from churn.settings import Settings
from churn.settings.stages import LineageStage
from churn.stages import features as features_stage
from churn.stores.lake import VERSIONS, Lake
from churn.stores.partition import ERASED, Manifest, Partition, read_manifest, unlike
from churn.training.split import Part

_SAME = "the same bytes, features and scores"


def run(settings: Settings) -> Outcome:
    """Returns what a night was made from; exit code 3 where making it again gives other bytes."""
    stage, doors, day = settings.stage_as(LineageStage), Doors(settings), settings.day
    scores = doors.lake.open(doors.partition("predictions", day), made_by=doors.command("score", day))
    features = _manifest_of(doors, doors.partition("features", day), scores.inputs["features"])
    model = version_of(doors, scores.facts["model_version"])
    rebuilt = _rebuild(doors, day, model, scores=scores, features=features) if stage.rebuild else None
    return Outcome(
        code=ExitCode.DATA if rebuilt and rebuilt != _SAME else ExitCode.OK,
        headline=f"lineage {settings.dataset.name} {day}: from the scores back to the raw days",
        figures={
            "scores": f"{scores.rows:,} rows, content {scores.content[:16]}",
            "features": f"{features.rows:,} rows, content {features.content[:16]}",
            **_erased((scores, features)),
            "raw days": _raw_days(doors, features),
            "sources": _sources(doors, features),
            "sql": str(doors.lake.texts_path(features.inputs["sql"])),
            "code of features": str(doors.lake.texts_path(features.inputs["code"])),
            "code of scores": str(doors.lake.texts_path(scores.inputs["code"])),
            "model": f"version {model.version}, bundle {model.bundle.fingerprint[:16]}",
            "model settings": _spelled(model.bundle.lineage["model"]),
            "code of the model": str(doors.lake.texts_path(model.bundle.lineage["code"])),
            **({"rebuilt": rebuilt} if rebuilt else {}),
        },
        table=_trained_on(doors, model),
    )


def _manifest_of(doors: Doors, partition: Partition, content: str) -> Manifest:
    manifest = read_manifest(_place(doors, partition, content))
    if manifest is None:
        raise _lost(doors, partition, content)
    return manifest


def _place(doors: Doors, partition: Partition, content: str) -> Path:
    folder = doors.lake.version(partition, content)
    if folder is None:
        raise _lost(doors, partition, content)
    return folder


def _lost(doors: Doors, partition: Partition, content: str) -> DataError:
    """Returns why a content is nowhere in the lake; what was found begins with one word for it."""
    now, kept = doors.lake.manifest(partition), doors.lake.kept_at(partition, content)
    if now is None or now.content == content:
        return _unwell(doors, partition, now)
    version = read_manifest(kept)
    found = f"pruned: its content {content[:16]} was replaced since, and is gone"
    if version is not None:
        found = f"damaged: not the bytes that were published: {_spelled_files(kept, version)}"
    return DataError(where=str(partition), found=found, action=f"restore {kept} from a backup")


def _unwell(doors: Doors, partition: Partition, manifest: Manifest | None) -> DataError:
    """Returns what is wrong with a partition that no run has replaced, and how it is made again."""
    folder, found, first = doors.lake.path(partition), "missing: nothing is published there", ""
    if manifest is not None:
        found = f"damaged: not the bytes that were published: {_spelled_files(folder, manifest)}"
        first = f"delete the folder {folder}, then "
    action = f"{first}run: {doors.command('features', doors.settings.day)}; it is made again from the sources"
    if partition.kind == "tables" and partition.day and _is_forgotten(doors, partition.day):
        action = f"restore {folder} from a backup: its source no longer has that day"
    return DataError(where=str(partition), found=found, action=action)


def _is_forgotten(doors: Doors, day: date) -> bool:
    """Says whether the lake alone holds, or held, some rows of a raw day; False where the sources do not answer."""
    try:
        at_sources = any(day in days for days in doors.raw_days.values())
        return not at_sources or any(day in days for days in forgotten(doors).values())
    except ChurnError:
        return False


def _spelled_files(folder: Path, manifest: Manifest) -> str:
    return ", ".join(str(path) for path in unlike(folder, manifest))


def _word(lost: DataError) -> str:
    return lost.found.partition(":")[0]


def _tables(doors: Doors, features: Manifest) -> dict[Partition, str]:
    """Returns the raw days that features were made from, each with the content that it had."""
    found = {name.removeprefix("tables/"): content for name, content in features.inputs.items() if "/" in name}
    return {doors.partition("tables", date.fromisoformat(day)): content for day, content in found.items()}


def _raw_days(doors: Doors, features: Manifest) -> str:
    tables = _tables(doors, features)
    places = [doors.lake.version(partition, content) for partition, content in tables.items()]
    days = sorted(partition.day for partition in tables if partition.day)
    older = sum(1 for place in places if place and place.is_relative_to(doors.lake.root / VERSIONS))
    lost = [_word(_lost(doors, *held)) for held, place in zip(tables.items(), places, strict=True) if place is None]
    why = ", ".join(f"{count:,} {word}" for word, count in sorted(Counter(lost).items()))
    gone = f"{len(lost):,} gone" + (f" ({why})" if why else "")
    return f"{len(days):,} from {days[0]} to {days[-1]}: {older:,} replaced since and kept, {gone}"


def _sources(doors: Doors, features: Manifest) -> str:
    """Returns where the raw days came from, as it was declared when each was brought."""
    places = [doors.lake.version(partition, content) for partition, content in _tables(doors, features).items()]
    manifests = [read_manifest(place) for place in places if place]
    named = [found.facts.get("sources", {}) for found in manifests if found]
    return ", ".join(sorted({f"{table}: {place}" for sources in named for table, place in sources.items()}))


def _spelled(settings: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _trained_on(doors: Doors, model: Champion) -> Table:
    lineage = model.bundle.lineage
    rows = []
    for name in ("train", "calibration", "test"):
        for day in Part.from_json(lineage["parts"][name]).dates:
            partition = doors.partition("features", day)
            content = lineage["inputs"][str(partition)]
            place = doors.lake.version(partition, content)
            where = str(place.relative_to(doors.lake.root)) if place else _word(_lost(doors, partition, content))
            rows.append((name, str(day), content[:16], where))
    return Table(header=("part of the model", "date", "features content", "kept at"), rows=tuple(rows))


def _rebuild(doors: Doors, day: date, model: Champion, *, scores: Manifest, features: Manifest) -> str:
    """Says whether the same raw days, code and model give the same bytes, made in a folder of their own."""
    _require_same_code(doors, features, scores)
    root = doors.lake.root / f".rebuild-{doors.dataset.name}-{day}"
    with doors.lake.lock(doors.partition("rebuild", day)):
        shutil.rmtree(root, ignore_errors=True)
        try:
            for partition, content in _tables(doors, features).items():
                _link(doors, partition, content, into=Lake(root))
            made = _at(doors, root, features)
            features_stage.publish(made, day, in_lake(made))
            engine = scores.facts.get("engine", "lightgbm").partition(":")[0]
            reasons = wanted_then(doors, scores)
            made, uncertain = _at(doors, root, scores), UNCERTAIN in scores.inputs
            publish_scores(made, model, day, engine=engine, reasons=reasons, uncertain=uncertain)
            other = [text for then in (features, scores) if (text := _unlike(doors, made, then))]
        finally:
            shutil.rmtree(root, ignore_errors=True)
    return f"NOT the same bytes: {', '.join(other)}" if other else _SAME


def _unlike(doors: Doors, made: Doors, then: Manifest) -> str:
    """Returns how what was made again differs; of a partition that customers were erased from its rows count alone."""
    from churn.stores.rewriting import same_rows

    partition = doors.partition(then.kind, doors.settings.day)
    found = made.lake.manifest(partition)
    if found is None or found.content == then.content:
        return ""
    file = {"features": "features.parquet", "predictions": "scores.parquet"}[then.kind]
    folders = _place(doors, partition, then.content), made.lake.path(partition)
    if ERASED in then.facts and same_rows(*(folder / file for folder in folders)):
        return ""  # the reasons are of one score more: of the next highest
    return f"{then.kind} {found.content[:16]} for {then.content[:16]}"


def _erased(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Returns for a person which of some partitions rows were erased from, and by which run last."""
    facts = {manifest.kind: manifest.facts[ERASED] for manifest in manifests if ERASED in manifest.facts}
    told = [f"{fact['rows']:,} rows of {kind} ({fact['runs'][-1]})" for kind, fact in facts.items()]
    return {"erased": ", ".join(told)} if told else {}


def _require_same_code(doors: Doors, features: Manifest, scores: Manifest) -> None:
    now = {
        features.inputs["sql"]: doors.lake.keep_texts(doors.sql.texts()),
        features.inputs["code"]: doors.code(*FEATURE_CODE),
        scores.inputs["code"]: doors.code(*SCORE_CODE),
    }
    other = [str(doors.lake.texts_path(then)) for then, today in now.items() if then != today]
    if other:
        found = "the SQL or the code is another now"
        action = f"run it in a checkout that holds what is kept in {', '.join(other)}"
        raise DataError(where=f"rebuild of {scores.dataset} {scores.date}", found=found, action=action)


def _link(doors: Doors, partition: Partition, content: str, *, into: Lake) -> None:
    folder, place = _place(doors, partition, content), into.path(partition)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(folder.absolute())


def _at(doors: Doors, root: Path, made: Manifest) -> Doors:
    resources = replace(doors.settings.resources, chunk_rows=int(made.inputs["chunk_rows"]))
    return Doors(replace(doors.settings, root=root, resources=resources))
