"""A strict reader of Prometheus' text format: what its own parser, or node_exporter, would refuse fails here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
_SAMPLE = re.compile(rf"({_NAME})\{{(.*)\}} ([+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN)")
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Returns each sample's value by its name and labels; HELP, then TYPE, then samples of one metric after another."""
    assert text == "" or text.endswith("\n")
    found: Samples = {}
    seen: list[str] = []
    told = 2
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, words = line.split(" ", 3)
            assert told == 2, line
            assert name not in seen, line
            assert re.fullmatch(_NAME, name), line
            assert words, line
            seen.append(name)
            told = 0
        elif line.startswith("# TYPE "):
            assert (line, told) == (f"# TYPE {seen[-1]} gauge", 0)
            told = 1
        else:
            key, value = _sample(line)
            assert told in {1, 2}, line
            assert key[0] == seen[-1], line
            assert key not in found, f"{line} twice"
            found[key] = value
            told = 2
    assert told == 2
    return found


def read_all(paths: Iterable[Path]) -> Samples:
    """Returns the samples of several files; node_exporter refuses two of one name and labels in them, too."""
    together: Samples = {}
    for path in paths:
        found = read(path.read_text())
        assert not found.keys() & together.keys(), path
        together |= found
    return together


def values(found: Samples, name: str, **labels: str) -> list[float]:
    return [value for (one, its), value in found.items() if one == name and set(labels.items()) <= its]


def _sample(line: str) -> tuple[tuple[str, frozenset[tuple[str, str]]], float]:
    match = _SAMPLE.fullmatch(line)
    assert match, line
    name, text, value = match.groups()
    labels: dict[str, str] = {}
    place = 0
    while place < len(text):
        pair = _LABEL.match(text, place)
        assert pair, line
        assert pair[1] not in labels, line
        labels[pair[1]] = re.sub(r"\\.", lambda found: _ESCAPED[found[0]], pair[2])
        place = pair.end()
    return (name, frozenset(labels.items())), float(value)
