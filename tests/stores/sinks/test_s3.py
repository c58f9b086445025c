"""What a night becomes on a real S3 server."""

from __future__ import annotations

import hashlib
import json
import traceback
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.errors import SettingsError, TryAgainError
from churn.stores import s3 as door
from churn.stores.sinks.s3 import S3Folder
from tests.line import Line
from tests.stores.sinks.nights import FIRST, bench, publish, scores
from tests.stores.sinks.places import S3Place
from tests.stores.sources.s3_server import BUCKET, KEY, SECRET


def test_the_manifest_names_the_file_with_its_rows_and_hash_and_nothing_else_is_there(
    s3: S3Place, tmp_path: Path
) -> None:
    for version in (1, 2):
        s3.sink.deliver(publish(tmp_path, scores(version=version)), bench(tmp_path))
    manifest = json.loads(s3.read(f"date={FIRST}/_manifest.json"))
    ((name, file),) = manifest["files"].items()
    assert s3.names() == [f"date={FIRST}/_manifest.json", f"date={FIRST}/{name}"]
    content = s3.read(f"date={FIRST}/{name}")
    assert (file["sha256"], file["bytes"], file["rows"]) == (hashlib.sha256(content).hexdigest(), len(content), 250)
    assert name == f"scores-{file['sha256'][:16]}.parquet"


def test_what_a_killed_delivery_left_goes_with_the_next_night(s3: S3Place, tmp_path: Path) -> None:
    s3.server.put(f"{s3.folder}/subscription/date={FIRST}/scores-0123456789abcdef.parquet", b"half a night")
    s3.server.put(f"{s3.folder}/subscription/date=2026-01-04/_manifest.json", b"{}")
    s3.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    assert [name.partition("-")[0] for name in s3.names()] == ["date=2026", "date=2026", "date=2026"]
    assert not any("0123456789abcdef" in name for name in s3.names())


def test_a_large_night_goes_in_parts(s3: S3Place, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).random(800_000)  # 6.4 MB, which no compression makes smaller
    night = publish(tmp_path, pl.DataFrame({"customer_id": np.arange(noise.size), "churn_score": noise}))
    assert night.file.stat().st_size > door.PART
    s3.sink.deliver(night, bench(tmp_path))
    (name,) = (name for name in s3.names() if name.endswith(".parquet"))
    assert s3.read(name) == night.file.read_bytes()


def test_an_answer_that_never_comes_leaves_the_night_before(
    s3: S3Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))
    line = Line(s3.server.port)
    line.fail_after(0, then="cut")
    monkeypatch.setenv("AWS_ENDPOINT_URL", line.endpoint)
    monkeypatch.setattr(door, "SILENCE", timedelta(seconds=0.5))
    with pytest.raises(TryAgainError) as failed:
        s3.sink.deliver(publish(tmp_path, scores(version=2)), bench(tmp_path))
    line.close()
    text = "".join(traceback.format_exception(failed.value))
    assert SECRET not in text
    assert KEY not in text
    assert s3.held() == scores().rows()


def test_keys_that_do_not_open_the_bucket_are_told(
    s3: S3Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(SettingsError, match="no access"):
        s3.sink.deliver(publish(tmp_path, scores()), bench(tmp_path))


def test_a_path_elsewhere_is_refused() -> None:
    with pytest.raises(SettingsError, match="write s3://bucket/folder"):
        S3Folder(kind="s3", path=f"/{BUCKET}/scores")
