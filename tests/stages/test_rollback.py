"""A champion can be taken back at once, with a reason, and does not come back by itself; the history tells it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn.errors import TryAgainError
from churn.stores.registry import Registry
from tests.command import FAST, TRAINED, churn, copied, done
from tests.decisions import crown

LENIENT = ("gates.champion.kind=non_inferior", "+gates.champion.margin=0.49")


def opened(root: Path) -> Registry:
    return Registry(folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")


def champion(root: Path) -> int:
    found = opened(root).champion()
    assert found is not None
    return found.version


@pytest.fixture(scope="module")
def crowned(business: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root whose second champion reigns since 2025-08-15; not to be written to."""
    root = copied(business, tmp_path_factory.mktemp("crowned") / "lake")
    done("stage=train", f"date={TRAINED}", "model.seed=9", *FAST, root=root)
    crown(opened(root), 2, since="2025-08-15")
    return root


@pytest.fixture
def second(crowned: Path, tmp_path: Path) -> Path:
    """A copy of `crowned` that a test may change."""
    return copied(crowned, tmp_path / "lake")


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


@pytest.mark.slow
def test_a_version_that_was_rolled_back_needs_a_persons_yes_to_come_back(second: Path) -> None:
    done("stage=rollback", "date=2025-08-18", "reason=wrong", root=second)
    command = ("stage=promote", f"date={TRAINED}", *LENIENT)
    refused = churn(*command, root=second)
    assert (refused.code, champion(second)) == (4, 1)
    assert "it was rolled back on" in refused.out
    assert "(wrong)" in refused.out
    assert " waits " in done("stage=history", root=second).out.splitlines()[-1]
    unnamed = churn(*command, "approve=true", "reason='it was the data'", root=second)
    assert (unnamed.code, champion(second)) == (2, 1)
    assert "approve=true without a version" in unnamed.err
    done(*command, "version=2", "approve=true", "reason='it was the data'", root=second)
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
        (("reason=x",), "no version reigned before version 1", 2),
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


def test_a_second_rollback_does_not_bring_back_what_the_first_took_away(second: Path) -> None:
    done("stage=rollback", "date=2025-08-18", "reason=wrong", root=second)
    again = churn("stage=rollback", "date=2025-08-18", "reason=again", root=second)
    assert (again.code, champion(second)) == (2, 1)
    assert "no version reigned before version 1 that was not rolled back" in again.err


def test_a_rollback_that_was_cut_off_keeps_its_distrust_and_is_finished_by_the_next_command(
    second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(self: Registry, name: str, *_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.set_registered_model_tag", cut_off)
        assert churn("stage=rollback", "date=2025-08-18", "reason=wrong", root=second).code == 130
    assert champion(second) == 1
    refused = churn("stage=promote", f"date={TRAINED}", *LENIENT, root=second)
    assert (refused.code, champion(second)) == (4, 1)
    assert "it was rolled back on" in refused.out
    rows = done("stage=history", root=second).out.splitlines()
    assert any(" rolled back to " in row and row.endswith("wrong") for row in rows)


def test_an_alias_that_was_lost_is_no_first_promotion_and_can_be_set_back(second: Path) -> None:
    with opened(second)._tracking.talk() as client:
        client.delete_registered_model_alias("churn-predictor", "champion")
    refused = churn("stage=promote", f"date={TRAINED}", root=second)
    assert (refused.code, opened(second).champion()) == (2, None)
    assert "stage=rollback version=2" in refused.err
    done("stage=rollback", "version=2", "date=2025-08-18", "reason='the alias was lost'", root=second)
    assert champion(second) == 2


def test_a_reign_that_begins_before_an_earlier_one_takes_its_nights(second: Path) -> None:
    crown(opened(second), 1, since="2025-08-12")
    first, taken, last = done("stage=history", root=second).out.splitlines()[-3:]
    assert " 2025-08-10 to before 2025-08-12 " in first
    assert " none " in taken
    assert " 2025-08-12 to now " in last


def test_a_champion_by_another_machine_meanwhile_stops_the_decision(second: Path) -> None:
    from dataclasses import replace

    from tests.decisions import A_DECISION

    judged = opened(second).record(replace(A_DECISION, version=1, champion=None))
    with pytest.raises(TryAgainError, match="version 2 is champion by now"):
        opened(second).crown(judged)
    assert champion(second) == 2


def test_without_its_sources_a_rollback_reigns_from_today_on(second: Path) -> None:
    shutil.rmtree(second / "raw")
    ran = done("stage=rollback", "reason=wrong", root=second)
    assert f"from {datetime.now(UTC).date()} on" in ran.out
