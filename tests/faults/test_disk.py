"""A disk that fails at any call leaves a whole lake and one clear error, and the next run completes the night."""

from __future__ import annotations

import errno
import random
import re
from collections.abc import Callable, Sequence

import pytest

from churn.errors import ExitCode
from tests.faults.ground import FAULTS, Ground, heavy
from tests.faults.injector import Calls, Fault

FIRST = "the disk is full from then on"
KINDS = {
    FIRST: (Calls.CHANGES, errno.ENOSPC, True),
    "there is no space once": (Calls.CHANGES, errno.ENOSPC, False),
    "a change fails": (Calls.CHANGES | Calls.REMOVALS, errno.EIO, False),
    "a read fails": (Calls.READS, errno.EIO, False),
}


def chosen(calls: Sequence[str], *, count: int) -> list[int]:
    """Returns the numbers of some calls, first one each of a different call to a different file, whatever its day."""
    chance, numbers = random.Random(1), list(range(1, len(calls) + 1))
    chance.shuffle(numbers)
    kinds = {re.sub(r"\d+|[0-9a-f]{16,}", "#", calls[number - 1]): number for number in numbers}
    first = sorted(kinds.values())
    chance.shuffle(first)
    others = [number for number in numbers if number not in kinds.values()]
    return sorted([*first, *others][:count])


@heavy
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_costs_a_night_nothing_but_the_run(
    ground: Ground, kind: str, record_property: Callable[[str, object], None]
) -> None:
    calls, error, stays = KINDS[kind]
    ground.reset()
    numbers = chosen(ground.calls if kind == FIRST else ground.night(Fault(calls=calls)).calls, count=FAULTS)
    faults = [Fault(calls=calls, error=error, stays=stays, at=number) for number in numbers]
    broken = [f"{kind}: {told}" for fault in faults if (told := _befallen(ground, fault))]
    record_property("faults", {"injected": len(faults), "completed by the next run": len(faults) - len(broken)})
    assert broken == []


def _befallen(ground: Ground, fault: Fault) -> str:
    """Returns what is wrong once a night met a fault and the next run is over; nothing where all is well."""
    ground.reset()
    ended = ground.night(fault)
    call = ended.calls[fault.at - 1] if len(ended.calls) >= fault.at else "it did not come to it"
    try:
        assert ended.code in {ExitCode.OK, ExitCode.TRY_AGAIN}, ended.said
        assert ended.code == ExitCode.OK or "\n  do: " in ended.said
        assert "Traceback" not in ended.said
        ground.check_whole()
        ground.check_completed()
    except Exception as wrong:  # noqa: BLE001 - every fault gets its turn
        return f"call {fault.at:,} ({call}), exit code {ended.code}: {wrong}"
    return ""


@heavy
def test_writes_that_write_half_of_what_they_are_asked_to_lose_nothing(ground: Ground) -> None:
    ground.reset()
    ended = ground.night(Fault(halves=True))
    assert ended.code == ExitCode.OK, ended.said
    ground.check_whole()
    ground.check_completed()
