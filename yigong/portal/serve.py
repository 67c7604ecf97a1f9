"""Serves the pages and delivers events."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from yigong.portal import postgres
from yigong.portal.env import env


def main(arguments: list[str]) -> int:
    """``yigong serve``: gunicorn with worker threads that fit the connections of the pool."""
    parser = argparse.ArgumentParser(prog="yigong serve")
    parser.add_argument("--bind", default="127.0.0.1:8000")
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:yigong.portal.worker", "--bind", options.bind]
    os.execv(sys.executable, command)  # noqa: S606  - a fixed program
    return 0


def work(arguments: list[str]) -> int:
    """``yigong work``: run feeds that are due, deliver events, carry journalled messages on; ``--once`` does what waits and ends."""
    from django.db import DatabaseError, connection

    from yigong.kit.ctx import system
    from yigong.outbox.api import dispatch
    from yigong.platform.bus.api import process
    from yigong.platform.empi.api import clean_some
    from yigong.platform.exchange.api import Worker
    from yigong.platform.exchange.edge.api import work as carry_edge

    once, worker = "--once" in arguments, Worker(system())
    while True:
        try:
            done = process() + carry_edge() + dispatch() + _forward() + clean_some(system()) + worker.turn()
        except DatabaseError:  # away: nothing was half done, and it is waited for
            if once:
                raise
            connection.close()
            done = 0
        if once and not done:
            if not worker.under_way:
                return 0
            worker.wait()
        if not done:
            time.sleep(1)


def _forward() -> int:
    """Events to Kafka; when it is away they wait, and all else goes on."""
    from yigong.kit.errors import Fault
    from yigong.outbox.api import forward

    try:
        return forward()
    except Fault:
        return 0


def stop() -> int:
    """``yigong stop``: end the page server and the local PostgreSQL of this installation."""
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int(_pid_file().read_text()), signal.SIGTERM)
    postgres.stop()
    return 0


def _pid_file() -> Path:
    return env().local / "serve.pid"
