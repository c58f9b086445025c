"""How many nights until the alarm where a business drifts? `python -m benchmarks.drift_scenario [SEEDS]`.

The whole program on simulated businesses of 8,000 customers, default settings, 3 seeds unless told: the simulator's
scenario `drift` changes on one day who comes, what they pay and how much they use, so that a night's customers change
little by little as the old ones leave. Nights before the change are calm, and an alarm there would be a false one.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.cost import machine
from churn.__main__ import main as churn
from churn.stores.lake import Lake
from churn.stores.partition import Partition

FIRST, CHANGE, LAST = date(2025, 8, 6), date(2025, 8, 20), date(2025, 9, 17)


def main(seeds: int = 3) -> None:
    """Prints a line a night of each business, and how long the alarm took."""
    print(f"{machine()}; the change shows from the night of {CHANGE + timedelta(days=1)} on")
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            nights = _watched(Path(folder), seed)
        for day, facts in nights.items():
            print(f"seed {seed}, {day}: {facts['answer']:<8} {'alarm' if facts['alarm'] else '-':<6} {facts['reason']}")
            print(f"  {facts['action']}: {'; '.join(facts['grounds'])}")
        print(_in_short(seed, nights), flush=True)


def _watched(root: Path, seed: int) -> dict[date, dict[str, Any]]:
    business = (f"stage.business.seed={seed}", "stage.business.scenario=drift", f"stage.business.change_date={CHANGE}")
    _run(root, "stage=simulate", f"date=2025-01-01..{LAST}", *business)
    _run(root, "stage=train", f"date={FIRST}")
    _run(root, "stage=promote", f"date={FIRST}")
    _run(root, "stage=nightly", f"date={FIRST}..{LAST}")
    lake = Lake(root)
    found = {day: lake.manifest(Partition(kind="drift", dataset="subscription", day=day)) for day in _days()}
    return {day: manifest.facts for day, manifest in found.items() if manifest}


def _days() -> list[date]:
    return [FIRST + timedelta(days=count) for count in range((LAST - FIRST).days + 1)]


def _run(root: Path, *arguments: str) -> None:
    code = churn([*arguments, f"root={root}"])
    if code not in {0, 5}:
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {code}")


def _in_short(seed: int, nights: dict[date, dict[str, Any]]) -> str:
    calm = [facts for day, facts in nights.items() if day <= CHANGE]
    after = [facts["alarm"] for day, facts in nights.items() if day > CHANGE]
    until = f"on night {after.index(True) + 1} after it" if True in after else f"not in {len(after)} nights"
    false = sum(facts["alarm"] for facts in calm)
    return f"seed {seed}: {false} alarms on {len(calm)} nights before the change; the alarm came {until}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
