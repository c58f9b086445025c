"""Nights without drift, and the same nights moved by so many standard deviations.

The same customers come night after night: each has a level of its own that hardly moves, 0.2 % leave and are replaced,
and what customers do follows a weekly cycle. Nothing else changes, so that every alarm on a calm night is a false one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

CUSTOMERS = 2_000
NORMAL, SKEWED, SPIKED, COUNTED = 4, 3, 3, 3
NUMBERS = NORMAL + SKEWED + SPIKED + COUNTED
LEVELS = (4, 8)
"""Levels of the two categories."""
NAMES = (
    *(f"normal_{at}" for at in range(NORMAL)),
    *(f"skewed_{at}" for at in range(SKEWED)),
    *(f"spiked_{at}" for at in range(SPIKED)),
    *(f"counted_{at}" for at in range(COUNTED)),
    *(f"category_{at}" for at in range(len(LEVELS))),
)
SCORE = "score"

_LEAVE = 0.002
_MEMORY = 0.95
"""Correlation of what changes in a customer from one night to the next."""
_OWN = 0.9
"""Share of a number's variance (of 1) that is the customer's own level."""
_WEEKLY = 0.1
"""Amplitude of the weekly cycle of every third number, in standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What the customers are like: standard normal numbers (customers, 13) and the levels of two categories."""

    number: int
    latent: npt.NDArray[np.float64]
    levels: npt.NDArray[np.int64]

    def table(self, *, night: int, shift: npt.NDArray[np.float64] | float = 0.0) -> pl.DataFrame:
        """Returns the columns, the score and `night`; each number's latent is moved by `shift` standard deviations."""
        draw = np.random.default_rng((7, self.number))
        z = self.latent + shift
        skewed, spiked, counted = NORMAL, NORMAL + SKEWED, NORMAL + SKEWED + SPIKED
        columns = np.column_stack(
            [
                z[:, :skewed],
                np.exp(0.8 * z[:, skewed:spiked]),
                np.maximum(z[:, spiked:counted] - 0.5, 0),
                np.floor(np.exp(0.7 + 0.6 * z[:, counted:])),
            ]
        ).astype(np.float32)
        data = {name: pl.Series(columns[:, at]) for at, name in enumerate(NAMES[:NUMBERS])}
        data["normal_3"] = data["normal_3"].set(pl.Series(draw.random(len(z)) < 0.1), None)
        letters = np.array(list("abcdefgh"))
        data |= {f"category_{at}": pl.Series(letters[self.levels[:, at]]) for at in range(len(LEVELS))}
        data[SCORE] = pl.Series((1 / (1 + np.exp(2 - z[:, :8].sum(axis=1) / 3))).astype(np.float32))
        return pl.DataFrame(data).with_columns(night=pl.lit(night, dtype=pl.Int32))


def nights(count: int, *, seed: int = 1, customers: int = CUSTOMERS) -> Iterator[Night]:
    """Yields so many nights in a row."""
    draw = np.random.default_rng(seed)
    own, mood = draw.normal(size=(2, customers, NUMBERS))
    levels = _levels(draw, customers)
    cycle = _WEEKLY * (np.arange(NUMBERS) % 3 == 0)
    for number in range(count):
        left = np.flatnonzero(draw.random(customers) < _LEAVE)
        own[left], mood[left] = draw.normal(size=(2, left.size, NUMBERS))
        levels[left] = _levels(draw, left.size)
        mood = _MEMORY * mood + np.sqrt(1 - _MEMORY**2) * draw.normal(size=mood.shape)
        latent = np.sqrt(_OWN) * own + np.sqrt(1 - _OWN) * mood + cycle * np.sin(2 * np.pi * number / 7)
        yield Night(number=number, latent=latent, levels=levels.copy())


def _levels(draw: np.random.Generator, customers: int) -> npt.NDArray[np.int64]:
    return np.column_stack([np.minimum(draw.geometric(2 / count, customers), count) - 1 for count in LEVELS])
