"""What has to travel with a model so that it can score, be explained and be watched?

All of it, in formats that cannot run code: LightGBM's text, JSON, parquet. `checksums.json` names the sha256 of every
file and is compared before anything is parsed, since LightGBM aborts the process on a damaged model text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from churn.errors import DataError
from churn.features.feature import Feature
from churn.training.bands import Bands
from churn.training.calibration import Calibrator, calibrator_from_json
from churn.training.encoding import Encoding, Floats
from churn.training.model import Task
from churn.training.model_text import require_columns
from churn.training.scorer import Scorer, Walker
from churn.typed import require_typed

FORMAT = 2
MODEL, FIELDS, REFERENCE, CHECKSUMS = "model.txt", "bundle.json", "reference.parquet", "checksums.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DictionaryEntry:
    """What a reader of the model has to know about one feature; the fields are those of `Feature`."""

    name: str
    dtype: str
    unit: str
    meaning: str
    minimum: float | None
    maximum: float | None
    nullable: bool
    levels: tuple[str, ...]
    watched: bool

    @classmethod
    def of(cls, feature: Feature) -> DictionaryEntry:
        """Returns the entry of a declared feature."""
        return cls(**{name: getattr(feature, name) for name in cls.__slots__})

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DictionaryEntry:
        """Returns the entry whose fields these are."""
        return cls(**{**fields, "levels": tuple(fields["levels"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A trained model with all that a score needs.

    `score_grid` holds quantiles of the published score on reference rows at equal steps from 0 to 1 (`score_grid`).
    `segments` are the dataset's. `lineage` says what the model was made from, in values that JSON knows (lists, not
    tuples). `reference` is the drift room's parquet, opaque here. `bands` say how sure a score is; None in bundles of
    before there were any.
    """

    model_text: str
    task: Task
    encoding: Encoding
    calibrator: Calibrator
    score_name: str
    key: str
    horizon_days: int
    score_grid: tuple[float, ...]
    segments: tuple[tuple[str, float], ...]
    dictionary: tuple[DictionaryEntry, ...]
    metrics: dict[str, float]
    lineage: dict[str, Any]
    reference: bytes
    bands: Bands | None = None

    def __post_init__(self) -> None:
        """Raises DataError for a metric that is not a number: what cannot be computed must not be kept as a figure."""
        absent = [name for name, figure in self.metrics.items() if not math.isfinite(figure)]
        if absent:
            raise DataError(
                where="bundle",
                found=f"no finite number for {', '.join(absent)}",
                action="look at the test dates' labels and scores",
            )

    def to_files(self) -> dict[str, bytes]:
        """Returns the bundle's files by name; the same bundle gives the same bytes."""
        contents = {
            MODEL: self.model_text.encode(),
            FIELDS: _json_bytes(self._fields()),
            REFERENCE: self.reference,
        }
        return contents | {CHECKSUMS: _checksums(contents)}

    @property
    def fingerprint(self) -> str:
        """The sha256 of the checksums: two bundles with one fingerprint are the same."""
        return hashlib.sha256(self.to_files()[CHECKSUMS]).hexdigest()

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Bundle:
        """Returns the bundle that `to_files` wrote; files that it does not know are not read.

        Raises:
            DataError: naming the file that is missing, differs from its checksum or has an unknown format version.
        """
        _verify(files)
        try:
            bundle = cls(
                model_text=files[MODEL].decode(),
                reference=files[REFERENCE],
                **_parsed(json.loads(files[FIELDS])),
            )
            require_typed(bundle)
            _ = bundle.example  # which asks the dictionary for every column
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            raise _refused(FIELDS, f"it is not a bundle's ({type(error).__name__}: {error})") from error
        return bundle

    @property
    def example(self) -> dict[str, float]:
        """One made-up row of the matrix, by column: the middle of the declared range; of a category its first level."""
        declared = {entry.name: entry for entry in self.dictionary}
        return {name: _middle(declared[name]) for name in self.encoding.features}

    def scorer(self, *, num_threads: int, walker: Walker | None = None) -> Scorer:
        """Returns the model, ready to score; `walker` is one for its text, None: LightGBM is loaded.

        Raises:
            DataError: the model's text is damaged, or reads other columns than the encoding builds.
        """
        require_columns(self.model_text, self.encoding)
        walks = walker or _lightgbm(self.model_text)
        return Scorer(encoding=self.encoding, walker=walks, calibrator=self.calibrator, num_threads=num_threads)

    def _fields(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "encoding": self.encoding.to_json(),
            "calibrator": asdict(self.calibrator),
            "score_name": self.score_name,
            "key": self.key,
            "horizon_days": self.horizon_days,
            "score_grid": self.score_grid,
            "segments": self.segments,
            "dictionary": [asdict(entry) for entry in self.dictionary],
            "metrics": self.metrics,
            "lineage": self.lineage,
            # a bundle of before there were bands is the one that was registered, to the byte
            **({"bands": asdict(self.bands)} if self.bands else {}),
        }


def _lightgbm(text: str) -> Walker:
    from churn.training.fit import Trees  # loads LightGBM, which a night that our engine scores does not need

    return Trees.load(text)


def score_grid(scores: Floats, *, points: int = 1001) -> tuple[float, ...]:
    """Returns the quantiles of `scores` (one per reference row, no NaN) at `points` equal steps from 0 to 1.

    >>> score_grid(np.array([0.1, 0.2, 0.4]), points=3)
    (0.1, 0.2, 0.4)
    """
    return tuple(np.quantile(scores, np.linspace(0.0, 1.0, points)).tolist())


def _middle(entry: DictionaryEntry) -> float:
    if entry.dtype == "category":
        return 0.0
    minimum = 0.0 if entry.minimum is None else entry.minimum
    return minimum + 1.0 if entry.maximum is None else (minimum + entry.maximum) / 2


def _parsed(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {
        "encoding": Encoding.from_json(fields["encoding"]),
        "calibrator": calibrator_from_json(fields["calibrator"]),
        "score_grid": tuple(fields["score_grid"]),
        "segments": tuple((name, lowest) for name, lowest in fields["segments"]),
        "dictionary": tuple(DictionaryEntry.from_json(entry) for entry in fields["dictionary"]),
        "bands": Bands.from_json(fields["bands"]) if fields.get("bands") else None,
    }


def _verify(files: Mapping[str, bytes]) -> None:
    missing = [name for name in (CHECKSUMS, MODEL, FIELDS, REFERENCE) if name not in files]
    if missing:
        raise _refused(", ".join(missing), "missing")
    claimed = _claimed(files[CHECKSUMS])
    contents = {name: files[name] for name in (MODEL, FIELDS, REFERENCE)}
    changed = [name for name, content in contents.items() if claimed.get(name) != _sha256(content)]
    if changed:
        raise _refused(", ".join(changed), f"its sha256 is not the one in {CHECKSUMS}")
    if files[CHECKSUMS] != _checksums(contents):
        raise _refused(CHECKSUMS, "it is not spelled as it was written")


def _claimed(checksums: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(checksums)
    except (ValueError, RecursionError) as error:
        raise _refused(CHECKSUMS, "it is not JSON") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        version = fields.get("format") if isinstance(fields, dict) else None
        raise _refused(CHECKSUMS, f"format version {version!r}, and this code reads {FORMAT}")
    hashes = fields.get("sha256")
    return hashes if isinstance(hashes, dict) else {}


def _checksums(contents: Mapping[str, bytes]) -> bytes:
    return _json_bytes({"format": FORMAT, "sha256": {name: _sha256(content) for name, content in contents.items()}})


def _json_bytes(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _refused(file: str, found: str) -> DataError:
    return DataError(
        where=f"bundle file {file}",
        found=found,
        action="fetch the bundle from the registry again, or train again with this version of the code",
    )
