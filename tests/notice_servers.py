"""Real servers on 127.0.0.1 that take notices: HTTP and SMTP, well, badly, slowly or not at all."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import socketserver
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"


@dataclass(kw_only=True)
class Taken:
    """What a server was sent, and where it listens."""

    port: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/hook"


@contextmanager
def _served(server: socketserver.TCPServer, taken: Taken) -> Iterator[Taken]:
    taken.port = server.socket.getsockname()[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def http_server(*statuses: int, location: str = "") -> Iterator[Taken]:
    """Answers one status after the other, the last one for ever; a redirection leads to `location`."""
    taken, left = Taken(), [*statuses]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.headers.append(dict(self.headers))
            taken.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(left.pop(0) if left[1:] else left[0])
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with _served(ThreadingHTTPServer((HOST, 0), Handler), taken):
        yield taken


def dead_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections, and never says a word."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen(20)
        yield listening.getsockname()[1]


@contextmanager
def dripping_server() -> Iterator[int]:
    """Sends the beginning of an answer, a byte at a time, so that no single wait is ever too long."""
    ended, taken = Event(), Taken()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not ended.wait(0.05):
                    self.request.sendall(b".")

    with _served(_Threading((HOST, 0), Handler), taken):
        yield taken.port
        ended.set()


class _Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@dataclass(frozen=True, kw_only=True)
class Smtp:
    """How an SMTP server behaves: its answers to recipients, the last one for ever; how it encrypts; if it says bye."""

    recipients: Sequence[str] = ("250 fine",)
    context: ssl.SSLContext | None = None
    at_once: bool = False
    quits: bool = True


class _SmtpServer(_Threading):
    plan: Smtp
    taken: Taken
    recipients: list[str]

    def handle_error(self, *_: Any) -> None:
        """Says nothing of a client that hung up in the middle of a handshake."""


class _Speaking(socketserver.StreamRequestHandler):
    server: _SmtpServer

    def setup(self) -> None:
        if self.server.plan.at_once:
            self.encrypt()
        super().setup()

    def encrypt(self) -> None:
        assert self.server.plan.context
        self.request = self.server.plan.context.wrap_socket(self.request, server_side=True)

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline():
            self.server.taken.said.append(line.decode().strip())
            verb = self.server.taken.said[-1].upper().split(" ")[0]
            if verb == "QUIT":
                return self.say("221 bye") if self.server.plan.quits else None
            {"EHLO": self.greet, "STARTTLS": self.start, "RCPT": self.judge, "DATA": self.take}.get(verb, self.agree)()
        return None

    def agree(self) -> None:
        self.say("235 welcome" if self.server.taken.said[-1].startswith("AUTH") else "250 fine")

    def greet(self) -> None:
        plan = self.server.plan
        self.say("250-here")
        if plan.context and not plan.at_once:
            self.say("250-STARTTLS")
        self.say("250 AUTH PLAIN")

    def start(self) -> None:
        self.say("220 go on")
        self.encrypt()
        super().setup()

    def judge(self) -> None:
        left = self.server.recipients
        self.say(left.pop(0) if left[1:] else left[0])

    def take(self) -> None:
        self.say("354 go on")
        self.server.taken.bodies.append(b"".join(iter(self.rfile.readline, b".\r\n")))
        self.say("250 taken")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
        self.wfile.flush()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
            self.request.close()


@contextmanager
def smtp_server(plan: Smtp) -> Iterator[Taken]:
    """Speaks as much SMTP as smtplib asks for; `said` are the commands, `bodies` the messages."""
    server = _SmtpServer((HOST, 0), _Speaking)
    server.plan, server.taken, server.recipients = plan, Taken(), [*plan.recipients]
    with _served(server, server.taken) as taken:
        yield taken


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Returns what a server on 127.0.0.1 encrypts with, and the certificate that a client has to trust."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, trusted = folder / "server.pem", folder / "trusted.pem"
    encoding = serialization.Encoding.PEM
    trusted.write_bytes(certificate.public_bytes(encoding))
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain.write_bytes(private + trusted.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, trusted
