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
from yigong.edge.sender import Sender
from yigong.kit.errors import Refused

log = logging.getLogger("yigong.edge")
REVOKED_EXIT = 3  # systemd is told not to start it again


class Node:
    """The node in a folder."""

    def __init__(self, folder: Path, *, timeout: float = 30.0) -> None:
        self.who = identity.load(folder)
        self.stopped = threading.Event()
        self.buffer = Buffer(folder)
        self.sender = Sender(folder, self.who, self.buffer, timeout=timeout, facts=self._facts)
        self.extractor = Extractor(self.buffer, lambda: self.sender.orders, self.stopped)

    def _facts(self, sender: Sender) -> dict[str, Any]:
        drift = sender.client.drift
        return health.facts(
            self.buffer, sender.orders,
            stop_code=self.extractor.stop_code, drift_ms=drift.drift_ms if drift.known else None,
        )  # fmt: skip

    def run(self) -> int:
        """Work until told to stop; the exit code."""
        reading = threading.Thread(target=self._guarded, name="extract", daemon=True)
        reading.start()
        try:
            while not self.stopped.is_set() and not self.sender.revoked:
                self.stopped.wait(self.sender.step())
        finally:
            self.stopped.set()
            reading.join(30)
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
    """One node for a folder. Raises Refused edge.running."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "node.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused("edge.running") from error
        yield


def run(folder: Path, *, timeout: float = 30.0) -> int:
    """Run the node in a folder until a signal ends it; the exit code."""
    with alone(folder):
        node = Node(folder, timeout=timeout)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, node.stop)
        return node.run()
