"""Do values that came from JSON have the types that their dataclass declares?

Python does not look, and what was written by hand, or by nobody, would stop a night far from the file that holds it.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_MOST = 2**63


def require_typed(value: Any) -> None:
    """Returns nothing where every field of a dataclass, and what is in it, is of its declared type.

    A float may be written as an integer; numbers are finite, integers of 64 bits, texts such that UTF-8 can hold them.

    Raises:
        TypeError: naming the first field that is of another type.
    """
    hints = _hints(type(value))  # type: ignore[arg-type] # a class has a hash
    for field in fields(value):
        if not _fits(getattr(value, field.name), hints[field.name]):
            raise TypeError(f"{field.name!r} is not of its type")


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return type(value) is str and value in inner
    if origin is tuple:
        return isinstance(value, tuple) and _fit(value, inner)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if is_dataclass(hint):
        return isinstance(value, hint) and _is_typed(value)  # type: ignore[arg-type] # a class, not an instance
    return _is_plain(value, hint)


def _fit(values: tuple[Any, ...], inner: tuple[Any, ...]) -> bool:
    if inner[1:] == (...,):
        return all(_fits(value, inner[0]) for value in values)
    return len(values) == len(inner) and all(map(_fits, values, inner))


def _is_typed(value: Any) -> bool:
    try:
        require_typed(value)
    except TypeError:
        return False
    return True


def _is_plain(value: Any, hint: Any) -> bool:
    if hint in {float, int}:
        return (type(value) is int and -_MOST <= value < _MOST) or (
            hint is float and type(value) is float and math.isfinite(value)
        )
    if hint is str:
        return type(value) is str and (value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value))
    return hint is Any or type(value) is hint or (hint is NoneType and value is None)
