"""What a run's stores are wired from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from churn.doors import Doors
from churn.settings import Resources, Settings


@pytest.mark.parametrize(
    ("spill", "folder"), [(".spill", "/lake/.spill"), ("/fast/disk", "/fast/disk"), ("a/b", "/lake/a/b")]
)
def test_duckdb_spills_where_the_settings_say_under_the_root_if_relative(spill: str, folder: str) -> None:
    resources = Resources(threads=1, memory="1GB", spill=Path(spill), chunk_rows=10)
    settings = SimpleNamespace(root=Path("/lake"), resources=resources)
    assert Doors(cast("Settings", settings)).bench.spill == Path(folder)
