"""What does a model's text say? Read without LightGBM, which takes seconds to load and a night may not need."""

from __future__ import annotations

import re

from churn.errors import DataError
from churn.training.encoding import Encoding


def is_whole(text: str) -> bool:
    """Returns whether all trees are there in the sizes that the text names.

    LightGBM jumps from tree to tree by these sizes; where they lie it reads foreign memory and aborts the process.
    """
    sizes = re.search(r"^tree_sizes=([\d ]+)$", text, re.MULTILINE)
    start, end = text.find("Tree=0\n"), text.find("end of trees\n")
    if sizes is None or not 0 < start < end:
        return False
    return sum(int(size) for size in sizes[1].split()) == len(text[start:end].encode())


def features_of(text: str) -> tuple[str, ...]:
    """Returns the names of the matrix's columns, in order.

    Raises:
        DataError: for a text that is cut or no model.
    """
    names = re.search(r"^feature_names=(.*)$", text, re.MULTILINE)
    if names is None or not is_whole(text):
        raise unreadable("it is cut or changed")
    return tuple(names[1].split(" "))


def require_columns(text: str, encoding: Encoding) -> None:
    """Returns nothing where the model reads the columns that `encoding` builds, in its order.

    Raises:
        DataError: for another name or order; LightGBM itself would take one column for the other. The text is cut.
    """
    names = features_of(text)
    if names != encoding.features:
        raise DataError(
            where="model",
            found=f"it reads {', '.join(names)}; the encoding builds {', '.join(encoding.features)}",
            action="use letters, digits and _ in feature names, and a model and an encoding of one training",
        )


def without_null(text: str) -> tuple[str, ...]:
    """Returns the numbers that had no null in training, of those that a tree splits by: a null there is read as 0.

    Raises:
        DataError: for a text that is cut or no model.
    """
    names = features_of(text)
    features, decisions = (_joined(text, name) for name in ("split_feature", "decision_type"))
    # bit 0 of a decision: a category; bits 2 and 3: what is missing (nothing, zeros, NaN)
    read = {feature for feature, decision in zip(features, decisions, strict=True) if not decision & 0b1101}
    return tuple(name for number, name in enumerate(names) if number in read)


def gain_shares(text: str) -> dict[str, float]:
    """Returns the part of all trees' gain that each column has, from 0 to 1; all 0 for a model that splits nowhere.

    Raises:
        DataError: for a text that is cut or no model.
    """
    names = features_of(text)
    gains = dict.fromkeys(names, 0.0)
    lines = re.findall(r"^split_gain=(.*)$", text, re.MULTILINE)
    for feature, gain in zip(_joined(text, "split_feature"), " ".join(lines).split(), strict=True):
        gains[names[feature]] += max(float(gain), 0.0)
    total = sum(gains.values())
    return {name: gain / total if total else 0.0 for name, gain in gains.items()}


def unreadable(found: str) -> DataError:
    """Returns the error for a text that is no model."""
    return DataError(where="model text", found=found, action="restore the bundle from the registry, or train again")


def _joined(text: str, name: str) -> list[int]:
    """Returns a field of all trees, one number a split."""
    return [int(number) for line in re.findall(rf"^{name}=(.*)$", text, re.MULTILINE) for number in line.split()]
