"""A line to a server on this machine that can be cut or fall silent."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Literal


class Line:
    """A line to a server that, after a number of bytes, is cut or falls silent; of answers alone, or of both ways."""

    def __init__(self, port: int, *, both_ways: bool = False) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        self._both_ways = both_ways
        self._left: int | None = None
        self._then: Literal["cut", "silent"] = "cut"
        self.passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail_after(self, count: int | None, *, then: Literal["cut", "silent"] = "cut") -> None:
        """Lets that many bytes more pass; None is all."""
        self._left, self._then = count, then

    def close(self) -> None:
        self._closed.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            with suppress(OSError):
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server)
        except OSError:  # it is down
            client.close()
            return
        for pump in (self._ask, self._answer):
            threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while (sent := client.recv(1 << 16)) and (not self._both_ways or self._may_pass(len(sent))):
                server.sendall(sent)
        _hang_up(server, client)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while (sent := server.recv(1 << 16)) and self._may_pass(len(sent)):
                client.sendall(sent)
        _hang_up(server, client)

    def _may_pass(self, count: int) -> bool:
        self.passed += count
        if self._left is None:
            return True
        self._left -= count
        if self._left < 0 and self._then == "silent":
            self._closed.wait(60)
        return self._left >= 0


def _hang_up(*sockets: socket.socket) -> None:
    for end in sockets:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
