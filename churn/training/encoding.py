"""How does a table of features become the numbers that a model reads?

One frozen order of columns and one code per level, learned once and kept in the bundle. LightGBM checks neither names
nor order and aborts the process on text, so nothing else may build its input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from churn.errors import DataError
from churn.features.feature import Feature

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """The columns of a model's matrix: `features` in order, and for each category among them its `levels` in order.

    >>> plan = Encoding(features=("age", "plan"), levels=(("plan", ("basic", "plus")),))
    >>> plan.matrix(pl.DataFrame({"plan": ["plus", "gold", None], "age": [30, None, 50]})).tolist()
    [[30.0, 1.0], [nan, 2.0], [50.0, nan]]
    """

    features: tuple[str, ...]
    levels: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def learn(cls, features: Sequence[Feature], frame: pl.DataFrame) -> Encoding:
        """Returns the encoding of `features` in their declared order.

        A category's levels are the declared ones, in declared order; where none is declared, those in `frame`, sorted.

        Raises:
            DataError: for a feature that is no column of `frame`.
        """
        _require([feature.name for feature in features], frame)
        categories = [feature for feature in features if feature.dtype == "category"]
        return cls(
            features=tuple(feature.name for feature in features),
            levels=tuple((f.name, f.levels or _observed(frame[f.name])) for f in categories),
        )

    @property
    def categorical(self) -> tuple[int, ...]:
        """The positions of the categories among the columns."""
        names = dict(self.levels)
        return tuple(index for index, name in enumerate(self.features) if name in names)

    def matrix(self, frame: pl.DataFrame, *, into: Floats | None = None) -> Floats:
        """Returns `frame` as float64 of shape (rows, features), in Fortran order (one feature's values lie together).

        A level becomes its position among the levels, an unseen one the code after the last, null becomes NaN. Other
        columns of `frame` and their order do not matter. `into` is a matrix that is written over where it has as many
        rows: memory that is asked for anew each time costs more than the copying.

        Raises:
            DataError: for a missing column, text where a number is expected, or a number where text is.
        """
        _require(self.features, frame)
        levels = dict(self.levels)
        fits = into is not None and len(into) == frame.height
        matrix = into if into is not None and fits else np.empty((frame.height, len(self.features)), order="F")
        for index, name in enumerate(self.features):
            matrix[:, index] = _codes(frame[name], levels[name]) if name in levels else _numbers(frame[name])
        return matrix

    def unseen(self, matrix: Floats) -> dict[str, int]:
        """Returns for each category the rows of `matrix` whose level is not among the known ones; nulls do not count.

        >>> encoding = Encoding(features=("plan",), levels=(("plan", ("a",)),))
        >>> encoding.unseen(encoding.matrix(pl.DataFrame({"plan": ["a", "b", None]})))
        {'plan': 1}
        """
        levels = dict(self.levels)
        names = [(index, name) for index, name in enumerate(self.features) if name in levels]
        return {name: int(np.count_nonzero(matrix[:, index] == len(levels[name]))) for index, name in names}

    def to_json(self) -> dict[str, Any]:
        """Returns the encoding as values that JSON knows."""
        return {"features": list(self.features), "levels": [[name, list(known)] for name, known in self.levels]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Encoding:
        """Returns the encoding that `to_json` was given."""
        levels = tuple((name, tuple(known)) for name, known in fields["levels"])
        return cls(features=tuple(fields["features"]), levels=levels)


def _require(names: Sequence[str], frame: pl.DataFrame) -> None:
    there = frame.schema  # asked for once: of thousands of columns, each look at `frame.columns` is a copy of all
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(
            where="encoding",
            found=f"no column {', '.join(missing)}",
            action="build the features again with the dataset that the model was trained on",
        )


def _observed(column: pl.Series) -> tuple[str, ...]:
    return tuple(column.drop_nulls().unique().sort().to_list())


def _codes(column: pl.Series, levels: tuple[str, ...]) -> Floats:
    if column.dtype == pl.Categorical:
        return _codes_by_level(column, levels)
    if column.dtype not in (pl.String, pl.Null):
        raise _wrong_type(column, "text")
    codes = column.cast(pl.Enum(levels), strict=False).to_physical().cast(pl.Float64).to_numpy()
    # An Enum knows only null for a level that is not its own: a missing value has to be told from an unseen one.
    return np.where(np.isnan(codes) & column.is_not_null().to_numpy(), float(len(levels)), codes)


def _codes_by_level(column: pl.Series, levels: tuple[str, ...]) -> Floats:
    """Looks each level up once, in any row that holds it, and not once a row."""
    places = column.to_physical()
    highest = places.max()
    missing = 0 if highest is None else int(highest) + 1  # type: ignore[arg-type] # of whole numbers
    codes = (places.fill_null(missing) if places.null_count() else places).to_numpy()
    holds = np.full(missing + 1, -1, dtype=np.int64)
    holds[codes] = np.arange(len(codes))
    found = np.flatnonzero(holds[:missing] >= 0)
    code = {level: float(position) for position, level in enumerate(levels)}
    table = np.full(missing + 1, np.nan)
    table[found] = [code.get(level, float(len(levels))) for level in column[holds[found]].cast(pl.String)]
    every: Floats = table[codes]
    return every


def _numbers(column: pl.Series) -> npt.NDArray[Any]:
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise _wrong_type(column, "a number")
    if column.null_count() or not column.dtype.is_numeric():
        return column.cast(pl.Float64).to_numpy()
    return column.to_numpy()  # the matrix casts what it is given, faster than a cast and a copy


def _wrong_type(column: pl.Series, expected: str) -> DataError:
    return DataError(
        where="encoding",
        found=f"column {column.name} is {column.dtype}, expected {expected}",
        action="build the features again with the dataset that the model was trained on",
    )
