"""What the gates look at is what nights use, and no label that the champion knows."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.model_quality import settings_of
from churn.case import lay_out
from churn.champion import learned_dates, require_champion
from churn.doors import Doors
from churn.scoring.stepwise import Stepwise
from churn.training.encoding import Floats
from churn.training.split import Part
from tests.command import TRAINED


@pytest.fixture
def doors(lake: Path) -> Doors:
    return Doors(settings_of("stage=promote", f"date={TRAINED}", f"root={lake}"))


def test_the_speed_is_that_of_what_walks_the_trees_at_night(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    walked = []

    def walk(self: Stepwise, matrix: Floats, *, num_threads: int) -> Floats:
        walked.append(len(matrix))
        return np.zeros(len(matrix))

    monkeypatch.setattr(Stepwise, "raw_scores", walk)
    case = lay_out(doors, require_champion(doors), champion=None)
    assert walked == [1500, 1500]
    assert case.evidence.challenger.std() > 0  # judged by LightGBM, as it was trained
    assert case.evidence.cost is not None


def test_the_longer_horizon_says_which_dates_the_champion_learned_of(doors: Doors) -> None:
    champion = require_champion(doors)
    parts = [Part.from_json(champion.bundle.lineage["parts"][name]) for name in ("train", "calibration")]
    last: date = max(day for part in parts for day in part.dates)
    near, far = (last + timedelta(days=days) for days in (champion.bundle.horizon_days, 60))
    test = Part(dates=(near, far))
    assert learned_dates(champion, test, horizon_days=7) == ()
    assert learned_dates(champion, test, horizon_days=60) == (near,)
