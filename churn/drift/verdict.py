"""Did the world move far enough to act?

A column has drifted where an effect is large enough to matter **and** chance does not explain it (Benjamini–Hochberg
over every test of the judged columns). A floor alone fires on small samples and a p-value alone on large ones; where
the rows could not tell the floor from noise, the answer is insufficient evidence, never a pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from churn.drift.bins import plain
from churn.drift.change import ColumnDrift, Effect, compare_column, in_plain_words, percent
from churn.drift.limits import DriftLimits
from churn.drift.profile import Profile
from churn.drift.statistics import PsiNull, benjamini_hochberg
from churn.errors import DataError, did_you_mean
from churn.findings import Answer, Finding

_POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftVerdict:
    """The answer for one night (or several, merged); FAIL is the alarm.

    `columns` reports every profiled column; `findings` judges the watched ones and the score, by the column's name in
    `check`, with PSI as the figure. `drifted` names the columns that did. `drifted_share` is theirs of all watched
    columns, by weight; None where none could be told.
    """

    answer: Answer
    reason: str
    drifted: tuple[str, ...]
    drifted_share: float | None
    findings: tuple[Finding, ...]
    columns: tuple[ColumnDrift, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One effect against its floor; `effect` is None where it cannot be computed."""

    effect: Effect | None
    floor: float

    @property
    def tells(self) -> bool:
        return self.effect is not None and self.effect.noise <= self.floor and not self.straddles

    @property
    def straddles(self) -> bool:
        """Whether the counts leave open on which side of the floor the distance lies."""
        effect = self.effect
        return effect is not None and effect.distance < self.floor <= effect.distance + effect.error

    def matters_among(self, significant: Collection[float]) -> bool:
        effect = self.effect
        return effect is not None and self.tells and effect.distance >= self.floor and effect.p_value in significant


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    drift: ColumnDrift
    tests: tuple[_Test, ...]
    drifted: bool

    @property
    def told(self) -> bool:
        return self.drifted or all(test.tells for test in self.tests)


def judge(
    reference: Profile,
    current: Profile,
    *,
    limits: DriftLimits,
    watched: Collection[str],
    score: str,
    segments: str | None = None,
    weights: Mapping[str, float] | None = None,
) -> DriftVerdict:
    """Returns whether the current rows are still of the reference's kind.

    `score` names the prediction column and `segments` that of its segments, where there is one; they are judged by
    their own limit and do not count among `watched`. `weights` (0 and up, any scale) say how much a watched column
    counts, 0 where it is not named; None, or where no watched column has any: all the same. FAIL where the share of
    drifted watched columns passes the limit, or the score or the segments drifted by `prediction_psi`; INSUFFICIENT
    where it would if those that could not be told had drifted too, or the score could not be told; WARN where any
    column drifted. Unwatched columns are reported, never judged.

    Raises:
        DataError: the profiles were counted over different bins, or lack a watched column or the score.

    >>> import polars as pl
    >>> from churn.drift.profile import Column, freeze_bins, profile
    >>> reference = pl.DataFrame({"age": range(1000), "score": [0.1, 0.2] * 500})
    >>> current = reference.with_columns(pl.col("age") + 300)
    >>> columns = [Column(name="age", dtype="integer"), Column(name="score", dtype="number")]
    >>> bins = freeze_bins(reference, columns)
    >>> limits = DriftLimits(psi=0.2, ks=0.1, alpha=0.05, drifted_share=0.3, prediction_psi=0.2)
    >>> then, now = (profile(bins, [frame]) for frame in (reference, current))
    >>> verdict = judge(then, now, limits=limits, watched=["age"], score="score")
    >>> verdict.answer.value, verdict.findings[0].reason
    ('fail', 'age: median 499 → 799')
    """
    reference.refuse_other_bins(current)
    if weights and not any(weights.get(name) for name in watched):
        weights = None  # none of them tells the model anything: each counts the same
    outputs = [score] if segments is None else [score, segments]
    _refuse_unknown(reference, [*watched, *outputs])
    columns = _compare(reference, current, alpha=limits.alpha)
    judged = _judge_columns([c for c in columns if c.column in {*watched, *outputs}], limits=limits, outputs=outputs)
    features = [one for one in judged if one.drift.column not in outputs]
    published = {one.drift.column: one for one in judged if one.drift.column in outputs}
    share, untold = _shares(features, weights)
    return DriftVerdict(
        answer=_answer(share, untold, published[score], *published.values(), limits=limits),
        reason=_reason(features, share, weighted=bool(weights), outputs=list(published.values()), limits=limits),
        drifted=tuple(one.drift.column for one in judged if one.drifted),
        drifted_share=share,
        findings=tuple(_finding(one, limits=limits, outputs=outputs) for one in judged),
        columns=columns,
    )


def _shares(features: list[_Judged], weights: Mapping[str, float] | None) -> tuple[float | None, float]:
    """Returns which share of the weight drifted (None where nothing of it could be told), and which could not be."""
    weight = {one.drift.column: weights.get(one.drift.column, 0.0) if weights else 1.0 for one in features}
    total = sum(weight.values())
    if not total:
        return None, 1.0
    drifted, untold = (
        sum(weight[one.drift.column] for one in some) / total
        for some in ([one for one in features if one.drifted], [one for one in features if not one.told])
    )
    return None if untold == 1 else drifted, untold


def _refuse_unknown(profile: Profile, names: list[str]) -> None:
    known = [column.name for column in profile.bins.columns]
    for name in names:
        if name not in known:
            raise DataError(where="drift", found=f"no profile of {name!r}", action=did_you_mean(name, known))


def _compare(reference: Profile, current: Profile, *, alpha: float) -> tuple[ColumnDrift, ...]:
    triples = zip(reference.bins.columns, reference.counts, current.counts, strict=True)
    return tuple(compare_column(bins, then, now, alpha=alpha) for bins, then, now in triples)


def _judge_columns(columns: list[ColumnDrift], *, limits: DriftLimits, outputs: list[str]) -> list[_Judged]:
    tests = [_tests(column, limits=limits, outputs=outputs) for column in columns]
    p_values = [test.effect.p_value for group in tests for test in group if test.effect is not None]
    rejected = benjamini_hochberg(p_values, alpha=limits.alpha)
    significant = {p for p, yes in zip(p_values, rejected, strict=True) if yes}
    return [
        _Judged(drift=column, tests=group, drifted=any(test.matters_among(significant) for test in group))
        for column, group in zip(columns, tests, strict=True)
    ]


def _tests(column: ColumnDrift, *, limits: DriftLimits, outputs: list[str]) -> tuple[_Test, ...]:
    floor = limits.prediction_psi if column.column in outputs else limits.psi
    by_psi = _Test(effect=column.psi, floor=floor)
    return (by_psi, _Test(effect=column.ks, floor=limits.ks)) if column.ks_applies else (by_psi,)


def _is_alarm(output: _Judged, limits: DriftLimits) -> bool:
    effect = output.drift.psi
    return output.drifted and effect is not None and effect.distance >= limits.prediction_psi


def _answer(share: float | None, untold: float, scored: _Judged, *outputs: _Judged, limits: DriftLimits) -> Answer:
    if any(_is_alarm(one, limits) for one in outputs) or (share is not None and share > limits.drifted_share):
        return Answer.FAIL
    if share is None or not scored.told or share + untold > limits.drifted_share:
        return Answer.INSUFFICIENT
    return Answer.WARN if share > 0 or any(one.drifted for one in outputs) else Answer.PASS


def _reason(
    features: list[_Judged], share: float | None, *, weighted: bool, outputs: list[_Judged], limits: DriftLimits
) -> str:
    told = sum(one.told for one in features)
    drifted = sum(one.drifted for one in features)
    of_what = " of the model's gain" if weighted else ""
    part = "" if share is None else f" ({percent(share)}{of_what})"
    words = f"{drifted} of {told} watched columns drifted{part}, limit {percent(limits.drifted_share)}"
    untold = f"; {len(features) - told} could not be told" if told < len(features) else ""
    scored, *others = (_column_reason(one, limits=limits, floor=limits.prediction_psi) for one in outputs)
    moved = [text for one, text in zip(outputs[1:], others, strict=True) if one.drifted]
    return "; ".join([f"{words}{untold}", scored, *moved])


def _finding(one: _Judged, *, limits: DriftLimits, outputs: list[str]) -> Finding:
    drift, floor = one.drift, one.tests[0].floor
    null = PsiNull(reference_n=drift.rows_then, current_n=drift.rows_now, bins=drift.occupied_bins)
    alarm = drift.column in outputs and _is_alarm(one, limits)
    return Finding(
        check=drift.column,
        answer=Answer.FAIL if alarm else _column_answer(one),
        figure=drift.psi.distance if drift.psi else None,
        interval=null.interval(drift.psi.distance, level=1 - limits.alpha) if drift.psi else None,
        limit=floor,
        n=drift.rows_now,
        smallest_effect=null.smallest_effect(limits.alpha, power=_POWER) if drift.psi else None,
        unit="PSI",
        reason=_column_reason(one, limits=limits, floor=floor),
    )


def _column_answer(one: _Judged) -> Answer:
    if one.drifted:
        return Answer.WARN
    return Answer.PASS if one.told else Answer.INSUFFICIENT


def _column_reason(one: _Judged, *, limits: DriftLimits, floor: float) -> str:
    if one.drifted:
        return in_plain_words(one.drift)
    return _unmoved_reason(one, limits=limits, floor=floor)


def _unmoved_reason(one: _Judged, *, limits: DriftLimits, floor: float) -> str:
    drift = one.drift
    if drift.psi is None:
        return f"{drift.column}: {drift.rows_then:,} rows then, {drift.rows_now:,} now: nothing to compare"
    if not one.tests[0].tells:
        return f"{drift.column}: {drift.rows_now:,} rows cannot tell PSI {plain(floor)} from chance"
    if any(test.straddles for test in one.tests):
        return f"{drift.column}: the reference's counts are too coarse to tell KS {plain(limits.ks)}"
    if not one.told:
        return f"{drift.column}: too few values to tell KS {plain(limits.ks)} from chance"
    ks = f", KS {plain(drift.ks.distance)}" if drift.ks else ""
    return f"{drift.column}: PSI {plain(drift.psi.distance)}{ks}: within the limits or within chance"
