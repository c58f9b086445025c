"""A file that cannot be looked into is told as what it is: closed, or damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from churn.errors import DataError
from churn.stores.rewriting import count_about


def test_a_file_that_is_closed_to_this_user_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", closed)
    monkeypatch.setattr("polars.read_parquet_schema", closed)
    with pytest.raises(PermissionError):
        count_about(tmp_path / "closed.parquet", [17], key="customer_id", rows=10)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_a_file_that_is_cut_short_is_named_as_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a whole parquet file"):
        count_about(path, [17], key="customer_id", rows=10)
