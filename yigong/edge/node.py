"""A node at work: one thread reads, one sends; what either did before the power failed is taken up again."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yigong.edge import health, identity
from yigong.edge.buffer import Buffer
from yigong.edge.extractor import Extractor
from yigong.edge.logbook import Logbook
from yigong.edge.sender import Sender
from yigong.kit.errors import Refused

log = logging.getLogger("yigong.edge")
REVOKED_EXIT = 3  # systemd is told not to start it again
LOCK = "node.lock"


class Node:
    """The node in a folder."""

    def __init__(self, folder: Path, *, timeout: float = 30.0) -> None:
        self.who = identity.load(folder)
        self.stopped = threading.Event()
        self.buffer = Buffer(folder)
        self.book = Logbook(self.buffer)
        self.sender = Sender(folder, self.who, self.buffer, timeout=timeout, facts=self._facts, book=self.book)
        self.extractor = Extractor(self.buffer, lambda: self.sender.orders, self.stopped, self.book)

    def _facts(self, sender: Sender) -> dict[str, Any]:
        drift = sender.client.drift
        return health.facts(
            self.buffer, sender.orders,
            stop_code=self.extractor.stop_code, drift_ms=drift.drift_ms if drift.known else None,
        )  # fmt: skip

    def run(self) -> int:
        """Work until told to stop; the exit code."""
        said = health.versions()
        version = said.get("yigong-edge") or said.get("yigong", "—")
        self.book.say("log.started", name=self.who.name, version=version, url=self.who.url)
        reading = threading.Thread(target=self._guarded, name="extract", daemon=True)
        reading.start()
        try:
            while not self.stopped.is_set() and not self.sender.revoked:
                self.stopped.wait(self.sender.step())
        finally:
            self.stopped.set()
            reading.join(30)
            self.book.say("log.stopped", rows=self.buffer.queue().rows)
            self.sender.close()
        return REVOKED_EXIT if self.sender.revoked else 0

    def _guarded(self) -> None:
        """A fault of our own in the reading thread ends the node, for the launcher to start it anew; it never stands half dead."""
        try:
            self.extractor.run()
        except Exception:
            log.exception("reading ended")
            os._exit(1)

    def stop(self, *_: object) -> None:
        """End soon; what is under way is finished or taken up again."""
        self.stopped.set()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One node for a folder. Raises Refused edge.not_enrolled, edge.running."""
    identity.load(folder)
    with (folder / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise Refused("edge.running", folder=str(folder), pid=lock.read().strip() or "—") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_running(folder: Path) -> bool:
    """Whether a process works as the node of a folder now."""
    try:
        with alone(folder):
            return False
    except Refused as refused:
        return refused.code == "edge.running"


def run(folder: Path, *, timeout: float = 30.0) -> int:
    """Run the node in a folder until a signal ends it; the exit code."""
    with alone(folder):
        node = Node(folder, timeout=timeout)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, node.stop)
        return node.run()
