"""A candidate is registered on a real MLflow server, and loads from there without our code and without a pickle."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from churn.stores.decisions import Recorded
from churn.stores.registry import Registry
from churn.training.bundle import Bundle
from tests.command import FAST, TRAINED, churn, done
from tests.mlflow_server import MlflowServer

ELSEWHERE = """
import json, sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/churn-predictor/{sys.argv[2]}")
example = model.input_example
assert "churn" not in sys.modules
assert model.metadata.signature.inputs.input_names() == list(example.columns)
print(json.dumps({"columns": list(example.columns), "score": float(model.predict(example)[0])}))
"""


@pytest.mark.slow
def test_a_version_on_a_server_is_read_back_as_it_was_registered_and_loads_in_plain_mlflow(
    lake: Path, tmp_path: Path, mlflow_server: MlflowServer
) -> None:
    embedded = Registry(folder=lake / "mlflow", uri=None, model="churn-predictor", experiment="churn-prediction")
    expected = embedded.bundle_files(1)
    shutil.rmtree(lake / "mlflow")
    shutil.rmtree(lake / "champion")
    train = ("stage=train", f"date={TRAINED}", *FAST, f"registry.uri={mlflow_server.uri}")
    ran = done(*train, root=lake)
    assert re.search(rf"report +{mlflow_server.uri}/#/experiments/\d+/runs/\w+, report/training\.html\n", ran.out)
    there = Registry(folder=lake / "mlflow", uri=mlflow_server.uri, model="churn-predictor", experiment="any")
    assert there.bundle_files(1) == expected  # the same inputs make the same bundle, wherever it is registered
    assert "version 1 was trained from the same inputs, nothing to do" in done(*train, root=lake).out
    plain = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, mlflow_server.uri, "1"],
        env=os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert plain.returncode == 0, plain.stderr.decode()
    found = json.loads(plain.stdout.splitlines()[-1])
    bundle = Bundle.from_files(expected)
    assert found["columns"] == list(bundle.encoding.features)
    assert 0 < found["score"] < 1


@pytest.mark.slow
def test_a_server_that_dies_between_the_record_and_the_alias_makes_no_champion(
    lake: Path, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shutil.rmtree(lake / "champion")
    there = f"registry.uri={mlflow_server.uri}"
    done("stage=train", f"date={TRAINED}", *FAST, there, root=lake)
    registry = Registry(
        folder=lake / "mlflow", uri=mlflow_server.uri, model="churn-predictor", experiment="churn-prediction"
    )
    crown = Registry.crown

    def dying(self: Registry, recorded: Recorded) -> None:
        mlflow_server.stop()
        crown(self, recorded)

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "crown", dying)
        ran = churn("stage=promote", f"date={TRAINED}", there, root=lake)
    mlflow_server.start()
    assert (ran.code, registry.champion()) == (75, None)
    assert "not carried out" in done("stage=history", there, root=lake).out.splitlines()[-1]
    told = done("stage=promote", f"date={TRAINED}", there, root=lake).out
    assert re.search(rf"case file +{mlflow_server.uri}/#/experiments/\d+/runs/\w+", told)
    assert registry.champion() == registry.registered(1)
    assert registry.shadow() is None
    assert "version 1 of" in done("stage=score", "date=2025-08-20", *FAST, there, root=lake).out
