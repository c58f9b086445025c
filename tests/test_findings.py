"""A pass or a warning stands on figures that are there; what could not be computed is never one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from churn.errors import DataError
from churn.findings import Answer, Finding

SOUND: dict[str, Any] = {"figure": 0.1, "interval": (0.0, 0.2), "smallest_effect": 0.1}
BROKEN = [
    {"figure": math.nan},
    {"interval": (math.nan, 0.2)},
    {"interval": (0.0, math.inf)},
    {"smallest_effect": math.inf},
]


def _finding(answer: Answer, **numbers: Any) -> Finding:
    return Finding(check="c", answer=answer, limit=0.5, n=9, unit="share", reason="why", **SOUND | numbers)


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("answer", [Answer.PASS, Answer.WARN])
def test_what_cannot_be_computed_is_no_pass_and_no_warning(answer: Answer, broken: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"check c: {answer}, and a figure that cannot be computed: why"):
        _finding(answer, **broken)


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("answer", [Answer.FAIL, Answer.INSUFFICIENT])
def test_a_failure_and_a_lack_of_evidence_show_what_there_is(answer: Answer, broken: dict[str, Any]) -> None:
    assert _finding(answer, **broken).answer is answer


def test_a_figure_that_does_not_exist_may_pass() -> None:
    assert _finding(Answer.PASS, figure=None, interval=None, smallest_effect=None).answer is Answer.PASS
