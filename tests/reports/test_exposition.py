"""What Prometheus reads is what was given, whatever stands in it."""

from __future__ import annotations

import math
import re

import pytest

from churn.reports.exposition import HELP, Sample, exposition, value_in
from tests.exposition import read

STRANGE = 'a "word", a \\ and a\nline}= 3'


def test_what_is_read_is_what_was_given() -> None:
    given = {("churn_night_rows", kind): value for kind, value in ((STRANGE, 1e22), ("b", 0.1), ("c", -math.inf))}
    samples = [Sample(name=name, labels={"kind": kind, "x": ""}, value=value) for (name, kind), value in given.items()]
    first, *others = samples
    beside = Sample(name="churn_run_exit_code", labels={"kind": "d"}, value=True)
    found = read(exposition([first, beside, *others]))
    assert found.pop(("churn_run_exit_code", frozenset({("kind", "d")}))) == 1
    assert {(name, dict(labels)["kind"]): value for (name, labels), value in found.items()} == given


def test_no_number_is_told_as_no_number() -> None:
    (value,) = read(exposition([Sample(name="churn_drift_psi_max", labels={"dataset": "a"}, value=math.nan)])).values()
    assert math.isnan(value)


def test_nothing_is_an_empty_text() -> None:
    assert exposition([]) == ""


def test_a_metric_that_is_not_declared_cannot_be_written() -> None:
    with pytest.raises(KeyError):
        exposition([Sample(name="churn_nights", labels={}, value=1)])


def test_a_value_is_found_by_its_whole_name() -> None:
    names = ("churn_run_end_timestamp_seconds", "churn_run_duration_seconds")
    samples = [
        Sample(name=name, labels={"a": "{b} 3"}, value=value) for name, value in zip(names, (1.5, 2), strict=True)
    ]
    text = exposition(samples)
    assert value_in(text, "churn_run_duration_seconds") == 2
    assert value_in(text, "churn_run_end_timestamp_seconds") == 1.5
    assert value_in(text, "churn_run_end_timestamp") is None


def test_names_carry_their_units_and_texts_end_as_sentences() -> None:
    for name, words in HELP.items():
        assert re.fullmatch(r"churn_[a-z]+(_[a-z]+)+", name), name
        assert words.endswith("."), name
        assert "\n" not in words
        assert ("timestamp" in name or "duration" in name) == name.endswith("_seconds"), name
        assert ("memory" in name or "disk" in name) == name.endswith("_bytes"), name
