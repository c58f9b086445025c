"""What Evidently and NannyML say of the same tables: `PYTHON benchmarks/drift_in_peers.py WORD FOLDER`, in JSON.

Runs in an environment of its own, where this project is not: `uv venv peers --python 3.11`, then `uv pip install
--python peers/bin/python evidently==0.7.23 nannyml==0.13.1 "pandas<3" statsmodels`. Words: `figures` of each statistic
by column, with the counts over the bins that each library made; `seconds` of Evidently's drift preset; `flags`, the
columns that each library's default calls drifted, by night.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CHECKED = 3
"""Nights on which what Evidently's tests flag is held against its whole preset, which costs seconds a night."""


def main(word: str, folder: Path) -> None:
    """Prints what the word asks for as one line of JSON."""
    warnings.simplefilter("ignore")
    answer = {"figures": figures, "seconds": seconds, "flags": flags}[word](folder)
    print(json.dumps(answer, default=float))


def figures(folder: Path) -> dict[str, Any]:
    """Returns by column the statistics of both libraries, and the counts over Evidently's bins."""
    then, now = _tables(folder)
    return {name: _evidently_figures(then[name], now[name]) | _nannyml_figures(then[name], now[name]) for name in then}


def _evidently_figures(then: pd.Series, now: pd.Series) -> dict[str, Any]:
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.calculations.stattests.utils import get_binned_data

    kind = _kind(then)
    names = ["psi", "jensenshannon", *(["ks", "wasserstein"] if _is_number(then) else ["chisquare"])]
    tests = {name: get_stattest(then, now, kind, name) for name in names}
    found = {f"evidently {name}": test(then, now, kind, None).drift_score for name, test in tests.items()}
    shares = get_binned_data(then, now, kind, 30, feel_zeroes=False)
    counts = [np.rint(share * len(rows)).astype(int).tolist() for share, rows in zip(shares, (then, now), strict=True)]
    return found | {"evidently bins": counts, "std": float(np.std(then)) if _is_number(then) else None}


def _nannyml_figures(then: pd.Series, now: pd.Series) -> dict[str, Any]:
    from nannyml.chunk import DefaultChunker
    from nannyml.drift.univariate.methods import FeatureType, MethodFactory
    from nannyml.thresholds import StandardDeviationThreshold

    number = _is_number(then)
    kind = FeatureType.CONTINUOUS if number else FeatureType.CATEGORICAL
    names = ["jensen_shannon", *(["kolmogorov_smirnov", "wasserstein"] if number else ["chi2"])]
    common = {"feature_type": kind, "chunker": DefaultChunker(), "threshold": StandardDeviationThreshold()}
    methods = {name: MethodFactory.create(key=name, **common).fit(then) for name in names}
    found = {f"nannyml {name}": method.calculate(now) for name, method in methods.items()}
    if number:
        counts = [np.histogram(rows, methods["jensen_shannon"]._bins)[0] for rows in (then, now)]
        rest = [len(rows) - count.sum() for rows, count in zip((then, now), counts, strict=True)]
        found["nannyml bins"] = [[*count.tolist(), int(more)] for count, more in zip(counts, rest, strict=True)]
    return found


def seconds(folder: Path) -> dict[str, float]:
    """Returns seconds by the clock and of CPU of Evidently's drift preset; reading and imports are left out."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    then, now = _tables(folder)
    wall, cpu = time.perf_counter(), time.process_time()
    Report([DataDriftPreset()]).run(now, then).dict()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def flags(folder: Path) -> dict[str, Any]:
    """Returns by library the flagged columns of each night, in order, and the seconds that it took."""
    then, now = _tables(folder)
    answer: dict[str, Any] = {}
    for name, judge in {"evidently": _evidently_flags, "nannyml": _nannyml_flags}.items():
        began = time.perf_counter()
        answer[name] = judge(then, now)
        answer[f"{name} seconds"] = time.perf_counter() - began
    return answer


def _evidently_flags(then: pd.DataFrame, now: pd.DataFrame) -> list[list[str]]:
    from evidently.legacy.calculations.stattests import get_stattest

    reference = {name: _clean(then[name]) for name in then if name != "night"}
    found = []
    for table in _by_night(now):
        flagged = []
        for name, rows in reference.items():
            kind, current = _kind(rows), _clean(table[name])
            if get_stattest(rows, current, kind, None)(rows, current, kind, None).drifted:
                flagged.append(name)
        found.append(flagged)
    for table, flagged in list(zip(_by_night(now), found, strict=True))[:: max(1, len(found) // CHECKED)][:CHECKED]:
        _require_same_as_preset(then, table, flagged)
    return found


def _require_same_as_preset(then: pd.DataFrame, night: pd.DataFrame, flagged: list[str]) -> None:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    report = Report([DataDriftPreset()]).run(night.drop(columns="night"), then.drop(columns="night")).dict()
    drifted = next(m["value"]["count"] for m in report["metrics"] if "DriftedColumnsCount" in m["metric_name"])
    if drifted != len(flagged):
        sys.exit(f"Evidently's preset finds {drifted:g} drifted columns, its tests alone {len(flagged)}")


def _nannyml_flags(then: pd.DataFrame, now: pd.DataFrame) -> list[list[str]]:
    import nannyml

    names = [name for name in then if name != "night"]
    calculator = nannyml.UnivariateDriftCalculator(column_names=names, timestamp_column_name="at", chunk_period="D")
    result = calculator.fit(_dated(then, "2000-01-01")).calculate(_dated(now, "2010-01-01"))
    table = result.filter(period="analysis").to_df()
    alerts = {name: table[(name, "jensen_shannon", "alert")].tolist() for name in names}
    return [[name for name in names if alerts[name][at]] for at in range(len(table))]


def _dated(table: pd.DataFrame, first: str) -> pd.DataFrame:
    return table.drop(columns="night").assign(at=pd.Timestamp(first) + pd.to_timedelta(table["night"], unit="D"))


def _by_night(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, rows in table.groupby("night", sort=True):
        yield rows


def _tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    then, now = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current"))
    return then, now


def _clean(rows: pd.Series) -> pd.Series:
    return rows.replace([np.inf, -np.inf], np.nan).dropna()


def _kind(rows: pd.Series) -> Any:
    from evidently.legacy.core import ColumnType

    return ColumnType.Numerical if _is_number(rows) else ColumnType.Categorical


def _is_number(rows: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(rows))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
