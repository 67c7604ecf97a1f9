"""What ``yigong work`` does for the bus in turn, and ``yigong bus work`` without pause."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, connection

from yigong.platform.bus import delivery, retention, routing, runs

log = logging.getLogger("yigong.bus")
clean = retention.turn


def work() -> int:
    """Decide ways, send what is due, carry runs on; how much was done."""
    return routing.route() + delivery.deliver() + runs.turn()


def run(stopped: Callable[[], bool], *, pause: float = 0.2) -> None:
    """Work until told to stop; a database that is away is waited for."""
    while not stopped():
        try:
            done = work()
        except DatabaseError as error:
            log.warning("bus: %s", type(error).__name__)
            connection.close()
            done = 0
        if not done:
            time.sleep(pause)
    delivery.finish()
    connection.close()


def main(arguments: list[str]) -> int:
    """``yigong bus work``: a worker of its own for deliveries; any number of them may run, on any machine."""
    parser = argparse.ArgumentParser(prog="yigong bus", description="服务总线的投递进程 / deliveries of the bus")
    parser.add_argument("what", choices=["work"])
    parser.parse_args(arguments)
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    print("bus work", flush=True)
    run(ended.is_set)
    return 0
