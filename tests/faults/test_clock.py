"""A clock that was set back by a year changes no byte of a night, makes nothing twice and hides nothing."""

from __future__ import annotations

from churn.errors import ExitCode
from tests.faults.ground import Ground, heavy
from tests.faults.injector import Calls, Fault

_YEAR = 366 * 24 * 3600
_EARLIER = Fault(calls=Calls(0), late_seconds=_YEAR)


@heavy
def test_a_night_made_while_the_clock_is_a_year_late_is_the_same_night(ground: Ground) -> None:
    ground.reset()
    ended = ground.night(_EARLIER)
    assert ended.code == ExitCode.OK, ended.said
    ground.check_whole()
    ground.check_completed()


@heavy
def test_a_clock_set_back_after_a_night_makes_nothing_again(ground: Ground) -> None:
    ground.reset()
    assert ground.night().code == ExitCode.OK
    ended = ground.night(_EARLIER)
    assert ended.code == ExitCode.OK, ended.said
    assert "rows by version" not in ended.said
    ground.check_completed()
