"""By what can tonight's customers be told from those of the model's test?

Asked of a night that failed alone: it takes seconds. Some ten thousand rows of each are enough to name what moved, two
columns that moved only together too, which no figure of a single column shows.
"""

from __future__ import annotations

import logging
from datetime import date
from math import ceil
from typing import TYPE_CHECKING

from churn.champion import Champion
from churn.doors import Doors
from churn.stores.parquet import read_chunks, row_count, rows_at_a_time
from churn.training.encoding import Encoding
from churn.training.split import Part

if TYPE_CHECKING:
    import polars as pl

    from churn.drift.classifier import Sample, ToldApart

ROWS = 20_000
SEED = 1
_NAMED = 3
log = logging.getLogger(__name__)


def told_apart(doors: Doors, champion: Champion, day: date) -> ToldApart | None:
    """Returns how well a night's rows are told from the last test date's, by the watched columns; None where it can't.

    At most `ROWS` rows of each, evenly spread over the customers; the test's features may have been pruned.
    """
    from churn.drift.classifier import tell_apart
    from churn.errors import DataError

    bundle = champion.bundle
    watched = {entry.name for entry in bundle.dictionary if entry.watched}
    names = tuple(name for name in bundle.encoding.features if name in watched)
    encoding = Encoding(features=names, levels=tuple(one for one in bundle.encoding.levels if one[0] in watched))
    then = max(Part.from_json(bundle.lineage["parts"]["test"]).dates)
    try:
        samples = [_sample(doors, each, encoding=encoding) for each in (then, day)]
        return tell_apart(*samples, encoding=encoding, seed=SEED, num_threads=doors.settings.resources.threads)
    except DataError as error:
        log.warning("%s is not told apart from %s: %s: %s", day, then, error.where, error.found)
        return None


def in_words(found: ToldApart) -> str:
    """Returns the answer for a person: by which columns, or that there is none."""
    figures = f"AUC {found.auc:.3f}, by chance {found.expected:.3f} ± {found.standard_error:.3f}"
    rows = f"n = {found.n_then:,} rows then, {found.n_now:,} now"
    if found.p_value >= 0.05:
        return f"tonight's rows are not told from the test's ({figures}, {rows})"
    by = ", ".join(f"{name} ({100 * part:.0f} %)" for name, part in found.parts[:_NAMED])
    return f"tonight's rows are told from the test's by {by} of the gain ({figures}, {rows})"


def _sample(doors: Doors, day: date, *, encoding: Encoding) -> Sample:
    from churn.drift.classifier import Sample

    key = doors.dataset.key
    rows = _some_rows(doors, day).sort(key)
    return Sample(matrix=encoding.matrix(rows), customers=rows[key].to_numpy())


def _some_rows(doors: Doors, day: date) -> pl.DataFrame:
    import polars as pl

    partition = doors.partition("features", day)
    doors.lake.open(partition, made_by=doors.command("features", day))
    file = doors.lake.path(partition) / "features.parquet"
    each = ceil(max(row_count(file), 1) / ROWS)
    chunks = read_chunks(file, rows=rows_at_a_time(file, most=doors.settings.resources.chunk_rows))
    return pl.concat([chunk.gather_every(each) for chunk in chunks])
