"""Open-loop load on an HTTP server: ``python -m benchmarks.empi_load PORT QUESTIONS RATE SECONDS``, one line of JSON.

Questions (a file, one JSON object ``{"path", "body"}`` a line) are due at fixed moments, whether or not the server has
answered the ones before; each is timed from the moment it was due, so a server that stalls is not flattered. Connections
are kept alive. The token comes from the environment (``TOKEN``).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

CONNECTIONS = 64


class Connection(asyncio.Protocol):
    """One kept connection: one question at a time."""

    def __init__(self, load: Load) -> None:
        self.load, self.buffer, self.due = load, b"", 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        low = self.buffer[:head].lower()
        at = low.find(b"content-length:")
        length = int(low[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) >= head + 4 + length:
            status, self.buffer = int(self.buffer[9:12]), self.buffer[head + 4 + length :]
            self.load.answered(self, status)

    def connection_lost(self, _error: Exception | None) -> None:
        self.load.lost += 1


class Load:
    """What is due, what is free, what was measured."""

    def __init__(self, questions: list[bytes], rate: float, seconds: float) -> None:
        self.questions, self.rate, self.total = questions, rate, int(rate * seconds)
        self.free: deque[Connection] = deque()
        self.late: deque[tuple[float, bytes]] = deque()
        self.took: list[float] = []
        self.statuses: dict[int, int] = {}
        self.lost = 0

    def answered(self, connection: Connection, status: int) -> None:
        """One answer came."""
        self.took.append(time.perf_counter() - connection.due)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if self.late:
            self.send(connection, *self.late.popleft())
        else:
            self.free.append(connection)

    def send(self, connection: Connection, due: float, question: bytes) -> None:
        """Ask by a free connection."""
        connection.due = due
        connection.transport.write(question)

    async def run(self, port: int) -> None:
        """Open the connections, ask what is due when it is due, wait for the last answers."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            self.free.append((await loop.create_connection(lambda: Connection(self), "127.0.0.1", port))[1])
        start, sent = time.perf_counter() + 0.1, 0
        while sent < self.total:
            due = start + sent / self.rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            question = self.questions[sent % len(self.questions)]
            if self.free:
                self.send(self.free.popleft(), due, question)
            else:
                self.late.append((due, question))
            sent += 1
            if wait <= 0:
                await asyncio.sleep(0)
        end = time.perf_counter() + 5
        while len(self.took) < self.total and time.perf_counter() < end:
            await asyncio.sleep(0.05)


def main() -> None:
    """Load the server and print what was seen."""
    port, file, rate, seconds = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    token = os.environ["TOKEN"]
    questions = [_request(json.loads(line), token) for line in file.read_text("utf-8").splitlines()]
    gc.disable()
    load, begun = Load(questions, rate, seconds), time.process_time()
    _loop(load.run(port))
    took = np.array(load.took) * 1000
    cpu = time.process_time() - begun
    said = {f"p{p}_ms": round(float(np.percentile(took, p)), 2) for p in (50, 90, 99, 99.9)} if took.size else {}
    missing = load.total - len(load.took)
    asked = {"asked": load.total, "rate": rate, "client_cpu_us": round(1e6 * cpu / max(1, load.total))}
    print(json.dumps({**asked, **said, "statuses": load.statuses, "unanswered": missing}))


def _loop(work: object) -> None:
    import uvloop

    uvloop.run(work)  # type: ignore[arg-type]


def _request(question: dict[str, object], token: str) -> bytes:
    body = json.dumps(question["body"], ensure_ascii=False).encode()
    head = (
        f"POST {question['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
