"""Every combination of signs has one answer, held against a table that was written by hand."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from churn.drift.triage import Action, Drifting, Estimated, Moved, Realised, Signs, TriageLimits, triage
from churn.errors import SettingsError

LIMITS = TriageLimits(weight=0.3, nights=7)

# Columns: what drifts (yes, once, no, insufficient), under each the estimate (holds, fell, insufficient, none).
# t retrain, c recalibrate, w watch, i insufficient evidence, - none.
BRIEF_OR_LIGHT = """
                  y y y y   o o o o   n n n n   i i i i
                  h f i n   h f i n   h f i n   h f i n
  holds           w t w w   w w w w   - w - -   i i i i
  calibration_off c c c c   c c c c   c c c c   c c c c
  level_off       t t t t   t t t t   t t t t   t t t t
  loss            t t t t   t t t t   t t t t   t t t t
  insufficient    i t i i   i i i i   i i i i   i i i i
  none            w t i i   w w i w   - w i -   i i i i
"""
# Where columns that matter have drifted for long, every answer is to retrain.
LETTERS = {"t": Action.RETRAIN, "c": Action.RECALIBRATE, "w": Action.WATCH, "i": Action.INSUFFICIENT, "-": Action.NONE}

LASTING = (Moved(column="a", weight=0.2, nights=7), Moved(column="b", weight=0.1, nights=30))
HARMLESS = {
    "nothing": (),
    "brief": (Moved(column="a", weight=0.9, nights=6),),
    "light": (Moved(column="a", weight=0.29, nights=30),),
    "light where it lasts": (Moved(column="a", weight=0.9, nights=6), Moved(column="b", weight=0.29, nights=7)),
}
EVERY = tuple(product(get_args(Drifting), get_args(Estimated), get_args(Realised)))


def signs(
    drifting: Drifting, estimated: Estimated, realised: Realised, *, moved: tuple[Moved, ...] = (), faults: int = 0
) -> Signs:
    named = tuple(f"feed {number}: null-filled" for number in range(faults))
    return Signs(faults=named, drifting=drifting, moved=moved, estimated=estimated, realised=realised)


def expected() -> dict[tuple[str, str, str], Action]:
    first, second, *rows = (line.split() for line in BRIEF_OR_LIGHT.strip().splitlines())
    drifting = {word[0]: word for word in get_args(Drifting)}
    estimated = {word[0]: word for word in get_args(Estimated)}
    return {
        (drifting[one], estimated[other], realised): LETTERS[letter]
        for realised, *letters in rows
        for one, other, letter in zip(first, second, letters, strict=True)
    }


def test_the_table_has_every_combination() -> None:
    assert set(expected()) == set(EVERY)


@pytest.mark.parametrize("moved", HARMLESS.values(), ids=HARMLESS)
def test_every_combination_has_the_answer_of_the_table(moved: tuple[Moved, ...]) -> None:
    answers = {case: triage(signs(*case, moved=moved), LIMITS).action for case in EVERY}
    assert answers == expected()


def test_columns_that_matter_and_drift_for_long_retrain_whatever_the_estimate_says() -> None:
    assert {triage(signs(*case, moved=LASTING), LIMITS).action for case in EVERY} == {Action.RETRAIN}


@pytest.mark.parametrize("faults", [1, 3])
@pytest.mark.parametrize("moved", [(), LASTING], ids=["steady", "lasting"])
def test_a_fault_stops_and_never_retrains(faults: int, moved: tuple[Moved, ...]) -> None:
    found = [triage(signs(*case, moved=moved, faults=faults), LIMITS) for case in EVERY]
    assert {one.action for one in found} == {Action.STOP}
    assert all(f"feed {number}: null-filled" in one.reason for one in found for number in range(faults))


def test_every_answer_has_its_ground_first_and_says_nothing_twice() -> None:
    for case in EVERY:
        found = triage(signs(*case), LIMITS)
        assert all(found.grounds)
        assert len(found.grounds) == len(set(found.grounds))
        if found.action is Action.RECALIBRATE:
            assert "probabilities are off" in found.grounds[0]


def test_the_columns_that_decide_are_named_with_their_part_in_the_model_the_heaviest_first() -> None:
    also = Moved(column="brief", weight=0.5, nights=1)
    reason = triage(signs("yes", "holds", "none", moved=(*reversed(LASTING), also)), LIMITS).reason
    assert "columns with 30 % of the model (limit 30 %) have drifted for 7 nights or more: a, b" in reason
    assert "brief" not in reason


@pytest.mark.parametrize(("weight", "nights"), [(0.0, 7), (1.1, 7), (0.3, 0), (float("nan"), 7)])
def test_limits_that_mean_nothing_are_refused(weight: float, nights: int) -> None:
    with pytest.raises(SettingsError, match="weight="):
        TriageLimits(weight=weight, nights=nights)
