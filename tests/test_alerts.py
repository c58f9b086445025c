"""The alert rules ask for what runs write: each metric, and each label's value."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from churn.drift.triage import Action
from churn.errors import ExitCode
from churn.findings import Answer
from churn.places import CONF
from churn.promotion.hindsight import Hindsight
from churn.reports.exposition import HELP
from churn.usage import options

FILE = CONF / "schedule" / "alerts.yml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
VALUES = {
    "stage": set(options("stage")),
    "kind": {"features", "predictions", "drift", "outcomes"},
    "answer": {*map(str, Answer)},
    "action": {*map(str, Action)},
    "verdict": {*map(str, Hindsight)},
}
_FUNCTIONS = {"absent", "time", "on", "or", "unless", "offset"}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_names_metrics_and_values_that_are_written(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    matchers = re.findall(r'(\w+)=~?"([^"]*)"', expression)
    for label, text in matchers:
        assert set(text.split("|")) <= VALUES[label], text
    plain = re.sub(r"\{[^}]*\}", "", expression)
    names = set(re.findall(r"[a-z]\w*", re.sub(r"\b\d[\w.]*", "", plain)))
    names -= _FUNCTIONS | {"dataset", "stage"}
    assert names
    assert names <= HELP.keys()
    assert expression.count("(") == expression.count(")")
    for code in re.findall(r"churn_run_exit_code(?:\{[^}]*\})? == (\d+)", expression):
        assert int(code) in {*ExitCode}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_says_how_grave_it_is_and_what_was_found(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Churn[A-Z]\w+", rule["alert"])
    assert re.fullmatch(r"\d+[mhd]", rule.get("for", "1h"))
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= {"dataset", "stage", "action"}


def test_figures_that_do_not_arrive_or_are_no_number_are_alarms() -> None:
    asked = [rule["expr"] for rule in RULES]
    assert 'absent(churn_run_end_timestamp_seconds{stage="nightly"})' in asked
    assert not any(
        re.search(r"churn_(drift_psi_max|outcomes_auc)\S* [<>]=? ?\d", rule) for rule in asked if "unless" not in rule
    )


def test_every_name_is_its_own_and_every_state_of_a_failed_run_is_covered() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len({*names})
    asked = {int(code) for rule in RULES for code in re.findall(r"exit_code(?:\{[^}]*\})? == (\d+)", rule["expr"])}
    told_otherwise = {ExitCode.OK, ExitCode.DRIFT_ALARM, ExitCode.LOCKED}  # by its verdict; another run is at work
    assert asked == {*ExitCode} - told_otherwise
