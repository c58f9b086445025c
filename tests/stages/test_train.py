"""A candidate is trained on ripe labels alone, tested out of time, and made once."""

from __future__ import annotations

import json
import math
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn.stores.git import commit
from churn.stores.registry import Registry
from churn.training.bundle import Bundle
from churn.training.fit import Trees
from churn.training.split import Part
from tests.command import FAST, TRAINED, churn, copied, done

TRAIN = ("stage=train", f"date={TRAINED}", *FAST)


def registry(root: Path) -> Registry:
    return Registry(folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")


def bundle(root: Path, version: int) -> Bundle:
    return Bundle.from_files(registry(root).bundle_files(version))


@pytest.fixture
def untrained(taken: Path, tmp_path: Path) -> Path:
    """A copy of `taken` that a test may change."""
    return copied(taken, tmp_path / "untrained")


def test_the_same_inputs_train_nothing_a_second_time_and_say_where_the_report_stands(lake: Path) -> None:
    again = done(*TRAIN, root=lake)
    assert "version 1 was trained from the same inputs, nothing to do" in again.out
    assert registry(lake).newest() == 1
    shown = re.search(r"^  report +(.+)$", again.out, re.MULTILINE)
    assert shown
    assert Path(shown[1]).read_text().startswith("<!DOCTYPE html>")
    assert Path(shown[1]).is_relative_to(lake)
    assert re.search(r"next +python -m churn stage=promote .*stage\.version=1\n", again.out)


def test_a_retraining_from_scratch_gives_the_same_model_text(business: Path, taken: Path, tmp_path: Path) -> None:
    root = copied(taken, tmp_path / "lake")
    done(*TRAIN, root=root)
    assert bundle(root, 1).to_files() == bundle(business, 1).to_files()


def parts(root: Path, version: int) -> dict[str, Part]:
    fields = bundle(root, version).lineage["parts"]
    inside = fields["inside_train"]
    return {name: Part.from_json(fields[name]) for name in ("train", "calibration", "test")} | {
        f"{name} {side}": Part.from_json(fold[side]) for name, fold in inside.items() for side in ("train", "test")
    }


def test_no_label_window_reaches_past_the_day_of_training_or_into_a_later_part(business: Path) -> None:
    found = {name: part.dates for name, part in parts(business, 1).items()}
    horizon = timedelta(days=30)
    assert max(found["train"]) + horizon <= min(found["calibration"])
    assert max(found["calibration"]) + horizon <= min(found["test"])
    assert max(found["test"]) + horizon <= date.fromisoformat(TRAINED)
    assert set(found) == {"train", "calibration", "test"} | {
        f"{fold} {side}" for fold in ("validation", "fold 1") for side in ("train", "test")
    }
    for fold in ("validation", "fold 1"):
        assert max(found[f"{fold} train"]) + horizon <= min(found[f"{fold} test"])
        assert {*found[f"{fold} train"], *found[f"{fold} test"]} <= {*found["train"]}


def test_the_bundle_names_what_it_was_made_from(business: Path) -> None:
    lineage = bundle(business, 1).lineage
    for part in parts(business, 1).values():
        for day in part.dates:
            assert len(lineage["inputs"][f"features/subscription/date={day}"]) == 64
            assert len(lineage["inputs"][f"labels/{day}"]) == 64
            window = [f"tables/{day + timedelta(days=count)}" for count in range(30)]
            assert {len(lineage["inputs"][name]) for name in window} == {64}
    assert lineage["model"]["num_iterations"] == 60


def test_the_metrics_say_n_and_interval(business: Path) -> None:
    metrics = bundle(business, 1).metrics
    assert metrics["rows_test"] == 1500
    assert 0.6 < metrics["auc_test_low"] < metrics["auc_test"] < metrics["auc_test_high"] < 0.95
    assert (metrics["cv_folds"], metrics["cv_rows"]) == (1, 1500)
    assert 0.6 < metrics["cv_auc_mean"] < 0.95
    assert 1 <= metrics["trees"] <= 60
    assert all(math.isfinite(figure) for figure in metrics.values())


def test_protected_attributes_are_no_features(business: Path) -> None:
    assert "age_band" not in bundle(business, 1).encoding.features


def test_labels_that_are_not_ripe_are_refused_all_at_once_before_any_feature_is_built(untrained: Path) -> None:
    ran = churn("stage=train", f"date={TRAINED}", "stage.dates=2025-04-15..2025-09-15/1mo", root=untrained)
    assert ran.code == 3
    assert "labels subscription: 3 of 6 dates not ripe at 2025-08-10: 2025-07-15 to 2025-09-15\n" in ran.err
    assert "use dates up to 2025-07-11, or date=2025-10-15 or later" in ran.err
    assert not (untrained / "features").exists()


def test_a_date_that_the_raw_days_do_not_reach_is_refused_with_the_last_that_they_do(untrained: Path) -> None:
    ran = churn("stage=train", "date=2025-08-22", root=untrained)
    assert ran.code == 3
    assert "train subscription 2025-08-22: the newest raw day is 2025-08-20" in ran.err
    assert "use date=2025-08-21, or load the missing days" in ran.err
    assert not (untrained / "features").exists()


def test_too_little_history_is_refused_with_what_is_needed_and_the_first_date_that_has_it(untrained: Path) -> None:
    ran = churn("stage=train", "date=2025-05-05", root=untrained)
    assert ran.code == 3
    assert "1 dates from 2025-04-05 to 2025-04-05 cannot give" in ran.err
    assert "give at least 4 dates over at least 90 days" in ran.err
    assert "split.validation_dates=0" in ran.err
    first = re.search(r"with stage\.every=1mo (\S+) is the first date", ran.err)
    assert first
    assert (
        first[1] == "2025-07-31"
    )  # 04-01 is the first with 90 days before it, 05-01, 06-01, 07-01, and 30 for the label


def test_a_date_before_any_history_is_refused(untrained: Path) -> None:
    ran = churn("stage=train", "date=2025-02-01", root=untrained)
    assert ran.code == 3
    assert "no date has its history before it and a ripe label after it" in ran.err
    assert "load earlier raw days, or train later" in ran.err


def test_steps_that_never_reach_far_enough_are_named(untrained: Path) -> None:
    ran = churn("stage=train", f"date={TRAINED}", "stage.every=1w", "stage.at_most=8", root=untrained)
    assert ran.code == 3
    assert "8 dates from 2025-05-23 to 2025-07-11 cannot give" in ran.err
    assert "raise stage.at_most=8 or stage.every=1w" in ran.err


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.num_leaves=1", "model.num_leaves: 1\n  do: give 2 or more"),
        ("model.objective=poisson", "model.objective: poisson for a binary task"),
        ("+model.monotone_constraints.tenure_day=increasing", "did you mean 'tenure_days'?"),
        ("+model.monotone_constraints.plan=increasing", "'plan' is no feature that is a number"),
    ],
)
def test_settings_that_no_model_could_have_are_refused_before_anything_is_read(
    override: str, told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = churn("stage=train", "date=2025-05-05", override, root=tmp_path)
    assert (ran.code, told in ran.err) == (2, True), ran.err
    assert capfd.readouterr().err == ""  # nothing of LightGBM's own
    assert not [path.name for path in tmp_path.iterdir() if path.name not in {"logs", ".locks", "metrics"}]


@pytest.mark.slow
def test_a_sweep_registers_a_candidate_a_job(lake: Path) -> None:
    ran = churn("-m", *TRAIN, "model.num_leaves=4,8", root=lake)
    assert ran.code == 0, ran.err
    assert registry(lake).newest() == 3
    leaves = [bundle(lake, version).lineage["model"]["num_leaves"] for version in (2, 3)]
    assert leaves == [4, 8]
    assert "2 trials, 2 finished" in ran.out
    for version in (2, 3):
        counted = Trees.load(bundle(lake, version).model_text).leaves
        assert registry(lake).metrics(version)["leaves"] == counted > 60


def test_the_run_keeps_settings_feature_versions_and_the_data_dictionary(business: Path) -> None:
    settings, features, dictionary = (kept(business, name) for name in ("settings", "features", "data_dictionary"))
    assert settings["model"]["num_iterations"] == 60
    assert settings["split"]["kind"] == "by_time"
    assert not {"root", "run", "today"} & set(settings)
    made_from = bundle(business, 1)
    assert features["columns"] == list(made_from.encoding.features)
    assert set(features["versions"]) == {name for name in made_from.lineage["inputs"] if name.startswith("features/")}
    assert [entry["name"] for entry in dictionary] == features["columns"]
    assert all(entry["meaning"] for entry in dictionary)


def kept(root: Path, name: str) -> Any:
    """A JSON artifact of the run of version 1."""
    (path,) = (root / "mlflow" / "artifacts").glob(f"*/artifacts/{name}.json")
    return json.loads(path.read_text())


def test_the_run_names_the_commit_and_hashes_of_data_and_settings(business: Path) -> None:
    with closing(sqlite3.connect(business / "mlflow" / "mlflow.db")) as database:
        tags = dict(database.execute("select key, value from model_version_tags where version = 1"))
    checkout = commit(Path(__file__).parent)
    assert tags.get("mlflow.source.git.commit") == checkout
    assert {len(tags[name]) for name in ("churn.data", "churn.settings", "churn.fingerprint")} == {64}


def test_plain_mlflow_predicts_the_raw_score_of_an_example_that_is_nobodys(business: Path) -> None:
    import mlflow.pyfunc

    made_up = bundle(business, 1)
    (model,) = (business / "mlflow" / "artifacts").glob("*/artifacts/model")
    loaded = mlflow.pyfunc.load_model(str(model))
    example = loaded.input_example
    assert example.to_dict("records") == [made_up.example]
    for entry in made_up.dictionary:
        assert entry.minimum is None or made_up.example[entry.name] >= entry.minimum
        assert entry.maximum is None or made_up.example[entry.name] <= entry.maximum
    trees = Trees.load(made_up.model_text)
    raw = trees.raw_scores(np.array([[made_up.example[name] for name in trees.features]]), num_threads=1)
    assert loaded.predict(example) == pytest.approx(1 / (1 + np.exp(-raw)), rel=1e-12)


@pytest.mark.slow
def test_without_a_date_training_is_as_of_the_newest_raw_day(lake: Path) -> None:
    ran = churn("-m", "stage=train", "model.num_iterations=5,6", root=lake)
    assert ran.code == 0, ran.err
    assert registry(lake).newest() == 3
    assert [str(day) for day in parts(lake, 3)["test"].dates] == ["2025-07-22"]


def test_a_label_whose_window_the_raw_days_do_not_fill_is_refused(untrained: Path) -> None:
    gap = ("dataset.max_gap_days=60", "date=2025-09-10")  # the shop may have been closed since 2025-08-20, or not
    ran = churn("stage=train", *gap, "stage.dates=2025-05-10..2025-08-10/1mo", root=untrained)
    assert ran.code == 3
    assert "labels subscription 2025-08-10: its window ends on 2025-09-08 and the raw days on 2025-08-20" in ran.err
    assert not (untrained / "features").exists()


def forget_at_the_source(root: Path, before: str) -> None:
    for path in (root / "raw" / "subscription").glob("date=*"):
        if path.name < f"date={before}":
            shutil.rmtree(path)


def test_labels_are_not_read_from_raw_days_that_lost_a_file(lake: Path) -> None:
    forget_at_the_source(lake, before="2025-08-01")
    for number in range(12, 30):  # in the label window of the test date 2025-07-11
        (lake / "tables" / "subscription" / f"date=2025-07-{number}" / "cancellations.parquet").unlink()
    ran = churn(*TRAIN, "model.seed=2", root=lake)
    assert ran.code == 3
    assert "date=2025-07-12/cancellations.parquet: missing, or not the bytes that were published" in ran.err
    assert registry(lake).newest() == 1


def test_labels_are_not_read_from_a_window_that_lost_a_raw_day(lake: Path) -> None:
    forget_at_the_source(lake, before="2025-08-01")
    shutil.rmtree(lake / "tables" / "subscription" / "date=2025-07-20")
    ran = churn(*TRAIN, "model.seed=2", root=lake)
    assert ran.code == 3
    assert "labels subscription 2025-07-11: no raw day between 2025-07-19 and 2025-07-21" in ran.err


def test_by_hash_no_customer_is_in_two_parts_on_any_date_and_whom_the_champion_knows_is_no_witness(lake: Path) -> None:
    ran = done(*TRAIN, "split=by_hash", "stage.dates=2025-05-11..2025-07-11/1mo", root=lake)
    made, metrics = parts(lake, 2), bundle(lake, 2).metrics
    assert all([str(day) for day in part.dates] == ["2025-05-11", "2025-06-11", "2025-07-11"] for part in made.values())
    held = [set(made[name].buckets or ()) for name in ("train", "calibration", "test")]
    assert [len(one) for one in held] == [70, 10, 20]
    assert metrics["rows_train"] + metrics["rows_calibration"] + metrics["rows_test"] == 4500
    assert metrics["rows_test"] / 4500 == pytest.approx(0.2, abs=0.02)
    assert metrics["cv_folds"] == 5
    assert metrics["cv_rows"] == metrics["rows_train"]
    assert metrics["cv_auc_std"] > 0
    assert "20 % of the customers" in ran.out
    assert "no promotion: the champion (version 1) learned labels of 2 of the 3 test dates" in ran.out
    assert "stage=promote" not in ran.out
    ran = churn("stage=promote", f"date={TRAINED}", root=lake)  # the champion learned of all customers by time
    assert ran.code == 3
    assert "the champion (version 1) learned labels of the test dates 2025-05-11, 2025-06-11\n" in ran.err


def test_split_by_time_customers_can_be_kept_apart(lake: Path) -> None:
    shares = "split.shares={validation: 20, calibration: 20, test: 20}"
    done(*TRAIN, shares, "split.folds=2", "model.min_data_in_leaf=20", root=lake)
    made = parts(lake, 2)
    held = [set(made[name].buckets or ()) for name in ("train", "calibration", "test")]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]
    assert bundle(lake, 2).metrics["rows_test"] < 400


@pytest.mark.slow
def test_a_weight_of_label_1_beside_a_calibration_is_told(lake: Path) -> None:
    ran = done(*TRAIN, "model.scale_pos_weight=3.0", root=lake)
    told = (
        "model.scale_pos_weight=3 moves the scores away from probabilities, and the calibration (platt) moves them back"
    )
    assert told in ran.out
    assert told in ran.err
    ran = done(*TRAIN, "model.scale_pos_weight=3.0", "stage.calibration=none", root=lake)
    assert "without a calibration they stay there: the published scores are no probabilities" in ran.out


def test_a_model_that_the_engine_cannot_walk_is_told(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn.scoring.forest.MAX_LEAVES", 3)
    ran = done(*TRAIN, "model.num_iterations=2", "split.validation_dates=0", "split.folds=0", root=lake)
    engine = bundle(lake, 2).lineage["engine"]
    assert engine.startswith("lightgbm: a tree has ")
    assert f"our engine cannot walk its trees, scores take many times as long ({engine})" in ran.out


def test_without_a_validation_all_trees_are_grown_and_nothing_in_the_root_that_this_one_was_copied_from(
    business: Path, lake: Path
) -> None:
    before = set((business / "mlflow").rglob("*"))
    ran = done(*TRAIN, "model.seed=9", "split.validation_dates=0", "split.folds=0", root=lake)
    assert set((business / "mlflow").rglob("*")) == before
    assert bundle(lake, 2).lineage["model"]["seed"] == 9
    metrics = bundle(lake, 2).metrics
    assert metrics["trees"] == 60
    assert "cv_folds" not in metrics
    assert "60 as set" in ran.out
    assert "no fold" in ran.out


def test_folds_that_could_not_be_judged_are_counted_with_their_reasons(lake: Path) -> None:
    hashed = ("split=by_hash", "stage.dates=2025-07-11", "split.folds=70", "model.num_iterations=5")
    ran = done(*TRAIN, *hashed, root=lake)
    judged = int(bundle(lake, 2).metrics["cv_folds"])
    assert 0 < judged < 70
    assert f" over {judged} of 70 folds, " in ran.out
    assert re.search(r"no figure for fold \d+ \([01] of \d+ rows are positive\), fold \d+", ran.out)
    assert (f"{70 - judged - 3} more (see the training report)" in ran.out) is (judged < 67)
    pages = [path.read_text() for path in (lake / "mlflow").rglob("training.html")]
    told = f"over {judged} of 70 folds; the table says why {70 - judged} could not be judged"
    assert [told in page for page in pages].count(True) == 1
