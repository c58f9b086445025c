"""A sweep says what became of every trial, whichever process it ran in, and which trial won."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import churn.__main__
from churn import sweep
from churn.errors import ExitCode
from churn.places import CONF
from churn.reports.outcome import Outcome, Trial
from churn.reports.trials import TrialEnd, ranked, trials_table, varied
from churn.stores.registry import Registry
from tests.command import FAST, TRAINED, copied
from tests.command import churn as command

if TYPE_CHECKING:
    from omegaconf import DictConfig

AT_ONCE = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
TRIAL = Trial(
    objective="cv_auc_mean",
    figure=0.8,
    standard_error=0.01,
    interval=(0.78, 0.82),
    n=1500,
    judged_on="the newest two dates",
    leaves=100,
    greater_is_better=True,
)
END = TrialEnd(
    number=0, overrides=("stage=train",), state="finished", code=0, error=None, seconds=1.25, trial=TRIAL, version=3
)


def ends_of(*trials: tuple[float, int], greater_is_better: bool = True) -> list[TrialEnd]:
    """Trials by figure and leaves, numbered from 0."""
    return [
        replace(
            END,
            number=number,
            trial=replace(TRIAL, figure=figure, leaves=leaves, greater_is_better=greater_is_better),
        )
        for number, (figure, leaves) in enumerate(trials)
    ]


def record(end: TrialEnd, *, stage: str = "train") -> sweep.Record:
    return sweep.Record(end=end, stage=stage, settings=None)


def dying(config: DictConfig) -> None:
    """A trial whose process is killed, as for want of memory, where the trial is the second."""
    from hydra.core.hydra_config import HydraConfig

    job = HydraConfig.get()
    if job.job.num == 1:
        sweep.begin(Path(job.sweep.dir), 1, overrides=list(job.overrides.task), stage="train")
        os.kill(os.getpid(), signal.SIGKILL)
    churn.__main__.trial(config)


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of conf/ that a test may edit."""
    copy = Path(shutil.copytree(CONF, tmp_path / "checkout" / "conf"))
    monkeypatch.setattr(churn.__main__, "CONF", copy)
    return copy


def test_the_table_has_the_best_first_and_failures_last_with_their_reason() -> None:
    good, better = ends_of((0.71, 40), (0.75, 80))
    failed = replace(END, number=2, state="failed", code=3, error="labels: one class only", trial=None, version=None)
    names = ("model.num_leaves=4", "model.num_leaves=8", "model.num_leaves=1")
    ends = [
        replace(end, overrides=("stage=train", name)) for end, name in zip((good, better, failed), names, strict=True)
    ]
    table = trials_table(ends)
    assert table.header[1] == "cv_auc_mean"
    assert [row[0] for row in table.rows] == ["1", "0", "2"]
    assert table.rows[0][1:] == (
        "0.7500", "0.7800 to 0.8200", "1,500", "80", "3", "1.2", "model.num_leaves=8", "finished",
    )  # fmt: skip
    assert table.rows[2][-2:] == ("model.num_leaves=1", "failed (exit 3): labels: one class only")


def test_a_trial_that_was_judged_on_other_rows_stands_apart_and_cannot_win() -> None:
    other, same, worse, failed = (
        replace(end, trial=end.trial and replace(end.trial, judged_on=rows))
        for end, rows in zip(ends_of((0.9, 1), (0.8, 40), (0.79, 30), (0.7, 9)), "abba", strict=True)
    )
    ends = [other, same, worse, replace(failed, state="failed", code=3, error="no", trial=None)]
    lucky, simple = sweep.best(ends), sweep.simplest(ends)
    assert (lucky, simple) == (same, worse)
    rows = trials_table(ends).rows
    assert [row[0] for row in rows] == ["1", "2", "0", "3"]
    assert [row[-1] for row in rows] == [
        "finished",
        "finished",
        "finished: judged on other rows",
        "failed (exit 3): no",
    ]
    assert sweep.best([same, other]) == other  # as many of each: those of the first trial


def test_what_all_trials_share_is_not_repeated_in_their_rows() -> None:
    one = replace(END, overrides=("stage=train", "model.seed=1", "model.num_leaves=4"))
    other = replace(END, overrides=("stage=train", "model.seed=1", "model.num_leaves=8"))
    assert varied(one, [one, other]) == ("model.num_leaves=4",)
    assert varied(one, [one]) == ()


@pytest.mark.parametrize(
    ("trials", "greater_is_better", "best", "simplest"),
    [
        ([(0.80, 100), (0.795, 10), (0.78, 1)], True, 0, 1),
        ([(0.80, 100), (0.79, 10)], True, 0, 1),  # exactly one standard error away is within it
        ([(0.80, 100), (0.7899, 10)], True, 0, 0),
        ([(0.79, 10), (0.80, 10)], True, 1, 1),  # as simple, and better
        ([(0.80, 10), (0.80, 10)], True, 0, 0),
        ([(1.00, 100), (1.01, 10), (1.02, 1)], False, 0, 1),
    ],
)
def test_the_one_standard_error_choice_is_the_simplest_that_is_not_surely_worse(
    trials: list[tuple[float, int]], greater_is_better: bool, best: int, simplest: int
) -> None:
    ends = ends_of(*trials, greater_is_better=greater_is_better)
    lucky, simple = sweep.best(ends), sweep.simplest(ends)
    assert lucky is not None
    assert simple is not None
    assert (lucky.number, simple.number) == (best, simplest)


@given(
    st.lists(st.tuples(st.floats(0.5, 1), st.integers(1, 1000)), min_size=1, max_size=8), st.booleans(), st.randoms()
)
def test_the_choice_does_not_depend_on_the_order_in_which_trials_end(
    trials: list[tuple[float, int]], greater_is_better: bool, chance: Any
) -> None:
    ends = ends_of(*trials, greater_is_better=greater_is_better)
    shuffled = list(ends)
    chance.shuffle(shuffled)
    assert (sweep.best(ends), sweep.simplest(ends)) == (sweep.best(shuffled), sweep.simplest(shuffled))
    assert ranked(ends) == ranked(shuffled)


def test_nobody_wins_where_every_trial_failed() -> None:
    failed = [replace(END, state="failed", code=3, error="no", trial=None)]
    assert sweep.best(failed) is sweep.simplest(failed) is None


def test_a_sweep_without_folds_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    ran = command("-m", "stage=train", f"date={TRAINED}", "split.folds=0", "model.num_leaves=4,8", root=tmp_path)
    assert ran.code == ExitCode.SETTINGS
    assert "a sweep is compared by cross-validation: set split.folds to 1 or more" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_trials_whose_folds_all_failed_are_finished_and_nobody_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn.stages import train
    from churn.stores.runs import SweepEnd

    versions, logged = iter((7, 8)), list[SweepEnd]()
    monkeypatch.setattr(train, "run", lambda _: Outcome(headline="registered", version=next(versions)))
    monkeypatch.setattr(Registry, "end_sweep", lambda _, end: logged.append(end))
    ran = command("-m", "stage=train", f"date={TRAINED}", "model.num_leaves=4,8", root=tmp_path)
    assert ran.code == ExitCode.OK
    assert "no winner: no trial has a figure from cross-validation" in ran.out
    (end,) = logged
    assert (end.status, end.winner) == ("FINISHED", None)
    assert [trial.version for trial in end.trials] == [7, 8]  # and so shown by the runs that registered them
    assert [line.split()[5] for line in ran.out.splitlines() if line.endswith("  finished")] == ["7", "8"]


def test_an_end_that_was_written_comes_back_as_it_was(tmp_path: Path) -> None:
    failed = replace(END, number=1, state="failed", code=3, error="é: no", trial=None)
    for end in (END, failed):
        sweep.begin(tmp_path, end.number, overrides=end.overrides, stage="train")
        sweep.finish(tmp_path, record(end))
    assert sweep.records(tmp_path) == (record(END), record(failed))


def test_who_began_and_wrote_no_end_has_died_and_who_never_began_is_skipped(tmp_path: Path) -> None:
    sweep.begin(tmp_path, 0, overrides=["stage=train", "model.seed=1"], stage="train")
    sweep.begin(tmp_path, 1, overrides=["stage=train", "model.seed=2"], stage="train")
    sweep.finish(tmp_path, record(END))
    planned = [["stage=train", f"model.seed={seed}"] for seed in (1, 2, 3)]
    ends = [found.end for found in sweep.records(tmp_path, planned=planned)]
    assert [(end.state, end.code) for end in ends] == [("finished", 0), ("died", ExitCode.BUG), ("skipped", 0)]
    assert [end.overrides[-1] for end in ends[1:]] == ["model.seed=2", "model.seed=3"]


def test_an_end_that_is_half_written_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(path: Path, text: str) -> int:
        with path.open("w") as file:
            file.write(text[: len(text) // 2])
        raise OSError("no space left on device")

    sweep.begin(tmp_path, 0, overrides=["stage=train"], stage="train")
    monkeypatch.setattr(Path, "write_text", torn)
    with pytest.raises(OSError, match="no space"):
        sweep.finish(tmp_path, record(END))
    assert [found.end.state for found in sweep.records(tmp_path)] == ["died"]


@pytest.mark.parametrize("launcher", [(), AT_ONCE], ids=["basic", "joblib"])
def test_a_sweep_exits_with_the_gravest_code_whichever_process_it_came_from(
    tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    ran = command("-m", *launcher, "stage=status", "stage.last=3,0,4", root=tmp_path / "lake")
    assert ran.code == ExitCode.SETTINGS
    assert "trial" not in ran.out
    assert list(tmp_path.iterdir()) == []


def test_a_trial_whose_process_is_killed_is_named_and_counts_as_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(churn.__main__, "trial", dying)
    ran = command("-m", *AT_ONCE, "hydra.launcher.pre_dispatch=2", "stage=status", "stage.last=3,4,5,6", root=tmp_path)
    assert ran.code == ExitCode.BUG
    assert "bug in trial 1 (stage=status stage.last=4" in ran.err
    assert "its process died" in ran.err
    assert "SIGKILL" in ran.err


def test_editing_yaml_during_a_sweep_changes_no_later_trial(
    conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    (own / "model").mkdir(parents=True)
    shutil.copy(conf / "model" / "lightgbm.yaml", own / "model" / "mine.yaml")
    seen: list[tuple[int, int]] = []

    def editing(settings: Any) -> Outcome:
        seen.append((settings.stage.last, settings.model.num_leaves))
        (conf / "stage" / "status.yaml").write_text("name: status\nlast: 99\n")
        (own / "model" / "mine.yaml").write_text("num_leaves: 99\n")
        return Outcome(headline="edited")

    from churn.stages import status

    monkeypatch.setattr(status, "run", editing)
    arguments = ("stage=status", "model=mine", "--config-dir", str(own))
    assert command("-m", "model.seed=1,2,3", *arguments, root=tmp_path).code == ExitCode.OK
    assert seen == [(14, 15)] * 3
    assert command(*arguments, root=tmp_path).code == ExitCode.SETTINGS  # what was edited is read by the next run


@pytest.mark.parametrize("mode", [(), ("-m",)], ids=["one run", "a sweep"])
def test_a_mistake_in_yaml_is_named_by_the_file_that_the_user_knows(
    conf: Path, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    (conf / "stage" / "status.yaml").write_text("name: status\nlast: [3\n")
    ran = command(*mode, "stage=status", root=tmp_path)
    assert ran.code == ExitCode.SETTINGS
    assert ran.err.startswith("error: conf/stage/status.yaml, line 3: expected ',' or ']'")
    (conf / "stage" / "status.yaml").write_text("name: status\nlast: 3\nlost: 3\n")
    ran = command(*mode, "stage=status", root=tmp_path)
    assert "error: conf/stage/status.yaml: unknown key 'stage.lost'" in ran.err


def test_fail_fast_skips_what_has_not_begun_and_a_sweep_goes_on_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn.stages import train

    def broken(settings: Any) -> Outcome:
        if settings.model.num_leaves == 8:
            raise ZeroDivisionError("our fault")
        return Outcome(headline="trained")

    monkeypatch.setattr(train, "run", broken)
    arguments = ("-m", "stage=train", f"date={TRAINED}", "model.num_leaves=4,8,16")
    ended: list[Sequence[TrialEnd]] = []
    monkeypatch.setattr(sweep, "_log", lambda _, ends, **__: ended.append(ends))
    for setting in ("false", "true"):
        ran = command(*arguments, f"sweep.fail_fast={setting}", root=tmp_path)
        assert ran.code == ExitCode.BUG
        assert "failed (exit 1): ZeroDivisionError: our fault" in ran.out
    assert [[end.state for end in ends] for ends in ended] == [
        ["finished", "failed", "finished"],
        ["finished", "failed", "skipped"],
    ]


@pytest.mark.parametrize(("asked", "direction"), [([], "maximize"), (["hydra.sweeper.direction=minimize"], "minimize")])
def test_optuna_maximises_and_outlives_a_failed_trial_unless_told_otherwise(asked: list[str], direction: str) -> None:
    ours = churn.__main__._sweeper_overrides(["hydra/sweeper=optuna", *asked], Path("folder"))
    assert [one for one in [*asked, *ours] if "direction" in one] == [f"hydra.sweeper.direction={direction}"]
    assert "hydra.sweeper.max_failure_rate=1.0" in ours
    assert churn.__main__._sweeper_overrides(asked, Path("folder")) == ["hydra.sweep.dir='folder'"]


def test_a_sweep_that_is_told_to_end_leaves_no_folder_and_says_what_has_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn.stages import train

    def ended(settings: Any) -> Outcome:
        if settings.model.num_leaves == 8:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)  # the signal comes before it is over
        return Outcome(headline="trained")

    monkeypatch.setattr(train, "run", ended)
    monkeypatch.setattr(sweep, "_log", lambda *_, **__: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that the tests outlive a sweep that would not
    try:
        ran = command("-m", "stage=train", f"date={TRAINED}", "model.num_leaves=4,8,16", root=tmp_path / "lake")
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ran.code == 143
    assert "1 finished, 1 skipped" in ran.out
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")] == ["lake/logs"]
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]


@pytest.mark.skipif(
    importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper") is None,
    reason="hydra-optuna-sweeper, the extra `optuna`, is not installed",
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Optuna 2.10 on SQLAlchemy 2
@pytest.mark.slow
def test_optuna_searches_and_its_best_trial_wins(lake: Path) -> None:
    searched = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.sampler.seed=1")
    ran = command(
        "-m", "stage=train", f"date={TRAINED}", *FAST, *searched, "model.num_leaves=range(3,9)", root=lake
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "2 trials, 2 finished" in ran.out
    assert "best: trial " in ran.out


def test_an_override_that_no_trial_can_take_is_refused_before_any_runs(tmp_path: Path) -> None:
    ran = command("-m", "stage=train", f"date={TRAINED}", "model.num_leafs=4,8", root=tmp_path)
    assert ran.code == ExitCode.SETTINGS
    assert "did you mean 'model.num_leaves'" in ran.err
    assert ran.out == ""


def test_the_winner_is_a_command_to_copy_and_so_is_its_promotion(lake: Path) -> None:
    ran = command("-m", "stage=train", f"date={TRAINED}", *FAST, "model.num_leaves=4,15", root=lake)
    assert ran.code == 0, ran.err
    shown = dict(
        line.strip().split("  ", 1) for line in ran.out.splitlines() if " again " in line or "promote " in line
    )
    best, promotion = (shlex.split(shown[name]) for name in ("best again", "promote it"))
    assert best[:4] == ["python", "-m", "churn", "stage=train"]
    again = command(*best[3:-1], root=lake)
    assert best[-1] == f"root={lake}"
    assert "was trained from the same inputs, nothing to do" in again.out
    version = promotion[-1].removeprefix("stage.version=")
    assert promotion[3:5] == ["stage=promote", "dataset=subscription"]
    assert {one.partition(".")[0].partition("=")[0] for one in promotion[5:-1]} == {"date", "root", "resources"}
    promoted = command(*[one for one in promotion[3:] if not one.startswith("root=")], root=lake)
    assert f"promote subscription: version {version}" in promoted.out
    states = nested(lake)
    assert sorted(states) == [("trial 1", "FINISHED"), ("weekly-retrain", "FINISHED")]  # 15 leaves were there before


def nested(root: Path) -> list[tuple[str, str]]:
    """Name and status of the runs that are nested in the parent run of the root's one sweep."""
    with closing(sqlite3.connect(root / "mlflow" / "mlflow.db")) as database:
        ((parent, status),) = database.execute(
            "select run_uuid, status from runs join tags using (run_uuid) where key = 'churn.sweep'"
        )
        query = (
            "select name, status from runs join tags using (run_uuid) where key = 'mlflow.parentRunId' and value = ?"
        )
        assert status == "FINISHED"
        assert (root / "mlflow" / "artifacts" / parent / "artifacts" / "trials.txt").exists()
        return [(str(name), str(state)) for name, state in database.execute(query, [parent])]


@pytest.mark.slow
def test_a_sweep_over_folds_says_which_trials_do_not_compare(lake: Path) -> None:
    hashed = ("split=by_hash", "stage.dates=2025-05-11..2025-07-11/1mo", "split.folds=2,3")
    ran = command("-m", "stage=train", f"date={TRAINED}", *FAST, *hashed, "model.num_leaves=4,8", root=lake)
    assert ran.code == 0, ran.err
    assert ran.out.count("judged on other rows\n") == 2
    assert "of 2 tried (2 more were judged on other rows, and cannot win); the best" in ran.out
    assert ran.out.count("  no promotion: the champion (version 1) learned labels of 2 of the 3 test dates") == 6


@pytest.mark.slow
def test_four_trials_that_start_at_once_on_an_empty_registry_do_not_hinder_each_other(
    taken: Path, tmp_path: Path
) -> None:
    root = copied(taken, tmp_path / "lake")
    assert not (root / "mlflow").exists()
    launcher = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=4")
    settings = (f"date={TRAINED}", "resources.chunk_rows=1000", "model.num_iterations=5", "model.num_leaves=4,1,8,4")
    ran = command("-m", *launcher, "stage=train", *settings, root=root)
    assert ran.code == ExitCode.SETTINGS, ran.err  # LightGBM refuses one leaf
    assert "4 trials, 3 finished, 1 failed" in ran.out
    registry = Registry(folder=root / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    assert registry.versions() == (1, 2)  # four leaves twice are one candidate
    assert sorted(nested(root)) == [
        ("trial 1", "FAILED"),
        ("weekly-retrain", "FINISHED"),
        ("weekly-retrain", "FINISHED"),
    ]
