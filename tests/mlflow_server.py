"""A real MLflow server on a free port of 127.0.0.1, with a database and artifacts of its own; it can be stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@dataclass(kw_only=True)
class MlflowServer:
    """A server; who stops it in the middle of a test starts it again for the next one, on the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        places = {
            "--backend-store-uri": f"sqlite:///{self.folder / 'mlflow.db'}",
            "--artifacts-destination": str(self.folder / "artifacts"),
            "--host": "127.0.0.1",
            "--port": str(self.port),
            "--workers": "1",
        }
        options = [word for pair in places.items() for word in pair]
        with (self.folder / "server.log").open("ab") as told:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options],
                env=os.environ | _QUIET,
                stdout=told,
                stderr=told,
                start_new_session=True,  # it has children, which end with it
            )
        self._await_ready()

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
            self.process.wait(20)

    def _await_ready(self) -> None:
        for _ in range(1_200):
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise TimeoutError((self.folder / "server.log").read_text())


@contextmanager
def running_mlflow(folder: Path) -> Iterator[MlflowServer]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    server = MlflowServer(folder=folder, port=port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
