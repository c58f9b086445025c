"""A real S3 server on free ports of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

KEY, SECRET = "a-key-of-tests", "planted-secret-77e0"
BUCKET = "raw-days"
_PORTS = ("master.port", "master.port.grpc", "volume.port", "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
_MORE_PORTS = ("admin.port", "admin.port.grpc", "s3.port.iceberg")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server with one bucket."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}

    @property
    def bucket(self) -> S3Store:
        return S3Store(
            BUCKET,
            endpoint=self.endpoint,
            access_key_id=KEY,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
        )

    def put(self, path: str, content: bytes) -> None:
        obstore.put(self.bucket, path, content)

    def delete(self, path: str) -> None:
        obstore.delete(self.bucket, path)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Runs the server with its data in the folder."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or "weed"
    ports = _free_ports(*_PORTS, *_MORE_PORTS)
    options = [f"-{name}={port}" for name, port in ports.items()]
    fixed = ["-master.telemetry=false", "-webdav=false", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "mini", *fixed, *options], env=environment, cwd=folder, stdout=log, stderr=log
        )
        try:
            server = S3Server(port=ports["s3.port"])
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(*names: str) -> dict[str, int]:
    listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: int(listener.getsockname()[1]) for name, listener in listeners.items()}
    for listener in listeners.values():
        listener.close()
    return ports


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    late = time.monotonic() + 30
    while True:
        try:
            server.put("here", b"")  # which makes the bucket, too
        except BaseError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < late, "the server did not start"
            time.sleep(0.05)
        else:
            return
