"""Servers that phones meet in the field: one that answers whatever it is told to, and a line that breaks."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SIGNED = "application/vnd.daybreak.models+dsse+json"


@dataclass
class Answers:
    """What the server says: path without query -> status, body, headers. ``asked`` records what came."""

    by_path: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def document(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.by_path["/models/latest"] = (status, body, {"Content-Type": SIGNED} | headers)

    def file(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.by_path[path] = (status, body, named)


@contextmanager
def answering() -> Iterator[Answers]:
    """An HTTP server that says what its ``Answers`` hold, 404 otherwise."""
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, dict(self.headers)))
            status, body, headers = answers.by_path.get(urlsplit(self.path).path, (404, b"{}", {}))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        answers.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield answers
        server.shutdown()


@dataclass
class Line:
    """A TCP line to a real server. Each connection that asks for a file breaks after ``file_bytes`` of the answer."""

    url: str = ""
    file_bytes: int = 10**9
    broken: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """Stand between the phone and ``url``."""
    target = urlsplit(url)
    line = Line()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def listen() -> None:
            with suppress(OSError):  # closed at the end
                while True:
                    phone, _ = listener.accept()
                    threading.Thread(target=_carry, args=[phone, target, line], daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        yield line


def _carry(phone: socket.socket, target: Any, line: Line) -> None:
    with phone, socket.create_connection((target.hostname, target.port)) as server, suppress(OSError):
        while request := phone.recv(65536):
            line.requests.append(request)
            server.sendall(request)
            _carry_answer(phone, server, line if request.startswith(b"GET /m/") else Line())


def _carry_answer(phone: socket.socket, server: socket.socket, line: Line) -> None:
    """One answer that has a Content-Length, or none and no body (304)."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += server.recv(1)
    phone.sendall(head)
    lengths = [part.split(b":")[1] for part in head.split(b"\r\n") if part.lower().startswith(b"content-length:")]
    left = int(lengths[0]) if lengths else 0
    allowed = min(left, line.file_bytes)
    while allowed:
        data = server.recv(min(allowed, 65536))
        if not data:
            return
        phone.sendall(data)
        allowed -= len(data)
        left -= len(data)
    if left:
        line.broken += 1
        phone.shutdown(socket.SHUT_RDWR)
