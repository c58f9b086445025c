"""A champion can be taken back at once, with a reason, and does not come back by itself; the history tells it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from churn.stores.registry import Registry
from tests.command import FAST, TRAINED, churn, done
from tests.decisions import crown


def opened(root: Path) -> Registry:
    return Registry(folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")


def champion(root: Path) -> int:
    found = opened(root).champion()
    assert found is not None
    return found.version


@pytest.fixture
def second(lake: Path) -> Path:
    """A root whose second champion reigns since 2025-08-15."""
    done("stage=train", f"date={TRAINED}", "model.seed=9", *FAST, root=lake)
    crown(opened(lake), 2, since="2025-08-15")
    return lake


def test_a_rollback_makes_the_champion_before_champion_again_and_the_history_says_why(second: Path) -> None:
    ran = done("stage=rollback", "date=2025-08-18", "reason='scores students, too, high'", root=second)
    assert champion(second) == 1
    assert "version 1 is champion again, from 2025-08-18 on" in ran.out
    history = done("stage=history", root=second).out
    assert "version 1 since 2025-08-18" in history
    promoted, other, back = history.splitlines()[-3:]
    assert " 2025-08-10 to before 2025-08-15 " in promoted
    assert " 2025-08-15 to before 2025-08-18 " in other
    assert " rolled back to " in back
    assert " 2025-08-18 to now " in back
    assert back.endswith("scores students, too, high")
    as_of = done("stage=score", "date=2025-08-20", "stage.model=as_of", *FAST, root=second)
    assert "version 1 of" in as_of.out


def test_a_version_that_was_rolled_back_needs_a_persons_yes_to_come_back(second: Path) -> None:
    done("stage=rollback", "date=2025-08-18", "reason=wrong", root=second)
    command = (
        "stage=promote",
        f"date={TRAINED}",
        "gates.champion.kind=non_inferior",
        "+gates.champion.margin=0.49",
    )
    refused = churn(*command, root=second)
    assert (refused.code, champion(second)) == (4, 1)
    assert "it was rolled back on" in refused.out
    assert "(wrong)" in refused.out
    assert "refused" in done("stage=history", root=second).out.splitlines()[-1]
    done(*command, "approve=true", "reason='it was the data'", root=second)
    assert champion(second) == 2


def test_a_rollback_goes_to_the_version_that_is_named(second: Path) -> None:
    crown(opened(second), 1, since="2025-08-16")
    crown(opened(second), 2, since="2025-08-17")
    assert "champion already" in done("stage=rollback", "version=2", "reason=x", root=second).out
    done("stage=rollback", "version=1", "reason=x", root=second)
    assert champion(second) == 1


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (("version=1",), "no reason", 2),
        (("version=9", "reason=x"), "no version 9", 2),
        (("reason=x",), "version 1 is the first champion that is on record", 2),
        (("reason=x", "date=2025-08-01..2025-08-02"), "2 dates", 2),
    ],
)
def test_a_rollback_that_cannot_be_is_refused(lake: Path, arguments: tuple[str, ...], told: str, code: int) -> None:
    ran = churn("stage=rollback", *arguments, root=lake)
    assert (ran.code, champion(lake)) == (code, 1)
    assert told in ran.err


def test_nothing_to_roll_back_to_is_told(taken: Path) -> None:
    ran = churn("stage=rollback", "reason=x", root=taken)
    assert (ran.code, "no champion yet" in ran.err) == (2, True)


def test_a_version_whose_bundle_is_damaged_does_not_come_back(second: Path) -> None:
    (model,) = {path for path in second.glob("mlflow/artifacts/*/artifacts/bundle") if b"seed: 9" not in text_of(path)}
    shutil.rmtree(model)
    ran = churn("stage=rollback", "reason=x", root=second)
    assert (ran.code, champion(second)) == (75, 2)


def text_of(bundle: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(bundle.iterdir()))


def test_a_decision_that_was_not_carried_out_stands_in_the_history_as_such(lake: Path) -> None:
    from tests.decisions import A_DECISION

    opened(lake).record(A_DECISION)
    assert "not carried out" in done("stage=history", root=lake).out.splitlines()[-1]
