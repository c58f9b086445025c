"""Settings hold no secret, and are the same wherever the lake stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn.errors import SettingsError
from churn.reports.outcome import Outcome
from churn.settings import Settings, composed, parse
from churn.stages import train
from tests.command import churn as command


def nested(address: str) -> dict[str, object]:
    return {"dataset": {"tables": {"orders": {"kind": "csv", "path": address}}}}


@pytest.mark.parametrize(
    "address",
    [
        "http://me:hunter2@host",
        "http://hunter2@host/path",
        "s3://KEY:hunter2@bucket/orders/*.csv",
        "s3://KEY:hun/hunter2@bucket/orders.csv",
        "postgresql://h/mlflow?user=u&password=hunter2",
        "postgresql://h/mlflow?sslmode=require&%70assword=hunter2",
        "https://h/?X-Amz-Signature=hunter2",
        "https://h/?sig=hunter2",
        "s3://bucket/orders.csv?aws_secret_access_key=hunter2",
        "https://h/?Auth_Token=hunter2",
    ],
)
def test_an_address_with_a_secret_is_refused_by_its_key_and_not_repeated(address: str) -> None:
    for raw, where in (
        ({"registry": {"uri": address}}, "registry.uri"),
        (nested(address), "dataset.tables.orders.path"),
        ({"registry": {"uri": [address]}}, "registry.uri"),  # of the wrong type, too
    ):
        with pytest.raises(SettingsError) as refused:
            parse(raw, files={})
        assert str(refused.value).startswith(f"{where}: ")
        assert "in the address" in str(refused.value)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://host:5000/a@b",
        "http://[::1]:5000/a@b",
        "s3://bucket/me@home/part-?/key=3/*.parquet",
        "postgresql://h/mlflow?sslmode=require&connect_timeout=10",
        "sqlite:////srv/mlflow.db",
        "me@home:orders/token=3.csv",
    ],
)
def test_an_address_without_a_secret_is_taken(address: str) -> None:
    with pytest.raises(SettingsError) as incomplete:
        parse(nested(address), files={})
    assert "in the address" not in str(incomplete.value)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the settings of each `stage=train` are composed to; nothing is trained."""
    seen: list[dict[str, Any]] = []

    def note(settings: Settings) -> Outcome:
        seen.append(composed(settings))
        return Outcome(headline="noted")

    monkeypatch.setattr(train, "run", note)
    return seen


def test_the_same_settings_are_the_same_under_every_root_and_in_every_sweep(
    asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("churn.sweep.conclude", lambda *_, **__: None)
    for root in ("one", "./two", tmp_path / "three", "../elsewhere"):
        assert command("stage=train", "date=2026-01-05", root=Path(root)).code == 0
        assert command("-m", "stage=train", "date=2026-01-05", "model.seed=1", root=Path(root)).code == 0
    assert command("stage=train", "date=2026-01-05", "model.seed=1", root=tmp_path).code == 0
    single, swept = asked[0], asked[1]
    assert asked[0:8:2] == [single] * 4
    assert [*asked[1:8:2], asked[8]] == [swept] * 5
    assert single["dataset"]["folder"] == "<root>/raw/subscription"
    assert single["dataset"]["tables"]["usage"]["path"] == "<root>/raw/subscription/date=*/usage.parquet"
    assert "one/" not in str(single["dataset"])


@pytest.mark.parametrize("stage", ["prune", "status", "demo"])
@pytest.mark.parametrize("date", ["stale", "2026-01-05"])
def test_a_date_is_refused_where_it_would_be_ignored(stage: str, date: str, tmp_path: Path) -> None:
    ran = command(f"stage={stage}", f"date={date}", root=tmp_path / "lake")
    assert ran.code == 2
    assert f"stage={stage}: date={date}, and it takes none\n  do: leave date= out" in ran.err
    assert not (tmp_path / "lake").exists()


def test_where_scores_and_notices_go_is_no_setting_of_a_model(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    sink = [f"+dataset.sinks.out.{field}" for field in ("kind=csv", "folder=out", "columns=[segment]")]
    for overrides in ([], [*sink, "metrics.folder=null", "notify.within_seconds=5"]):
        assert command("stage=train", "date=2026-01-05", *overrides, root=tmp_path).code == 0
    assert asked[0] == asked[1]


def test_a_path_outside_the_root_is_told_as_it_was_typed(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    for folder in ("s3://bucket/raw", "/srv/raw", "raw"):
        assert command("stage=train", "date=2026-01-05", f"dataset.folder={folder}", root=tmp_path).code == 0
    assert [one["dataset"]["folder"] for one in asked] == ["s3://bucket/raw", "/srv/raw", "raw"]
