"""Systems that messages are sent to: real servers on free ports, written without the bus's own code."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Got:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


class HttpReceiver:
    """Keeps every request; answers as *answer* says (status, body)."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[Got] = []
        self.links: list[socket.socket] = []
        self.answer: Callable[[Got], tuple[int, bytes]] = lambda _got: (200, b"{}")
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver.links.append(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                receiver.got.append(got)
                status, answer = receiver.answer(got)
                with suppress(OSError):  # the sender has been killed
                    self.send_response(status)
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    @property
    def keys(self) -> list[str]:
        """The idempotency keys, in the order of arrival."""
        return [g.headers["idempotency-key"] for g in self.got]

    def close(self) -> None:
        """End, with the connections that are kept open."""
        self.server.shutdown()
        self.server.server_close()
        for link in self.links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        self.thread.join()


@contextmanager
def http_receiver(port: int = 0) -> Iterator[HttpReceiver]:
    """A receiver that ends with the block."""
    receiver = HttpReceiver(port)
    try:
        yield receiver
    finally:
        receiver.close()


class MllpReceiver:
    """An HL7 v2 system: keeps each message, acknowledges with the code of *answer*."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[bytes] = []
        self.answer: Callable[[bytes], str] = lambda _message: "AA"
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                link, _address = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        waiting = b""
        with link:
            while data := link.recv(65536):
                waiting += data
                while b"\x1c\r" in waiting:
                    message, waiting = waiting.split(b"\x1c\r", 1)
                    message = message.lstrip(b"\x0b")
                    self.got.append(message)
                    head = message.split(b"\r")[0].split(b"|")
                    code = self.answer(message).encode()
                    ack = b"MSH|^~\\&|R|R|YG|C|20260301||ACK|1|P|2.4\rMSA|" + code + b"|" + head[9] + b"\r"
                    link.sendall(b"\x0b" + ack + b"\x1c\r")

    def close(self) -> None:
        with suppress(OSError):  # wakes the thread that waits for a caller, which would take one more
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@contextmanager
def mllp_receiver() -> Iterator[MllpReceiver]:
    """A receiver that ends with the block."""
    receiver = MllpReceiver()
    try:
        yield receiver
    finally:
        receiver.close()
