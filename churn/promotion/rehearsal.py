"""How often would these gates promote a model that should not be?

The gates are asked about challengers whose worth is known, made from the champion's own scores: another draw of the
same model, one that is a little worse, and one that learned nothing. Customers are drawn anew each time, so that the
answer holds for rows like these and not for these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from churn.errors import DataError
from churn.promotion.delong import Floats, Ints
from churn.promotion.evidence import Evidence
from churn.promotion.gates import Gate
from churn.promotion.measures import figure_of, gain, named
from churn.promotion.verdict import OnInsufficient, promotes

_NOISE = 0.3  # of the scores' spread: two such draws agree about as much as two models of other seeds
_ALL_NOISE = 20.0
_CALIBRATING_ROWS = 40_000


class Challenger(StrEnum):
    """What is rehearsed: as good as the champion, a little worse, or trained on shuffled labels."""

    CLONE = "clone"
    WORSE = "slightly worse"
    SHUFFLED = "shuffled labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """How often one kind of challenger was promoted in `trials`, and how often a bare `>=` would have promoted it.

    `interval` is Wilson's 95 % around the share promoted. `gap` is the mean by which the challenger was worse, in the
    metric that the task is judged by (AUC, RMSE), negative where it was better.
    """

    challenger: Challenger
    promoted: int
    promoted_by_at_least: int
    trials: int
    interval: tuple[float, float]
    gap: float


def rehearse(
    gates: Mapping[str, Gate],
    evidence: Evidence,
    *,
    trials: int,
    worse_by: float,
    seed: int,
    on_insufficient: OnInsufficient = "keep",
    on_trial: Callable[[], object] = lambda: None,
) -> tuple[Rehearsed, ...]:
    """Returns for each kind of challenger how often the gates would promote it over the champion.

    `evidence` holds the champion's scores; its challenger is not looked at. `worse_by` is how much worse than the
    champion the slightly worse one is: of AUC, or as a share of RMSE. The same seed gives the same answer. `on_trial`
    is called after each trial, of which there are `trials` a kind of challenger.

    Raises:
        DataError: there is no champion; the rows allow no figure; no model made from these scores is as bad as
            `worse_by` asks.
    """
    from scipy.stats import binomtest

    if evidence.champion is None:
        raise DataError(where="rehearsal", found="no champion", action="promote one first: stage=promote")
    tried = []
    for kind, noise in _noises(evidence, worse_by=worse_by, seed=seed).items():
        ends = []
        for trial in _trials(evidence, kind, noise=noise, seeds=range(seed, seed + trials)):
            ends.append((promotes(gates, trial, on_insufficient=on_insufficient), _gap(trial)))
            on_trial()
        promoted = sum(end for end, _ in ends)
        wilson = binomtest(promoted, trials).proportion_ci(method="wilson")
        tried.append(
            Rehearsed(
                challenger=kind,
                promoted=promoted,
                promoted_by_at_least=sum(gap <= 0 for _, gap in ends),
                trials=trials,
                interval=(float(wilson.low), float(wilson.high)),
                gap=float(np.mean([gap for _, gap in ends])),
            )
        )
    return tuple(tried)


def _noises(evidence: Evidence, *, worse_by: float, seed: int) -> dict[Challenger, float]:
    """Returns the noise of each kind of challenger, in spreads of the champion's scores."""
    return {
        Challenger.CLONE: _NOISE,
        Challenger.WORSE: _noise_that_costs(evidence, worse_by=worse_by, seed=seed),
        Challenger.SHUFFLED: _NOISE,
    }


def _noise_that_costs(evidence: Evidence, *, worse_by: float, seed: int) -> float:
    """Returns the noise that makes a model worse than a clone by `worse_by` on these rows, on average over some draws.

    Few rows are drawn more often, up to 50 times, since one draw moves their figure as far as `worse_by`.
    """
    from scipy.optimize import brentq

    owners, rng = evidence.owners, np.random.default_rng(seed)
    times = min(50, 1 + _CALIBRATING_ROWS // evidence.n)
    draws = [rng.normal(size=1 + int(owners.max()))[owners] for _ in range(times)]
    metric = named(None, task=evidence.task, campaign=evidence.campaign)

    def worth(noise: float) -> float:
        return float(np.mean([figure_of(metric, evidence, _shaken(evidence, draw, noise=noise)) for draw in draws]))

    clone = worth(_NOISE)
    asked = worse_by * (clone if evidence.task == "regression" else 1.0)

    def short(noise: float) -> float:
        return gain(metric, challenger=clone, champion=worth(noise)) - asked

    if short(_ALL_NOISE) < 0:
        found = f"scores that are all noise cost less than {worse_by}"
        raise DataError(where="rehearsal", found=found, action="ask for a smaller worse_by")
    return float(brentq(short, _NOISE, _ALL_NOISE, xtol=1e-3))


def _trials(evidence: Evidence, kind: Challenger, *, noise: float, seeds: range) -> Iterator[Evidence]:
    """Yields evidence of customers drawn anew, each a customer of its own however often it was drawn."""
    owners = evidence.owners
    order = np.argsort(owners, kind="stable")
    starts = np.searchsorted(owners[order], np.arange(owners.max() + 2))
    for seed in seeds:
        rng = np.random.default_rng(seed)
        rows, customers = _drawn(order, starts, rng)
        drawn = _only(evidence, rows, customers)
        champion, challenger = (
            _shaken(drawn, rng.normal(size=1 + int(customers.max()))[customers], noise=size) for size in (_NOISE, noise)
        )
        if kind is Challenger.SHUFFLED:
            challenger = rng.permutation(challenger)
        resampling = replace(evidence.resampling, seed=seed)
        yield replace(drawn, champion=champion, challenger=challenger, resampling=resampling)


def _drawn(order: Ints, starts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Returns the rows of as many customers as there are, drawn with replacement, and whose draw each row is."""
    chosen = rng.integers(0, starts.size - 1, starts.size - 1)
    counts = (starts[1:] - starts[:-1])[chosen]
    customers = np.repeat(np.arange(chosen.size), counts)
    within = np.arange(customers.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[starts[chosen][customers] + within], customers


def _only(evidence: Evidence, rows: Ints, customers: Ints) -> Evidence:
    """Returns the evidence of some rows, with customers of their own."""
    champion = None if evidence.champion is None else evidence.champion[rows]
    return replace(
        evidence,
        labels=evidence.labels[rows],
        challenger=evidence.challenger[rows],
        champion=champion,
        customers=customers,
        protected=None if evidence.protected is None else evidence.protected[rows],
        features=None if evidence.features is None else evidence.features[rows],
    )


def _shaken(evidence: Evidence, draw: Floats, *, noise: float) -> Floats:
    """Returns the champion's scores with noise, drawn towards their mean by as much as keeps them calibrated.

    Of a binary task on log-odds. With spread s and noise n · s, the best guess of the score behind a shaken one is
    1 / (1 + n²) of the way from the mean.
    """
    forth, back = _link(evidence)
    scores = forth(np.asarray(evidence.champion, dtype=np.float64))
    middle, spread = float(scores.mean()), float(scores.std())
    return back(middle + (scores - middle + noise * spread * draw) / (1 + noise**2))


def _link(evidence: Evidence) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    from scipy.special import expit, logit

    if evidence.task == "regression":
        return np.copy, np.copy
    least = np.finfo(np.float64).eps
    return (lambda scores: logit(np.clip(scores, least, 1 - least))), expit


def _gap(evidence: Evidence) -> float:
    metric = named(None, task=evidence.task, campaign=evidence.campaign)
    ours, theirs = evidence.challenger, evidence.champion
    if theirs is None:
        raise TypeError("a trial without a champion")
    challenger, champion = (figure_of(metric, evidence, scores) for scores in (ours, theirs))
    return -gain(metric, challenger=challenger, champion=champion)
