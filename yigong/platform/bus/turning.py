"""What ``yigong work`` does for the bus in turn, and ``yigong bus work`` without pause."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, connection

from yigong.kit.ctx import system
from yigong.platform.bus import delivery, golden, register, retention, routing, runs
from yigong.platform.bus.models import Golden

log = logging.getLogger("yigong.bus")
EVERY_SECONDS = 3600.0
_last: list[float] = []


def work() -> int:
    """Decide ways, send what is due, carry runs on; how much was done."""
    return routing.route() + delivery.deliver() + runs.turn()


def clean() -> int:
    """Once an hour: clear what is over, and bring the services of the modules into the register; how many messages went."""
    if _last and time.monotonic() - _last[0] < EVERY_SECONDS:
        return 0
    _last[:] = [time.monotonic()]
    register.gather()
    return retention.purge(system())


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


def _golden() -> int:
    """``yigong bus golden``: every golden message against its route; 1 when one comes out otherwise."""
    found = golden.check(system())
    for route, one in found:
        kinds = ", ".join(f"{d.kind} {d.aim}".strip() for d in one.differences)
        print(f"✗ {route.code}: {one.golden}: {kinds}")
    print(f"{Golden.objects.count()} · ✗ {len(found)}")
    return 1 if found else 0


def main(arguments: list[str]) -> int:
    """``yigong bus work``: a worker of its own for deliveries; any number of them may run, on any machine."""
    parser = argparse.ArgumentParser(prog="yigong bus", description="服务总线 / the service bus")
    parser.add_argument(
        "what",
        choices=["work", "golden"],
        help="work 投递进程 / deliveries; golden 核对金样消息 / golden messages checked",
    )
    if parser.parse_args(arguments).what == "golden":
        return _golden()
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    print("bus work", flush=True)
    run(ended.is_set)
    return 0
