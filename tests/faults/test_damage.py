"""A file of the lake that is damaged is made again, or stops who reads it by its name, and the next run completes it.

A night that is there is not read again: a bit that flips in it is found by who opens it, by its sha256. A manifest has
none of its own: what is still one is believed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from churn.errors import DataError, ExitCode
from churn.stores.partition import MANIFEST
from tests.faults.ground import FIGURES, KINDS, NAME, NIGHT, Ground, heavy

_DAYS = {"tables": "2025-08-19", "feeds": "2025-08-19"}
_KINDS = [kind for kind in KINDS if kind != "quarantine"]  # nobody reads it but people
_WHERE = {kind: f"{kind}/{NAME}/date={_DAYS.get(kind, NIGHT)}" for kind in _KINDS} | {"champion": f"champion/{NAME}"}
HOW: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "a bit flipped": lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
}


@heavy
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", _WHERE)
def test_a_damaged_file_is_named_or_made_again(
    ground: Ground, kind: str, how: str, record_property: Callable[[str, object], None]
) -> None:
    ground.reset()
    assert ground.night().code == ExitCode.OK
    names = sorted(path.name for path in (ground.root / _WHERE[kind]).iterdir() if path.is_file())
    for name in names:
        ground.reset()
        assert ground.night().code == ExitCode.OK
        path = ground.root / _WHERE[kind] / name
        content = path.read_bytes()
        if HOW[how](content) == content or (name == MANIFEST and how == "a bit flipped"):
            continue
        path.write_bytes(HOW[how](content))
        if kind in {"profiles", "feeds"}:  # which a verdict alone reads
            shutil.rmtree(ground.root / _WHERE["drift"])
        ended = ground.night()
        assert ended.code in {ExitCode.OK, ExitCode.DATA, ExitCode.TRY_AGAIN}, ended.said
        assert "Traceback" not in ended.said
        if ended.code != ExitCode.OK:
            assert _WHERE[kind] in ended.said
            assert "\n  do: " in ended.said
            shutil.rmtree(path.parent)
        elif path.exists() and path.read_bytes() not in {content, ground.expected.get(f"{_WHERE[kind]}/{name}")}:
            with pytest.raises(DataError, match=re.escape(_WHERE[kind])):
                ground.check_whole()
            shutil.rmtree(path.parent)
        ground.check_completed()
    record_property(FIGURES, {"files damaged": len(names), "whole by the next run": len(names)})
