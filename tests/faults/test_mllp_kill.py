"""A server that is killed: every acknowledged message is in the journal, exactly once."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from yigong.platform.bus.mllp import Framer, frame

CLIENTS, ROUNDS = 6, 3
LISTEN = "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server:
    """The real listener as a process of its own, on the database of the test."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log, self.port = url, log, _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-c", LISTEN, "listen", "--mllp", f"127.0.0.1:{self.port}", "--only-journal"]
        with self.log.open("ab") as log:
            environment = {**os.environ, "DATABASE_URL": self.url}
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout and self.process.stdout.readline().startswith(b"mllp"), self.log.read_text()

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class _Client(threading.Thread):
    """A sender that sends several messages at once, again until each is acknowledged, and notes every AA."""

    def __init__(self, number: int, port: int, stopped: threading.Event) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.stopped = number, port, stopped
        self.acknowledged: list[str] = []
        self.next = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as link:
                    self._talk(link)
            except OSError:
                time.sleep(0.05)  # the server is away; what was not acknowledged is sent again

    def _talk(self, link: socket.socket) -> None:
        while not self.stopped.is_set():
            controls = [f"{self.number}-{n}" for n in range(self.next, self.next + 4)]
            link.sendall(b"".join(frame(self._message(c)) for c in controls))
            framer, answers = Framer(), 0
            while answers < len(controls):
                data = link.recv(65536)
                if not data:
                    raise ConnectionError
                for answer in framer.feed(data):
                    assert f"MSA|AA|{controls[answers]}".encode() in answer
                    self.acknowledged.append(controls[answers])
                    self.next += 1
                    answers += 1

    def _message(self, control: str) -> bytes:
        head = f"MSH|^~\\&|LIS{self.number}|100000001X|YG|C|20260301||ORU^R01|{control}|P|2.4||||||GB18030"
        result = "OBX|1|NM|GLU^葡萄糖||5.1|mmol/L"  # a report without results is answered AE
        return f"{head}\rPID|||P{self.number}||测试甲\rOBR|1|A{control}\r{result}\r".encode("gb18030")


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[_Server]:
    """A listener that ends with the test."""
    facts = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    url = psycopg.conninfo.make_conninfo(**{n: facts[n] for n in names if facts.get(n)})
    server = _Server(url, tmp_path / "listener.log")
    server.start()
    yield server
    server.kill()


def _until(clients: list[_Client], count: int) -> None:
    """Wait for so many acknowledgements of all clients, each of which must still live."""
    until = time.monotonic() + 120
    while sum(len(c.acknowledged) for c in clients) < count:
        assert all(c.is_alive() for c in clients), "a client was answered otherwise than AA"
        assert time.monotonic() < until, "the listener did not come back"
        time.sleep(0.02)


@pytest.mark.fault
@pytest.mark.feature("C14", "C17")
def test_every_acknowledged_message_is_kept_exactly_once(server: _Server) -> None:
    """Several senders note each AA while the listener is killed again and again at moments of chance."""
    stopped, chance = threading.Event(), random.Random(20260301)
    clients = [_Client(n, server.port, stopped) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    reached = 0
    for _ in range(ROUNDS):
        _until(clients, reached + 40)
        time.sleep(chance.random() * 0.5)
        server.kill()
        reached = sum(len(c.acknowledged) for c in clients)
        server.start()
    _until(clients, reached + 40)
    stopped.set()
    for client in clients:
        client.join(10)
    acknowledged = [control for c in clients for control in c.acknowledged]
    with connection.cursor() as cursor:
        cursor.execute("select control_id, count(*) from bus_message group by control_id")
        kept = dict(cursor.fetchall())
    assert len(acknowledged) == len(set(acknowledged)) > ROUNDS * 40
    assert {c: kept.get(c, 0) for c in acknowledged if kept.get(c) != 1} == {}
    assert max(kept.values()) == 1
