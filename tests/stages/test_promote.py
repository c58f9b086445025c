"""The alias moves only on evidence, and absence is told apart from failure."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from scipy.stats import spearmanr

from churn.decision import who
from churn.stores.registry import Registry
from tests.command import FAST, TRAINED, churn, copied, done

PROMOTE = ("stage=promote", f"date={TRAINED}")


def champion(root: Path) -> int | None:
    found = Registry(
        folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction"
    ).champion()
    return found.version if found else None


def candidate(root: Path, *overrides: str) -> None:
    done("stage=train", f"date={TRAINED}", *FAST, *overrides, root=root)


@pytest.fixture
def untrained(lake: Path) -> Path:
    """A root whose features are there, and no model yet."""
    for kind in ("mlflow", "champion", ".cache"):
        shutil.rmtree(lake / kind)
    return lake


@pytest.fixture(scope="module")
def trained(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The business with a challenger, version 2, that differs by its seed alone; not to be written to."""
    root = copied(business, tmp_path_factory.mktemp("trained") / "lake")
    candidate(root, "model.seed=5")
    return root


@pytest.fixture
def challenged(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` that a test may change."""
    return copied(trained, tmp_path / "lake")


def test_a_first_champion_needs_its_floor_alone(untrained: Path) -> None:
    candidate(untrained)
    assert champion(untrained) is None
    refused = churn(*PROMOTE, "stage.gates.auc_floor.minimum=0.95", root=untrained)
    assert (refused.code, champion(untrained)) == (4, None)
    assert "is refused, the champion stays (auc_floor: fail)" in refused.out
    promoted = done(*PROMOTE, root=untrained)
    assert champion(untrained) == 1
    assert "no champion yet: the floors decide" in promoted.out


def test_the_champion_is_not_promoted_twice(lake: Path) -> None:
    assert "version 1 is champion already, nothing to do" in done(*PROMOTE, root=lake).out


def test_an_equally_good_challenger_does_not_replace_the_champion(challenged: Path) -> None:
    ran = churn(*PROMOTE, root=challenged)
    assert (ran.code, champion(challenged)) == (4, 1)
    assert "these rows can show" in ran.out


def test_a_clearly_better_challenger_does(lake: Path) -> None:
    # The champion is first replaced by a stump, which any real model beats.
    candidate(lake, "model.num_iterations=1", "model.num_leaves=2")
    relaxed = (
        "stage.gates.auc_floor.minimum=0.51",
        "stage.gates.champion.kind=non_inferior",
        "+stage.gates.champion.margin=0.49",
    )
    done(*PROMOTE, *relaxed, root=lake)
    assert champion(lake) == 2
    candidate(lake, "model.seed=3")
    ran = done(*PROMOTE, root=lake)
    assert champion(lake) == 3
    assert re.search(r"version 3 is champion now \(.*leak_free.*: warn\)", ran.out)
    page = ET.parse(re.findall(r"case file +(\S+)", ran.out)[0])
    rows = [[cell.text or "" for cell in row] for row in page.iter("tr")]
    (auc,) = [[float(cell) for cell in row[1:8]] for row in rows if row[0] == "auc"]
    challenger, before, gain = auc[0], auc[3], auc[4]
    assert challenger - before == pytest.approx(gain, abs=2e-4)
    assert gain > 0.1


def test_every_decision_is_a_run_with_all_its_evidence(business: Path) -> None:
    registry = Registry(folder=business / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    (recorded,) = registry.decisions()
    decision = evidence(registry, recorded.run)
    assert decision["promote"] is True
    assert decision["champion"] is None
    assert decision["date"] == TRAINED
    assert decision["findings"]["auc_floor"]["n"] == 1500
    assert decision["findings"]["auc_floor"]["limit"] == 0.65
    assert decision["by"] == who()


def evidence(registry: Registry, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(registry.page_of(run, "decision.json")).read_text())
    return found


def test_no_candidate_is_told_with_the_command_that_makes_one(taken: Path, tmp_path: Path) -> None:
    root = copied(taken, tmp_path / "lake")
    ran = churn(*PROMOTE, root=root)
    assert ran.code == 2
    assert "stage=train" in ran.err


def test_a_version_that_does_not_exist_is_named(lake: Path) -> None:
    ran = churn(*PROMOTE, "stage.version=9", root=lake)
    assert ran.code == 2
    assert "no version 9" in ran.err
    assert "there are: 1" in ran.err


def test_a_champion_trained_on_the_test_rows_refuses_the_comparison(lake: Path) -> None:
    candidate(lake, "stage.dates=2025-04-01..2025-06-01/1mo", "split.validation_dates=0")
    ran = churn(*PROMOTE, root=lake)
    assert (ran.code, champion(lake)) == (3, 1)
    assert "the champion (version 1) learned labels of the test dates 2025-06-01" in ran.err


def test_a_registry_that_does_not_answer_never_reads_as_no_champion(lake: Path) -> None:
    (lake / "mlflow" / "mlflow.db").write_bytes(b"not a database" * 100)
    ran = churn(*PROMOTE, root=lake)
    assert ran.code == 75
    assert "registry" in ran.err


def test_a_server_that_is_down_is_to_be_tried_again(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ran = churn(*PROMOTE, "registry.uri=http://127.0.0.1:9", root=lake)
    assert ran.code == 75
    assert "127.0.0.1:9" in ran.err


def test_a_champion_whose_bundle_is_damaged_is_compared_with_nobody(lake: Path) -> None:
    for model in lake.rglob("model.txt"):
        model.write_text(model.read_text().replace("threshold=", "threshold=9", 1))
    ran = churn(*PROMOTE, root=lake)
    assert (ran.code, champion(lake)) == (3, 1)
    assert "model.txt" in ran.err


def test_two_promotions_at_once_are_told_apart(lake: Path) -> None:
    from churn.stores.lake import Lake, Partition

    with Lake(lake).lock(Partition(kind="promotion", dataset="subscription")):
        assert churn(*PROMOTE, root=lake).code == 6


BETTER_THAN_NOTHING = (
    "gates.auc_floor.minimum=0.51",
    "gates.champion.kind=non_inferior",
    "+gates.champion.margin=0.49",
)


def kill(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_where_a_person_has_to_say_yes_the_gates_alone_promote_nobody(
    challenged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (*PROMOTE, *BETTER_THAN_NOTHING, "needs_approval=true")
    waiting = churn(*command, root=challenged)
    assert (waiting.code, champion(challenged)) == (4, 1)
    assert "version=2 approve=true" in waiting.out
    silent = churn(*command, "version=2", "approve=true", root=challenged)
    assert (silent.code, champion(challenged)) == (2, 1)
    assert "no reason" in silent.err
    yes = (*command, "version=2", "approve=true", "reason='seen by the board, and good'")
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "crown", kill)
        assert churn(*yes, root=challenged).code == 130
    assert champion(challenged) == 1
    assert "not carried out" in done("stage=history", root=challenged).out.splitlines()[-1]
    done(*yes, root=challenged)
    assert champion(challenged) == 2
    closed = churn(*PROMOTE, "version=1", "approve=true", "reason=x", "gates.auc_floor.minimum=0.99", root=challenged)
    assert (closed.code, champion(challenged)) == (4, 2)


def test_without_gates_nothing_is_promoted(challenged: Path) -> None:
    none = ("~stage.gates.auc_floor", "~stage.gates.champion", "~stage.gates.calibration")
    ran = churn(*PROMOTE, *none, root=challenged)
    assert (ran.code, champion(challenged)) == (4, 1)


@pytest.mark.slow
def test_several_rows_of_a_customer_are_one_witness_in_training_and_at_the_gates(untrained: Path) -> None:
    root = untrained
    candidate(root, "split=by_hash", "stage.dates=2025-05-11..2025-07-11/1mo")
    assert re.search(r"AUC 0\.\d{4} on [\d,]+ rows of \d{3} customers, floor", churn(*PROMOTE, root=root).out)
    registry = Registry(folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    (recorded,) = registry.decisions()
    metrics, floor = registry.metrics(1), evidence(registry, recorded.run)["findings"]["auc_floor"]
    assert floor["interval"] == pytest.approx([metrics["auc_test_low"], metrics["auc_test_high"]], abs=1e-9)


def test_a_challenger_scores_its_nights_in_the_shadow_before_the_alias_moves(challenged: Path) -> None:
    command = (*PROMOTE, *BETTER_THAN_NOTHING, "shadow_nights=1")
    first = churn(*command, root=challenged)
    assert (first.code, champion(challenged)) == (4, 1)
    assert "it has scored 0 of 1 nights beside the champion" in first.out
    done("stage=score", "date=2025-08-20", *FAST, root=challenged)
    scored = {kind: pl.read_parquet(challenged / kind / "subscription" / NIGHT) for kind in ("predictions", "shadow")}
    versions = {kind: frame["model_version"].unique().to_list() for kind, frame in scored.items()}
    assert versions == {"predictions": [1], "shadow": [2]}
    last = done(*command, root=challenged)
    expected = spearmanr(scored["predictions"]["churn_score"], scored["shadow"]["churn_score"]).statistic
    listed = [set(frame.filter(segment="high")["customer_id"]) for frame in scored.values()]
    assert f"rank correlation {expected:.3f}" in last.out
    assert f"{len(listed[0] & listed[1]):,} of {len(listed[0]):,} of the top list shared" in last.out
    assert champion(challenged) == 2
    shutil.rmtree(challenged / "shadow")
    done("stage=score", "date=2025-08-20", *FAST, root=challenged)
    assert not (challenged / "shadow" / "subscription").exists()


NIGHT = "date=2025-08-20/scores.parquet"


def test_a_shadow_that_cannot_be_loaded_costs_the_night_no_scores(challenged: Path) -> None:
    assert churn(*PROMOTE, *BETTER_THAN_NOTHING, "shadow_nights=1", root=challenged).code == 4
    newest = max(
        challenged.glob("mlflow/artifacts/*/artifacts/bundle/model.txt"), key=lambda path: path.stat().st_mtime_ns
    )
    newest.write_text("no model")
    done("stage=score", "date=2025-08-20", *FAST, root=challenged)
    assert (challenged / "predictions" / "subscription" / NIGHT).exists()
    assert not (challenged / "shadow" / "subscription").exists()
