"""The gates' own error rates are measured on the champion's rows: a clone passes seldom, and nothing moves."""

from __future__ import annotations

import re
from pathlib import Path

from churn.stores.registry import Registry
from tests.command import TRAINED, churn, done


def test_a_rehearsal_says_how_often_each_challenger_would_be_promoted(business: Path) -> None:
    before = decisions(business)
    ran = done("stage=rehearse", f"date={TRAINED}", "trials=20", root=business)
    told = {
        name: int(count) for name, count in re.findall(r"^ +(\D+?) +[-+]\S+ AUC +(\d+) of 20", ran.out, re.MULTILINE)
    }
    assert told.keys() == {"clone", "slightly worse", "shuffled labels"}
    assert told["clone"] <= 5
    assert told["shuffled labels"] == 0
    assert decisions(business) == before


def decisions(root: Path) -> int:
    registry = Registry(folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    return len(registry.decisions())


def test_there_is_nothing_to_rehearse_without_a_champion(taken: Path) -> None:
    ran = churn("stage=rehearse", f"date={TRAINED}", root=taken)
    assert (ran.code, "no champion yet" in ran.err) == (2, True)
