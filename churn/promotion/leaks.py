"""Which features, or which rows, know the label?

A training table is looked at from outside, as a reviewer would who knows nothing of its SQL. Whatever is compared, the
test rows decide and the training rows teach, so that a suspicion is what a model would have leant on.
"""

from __future__ import annotations

from collections.abc import Sequence

from churn.features.feature import Feature
from churn.promotion.alone import doubtful, ranks_alone, standings
from churn.promotion.giveaway import gives_away
from churn.promotion.shuffled import Copies, learns_shuffled
from churn.promotion.suspicion import LeakLimits, Leaks, Rows
from churn.promotion.yardstick import Table, Yardstick
from churn.training.model import ModelSettings


def find_leaks(
    train: Rows,
    test: Rows,
    *,
    features: Sequence[Feature],
    identity: Sequence[str],
    limits: LeakLimits,
    model: ModelSettings,
    num_threads: int,
) -> Leaks:
    """Returns what is suspicious of knowing the label in a training table, and what came nearest to its limit.

    Looked for are features that rank alone beyond belief, that give the label away by null or a constant, and rows of
    the test part that were seen in training. `identity` names the columns that say which row is which: the key, and
    where a customer comes again on other dates, the features too, so that only a row that is the same there is a copy.
    The models behind it are of `model`'s kind; the same rows, settings and threads give the same answer.

    Silence is no proof: a feature that knows the future a little is covered by the others and stays unnamed here; see
    `churn.promotion.foresight.changed`. Rows are taken as independent, so that many dates of the same customers make
    the intervals too narrow.

    Raises:
        DataError: labels that are not one 0 or 1 a row, fewer than 20 test rows or 2 training rows of a class, a
            feature or an identity that is missing or of another type.

    >>> import numpy as np, polars as pl
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, 2000)
    >>> table = pl.DataFrame({"id": range(2000), "visits": rng.poisson(4, 2000), "refund": np.where(labels, 9, 0)})
    >>> train, test = (Rows(frame=table[part], labels=labels[part]) for part in (slice(1000), slice(1000, 2000)))
    >>> limits = LeakLimits(alpha=0.001, believable_auc=0.75, doubtful_auc=0.85, impossible_auc=0.99, auc_gain=0.03,
    ...                     spike_share=0.01, impurity_ratio=0.35, shuffles=2, seed=1)
    >>> model = ModelSettings(objective=None, num_iterations=20, early_stopping_rounds=5, learning_rate=0.1,
    ...                       num_leaves=7, min_data_in_leaf=20, feature_fraction=1.0, bagging_fraction=1.0,
    ...                       bagging_freq=0, lambda_l2=1.0, max_bin=63, scale_pos_weight=1.0,
    ...                       monotone_constraints={}, seed=1)
    >>> features = [
    ...     Feature(name=name, expr=pl.col(name), dtype="integer", unit="", meaning="") for name in ("visits", "refund")
    ... ]
    >>> found = find_leaks(train, test, features=features, identity=["id"], limits=limits, model=model, num_threads=1)
    >>> [(one.feature, str(one.kind)) for one in found.suspicions]
    [('refund', 'ranks alone beyond belief'), ('refund', 'null or a constant gives the label away')]
    """
    table = Table.encode(train, test, features=features)
    copies = Copies.of(train, test, identity=identity)
    yardstick = Yardstick(model=model, num_threads=num_threads)
    alone = standings(table)
    return Leaks.together(
        (
            ranks_alone(table, alone, limits=limits, yardstick=yardstick),
            gives_away(table, doubtful=doubtful(alone, limits), limits=limits, yardstick=yardstick),
            learns_shuffled(table, copies, limits=limits, yardstick=yardstick),
        )
    )
