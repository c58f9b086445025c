"""Who was erased does not come back because the list of them was damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.errors import DataError
from churn.stores.erased_keys import ErasedKeys

SALT, HASH = "0a" * 16, "0b" * 16


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    place = tmp_path / "erased" / "shop.json"
    erased = ErasedKeys.read(place).adding([17, -3])
    erased.write(place)
    assert ErasedKeys.read(place) == erased
    assert "17" not in json.loads(place.read_bytes())["hashes"]


@pytest.mark.parametrize(
    "content",
    [
        *("", "5", "[]", "[" * 100_000, json.dumps({"salt": SALT}), json.dumps({"salt": SALT[2:], "hashes": [HASH]})),
        json.dumps({"salt": SALT, "hashes": HASH}),
        *(json.dumps({"salt": SALT, "hashes": [one]}) for one in (1, None, HASH[1:], HASH.upper(), "xy" * 16)),
    ],
)
def test_a_list_that_would_let_somebody_back_is_refused_by_its_place(tmp_path: Path, content: str) -> None:
    place = tmp_path / "shop.json"
    place.write_text(content)
    with pytest.raises(DataError, match=r"(?s)shop\.json.*restore it from a backup"):
        ErasedKeys.read(place)
