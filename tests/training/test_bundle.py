from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.errors import DataError
from churn.features.feature import Feature
from churn.training.bands import Bands
from churn.training.bundle import Bundle, DictionaryEntry, score_grid
from churn.training.calibration import Calibrator, Exponential, Identity, Isotonic, Platt
from churn.training.encoding import Encoding

PLAN = Feature(name="plan", expr=pl.col("p"), dtype="category", unit="", meaning="tarif à l'été", levels=("a", "b"))
AGE = Feature(name="age", expr=pl.col("a"), dtype="integer", unit="years", meaning="", minimum=18, watched=False)
BUNDLE = Bundle(
    model_text="tree\nend\n",
    task="binary",
    encoding=Encoding(features=("plan", "age"), levels=(("plan", ("a", "b")),)),
    calibrator=Platt(slope=1 / 3, intercept=-0.1),
    score_name="churn_30d",
    key="customer_id",
    horizon_days=30,
    score_grid=(0.1, 1 / 3, 0.9),
    segments=(("high", 0.9), ("rest", 0.0)),
    dictionary=(DictionaryEntry.of(PLAN), DictionaryEntry.of(AGE)),
    metrics={"auc": 0.8123456789012345, "rows": 1000},
    lineage={"features": {"2024-01-01": "ab12"}, "dates": {"train": ["2024-01-01"]}, "sql": None},
    reference=b"\x00\xffPAR1",
    bands=Bands(edges=(1 / 3,), low=(-0.1, -0.2), high=(0.1, 1 / 7), task="binary"),
)
FILES = BUNDLE.to_files()
NAMES = sorted(FILES)


def resealed(change: Callable[[dict[str, object]], object]) -> dict[str, bytes]:
    """The files with one changed field and checksums that agree, as another version of the code would write them."""
    content = json.loads(FILES["bundle.json"])
    change(content)
    changed = json.dumps(content).encode()
    checksums = json.loads(FILES["checksums.json"])
    checksums["sha256"]["bundle.json"] = sha256(changed).hexdigest()
    spelled = json.dumps(checksums, sort_keys=True, indent=1) + "\n"
    return FILES | {"bundle.json": changed, "checksums.json": spelled.encode()}


@pytest.mark.parametrize(
    "calibrator",
    [Platt(slope=1 / 3, intercept=-0.1), Identity(), Isotonic(knots=(-1.0, 1 / 3), chances=(0.1, 0.9)), Exponential()],
)
def test_a_bundle_comes_back_from_its_files_as_it_was(calibrator: Calibrator) -> None:
    bundle = replace(BUNDLE, calibrator=calibrator)
    back = Bundle.from_files(bundle.to_files())
    assert back == bundle
    assert back.to_files() == bundle.to_files()
    assert back.fingerprint == bundle.fingerprint


def test_a_bundle_of_before_there_were_bands_is_still_the_one_that_was_registered() -> None:
    fields = json.loads(FILES["bundle.json"])
    del fields["bands"]
    spelled = json.dumps(fields, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    then = FILES["checksums.json"].replace(
        sha256(FILES["bundle.json"]).hexdigest().encode(), sha256(spelled.encode()).hexdigest().encode()
    )
    back = Bundle.from_files(FILES | {"bundle.json": spelled.encode(), "checksums.json": then})
    assert back == replace(BUNDLE, bands=None)
    assert back.fingerprint == sha256(then).hexdigest()


def test_files_are_text_json_and_the_reference_as_it_was_given() -> None:
    assert NAMES == ["bundle.json", "checksums.json", "model.txt", "reference.parquet"]
    assert FILES["model.txt"] == b"tree\nend\n"
    assert FILES["reference.parquet"] == b"\x00\xffPAR1"
    assert json.loads(FILES["bundle.json"])["metrics"] == {"auc": 0.8123456789012345, "rows": 1000}


def test_the_order_in_which_metrics_were_added_changes_no_byte() -> None:
    assert replace(BUNDLE, metrics=dict(reversed(BUNDLE.metrics.items()))).to_files() == FILES


def test_checksums_are_sha256_of_each_file_and_the_fingerprint_is_theirs() -> None:
    claimed = json.loads(FILES["checksums.json"])["sha256"]
    assert claimed == {name: sha256(FILES[name]).hexdigest() for name in NAMES if name != "checksums.json"}
    assert BUNDLE.fingerprint == sha256(FILES["checksums.json"]).hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        {"model_text": "tree\n"},
        {"reference": b""},
        {"score_grid": (0.1, 0.2, 0.9)},
        {"horizon_days": 31},
        {"calibrator": Identity()},
        {"segments": (("all", 0.0),)},
        {"dictionary": ()},
        {"lineage": {}},
        {"score_name": "other"},
        {"key": "other"},
        {"metrics": {}},
        {"bands": None},
        {"encoding": Encoding(features=("age",), levels=())},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_change_of_any_field_changes_the_fingerprint(changed: dict[str, object]) -> None:
    assert replace(BUNDLE, **changed).fingerprint != BUNDLE.fingerprint  # type: ignore[arg-type]


@given(st.sampled_from(NAMES), st.data())
def test_a_changed_byte_in_any_file_is_refused(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DataError, match="bundle file"):
        Bundle.from_files(FILES | {name: bytes(content)})


@pytest.mark.parametrize("name", ["bundle.json", "model.txt", "reference.parquet"])
def test_a_changed_file_is_named(name: str) -> None:
    with pytest.raises(DataError, match=f"bundle file {name}"):
        Bundle.from_files(FILES | {name: FILES[name] + b" "})


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_or_cut_file_is_named(name: str) -> None:
    with pytest.raises(DataError, match=f"bundle file {name}: missing"):
        Bundle.from_files({other: FILES[other] for other in NAMES if other != name})
    with pytest.raises(DataError, match="bundle file"):
        Bundle.from_files(FILES | {name: FILES[name][:-1]})


@pytest.mark.parametrize(
    "checksums", [b"", b"[]", b"\xff", b"{}", b'{"format": 1}', b'{"format": 1, "sha256": 5}', b'{"format": "1"}']
)
def test_checksums_that_say_nothing_are_refused(checksums: bytes) -> None:
    with pytest.raises(DataError, match="bundle file"):
        Bundle.from_files(FILES | {"checksums.json": checksums})


def test_a_format_of_the_future_is_refused_by_its_number() -> None:
    future = FILES["checksums.json"].replace(b'"format": 2', b'"format": 3')
    with pytest.raises(DataError, match=r"checksums\.json: format version 3, and this code reads 2"):
        Bundle.from_files(FILES | {"checksums.json": future})


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("key"),
        lambda content: content.update(more=1),
        lambda content: content.update(segments=[1]),
        lambda content: content["calibrator"].update(extra=1),
        lambda content: content["bands"].pop("low"),
    ],
)
def test_sealed_fields_that_are_no_bundle_are_refused(change: Callable[[dict[str, object]], object]) -> None:
    with pytest.raises(DataError, match=r"bundle file bundle\.json"):
        Bundle.from_files(resealed(change))


def test_a_file_that_the_bundle_does_not_know_is_not_read() -> None:
    assert Bundle.from_files(FILES | {"MLmodel": b"anything"}) == BUNDLE


@pytest.mark.parametrize("figure", [float("nan"), float("inf")])
def test_a_metric_that_could_not_be_computed_makes_no_bundle(figure: float) -> None:
    with pytest.raises(DataError, match="no finite number for brier"):
        replace(BUNDLE, metrics={"auc": 0.8, "brier": figure})


def test_the_dictionary_says_all_that_a_feature_declares_but_its_expression() -> None:
    names = {field.name for field in fields(Feature)} - {"expr"}
    assert {field.name for field in fields(DictionaryEntry)} == names
    assert all(getattr(DictionaryEntry.of(AGE), name) == getattr(AGE, name) for name in names)


def test_the_score_grid_runs_from_the_lowest_to_the_highest_reference_score_in_equal_shares() -> None:
    scores = np.random.default_rng(0).permutation(np.linspace(0.0, 1.0, 2001))
    grid = score_grid(scores)
    np.testing.assert_allclose(grid, np.linspace(0.0, 1.0, 1001), atol=1e-12)
