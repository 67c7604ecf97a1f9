"""Serves the pages and delivers events."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import time
from pathlib import Path

from yigong.kit.errors import Fault
from yigong.portal import postgres, wiring
from yigong.portal.env import env

log = logging.getLogger("yigong.work")


def main(arguments: list[str]) -> int:
    """``yigong serve``: gunicorn with worker threads that fit the connections of the pool."""
    parser = argparse.ArgumentParser(prog="yigong serve", description="启动网页服务 / serve the pages")
    parser.add_argument("--bind", default="127.0.0.1:8000", help="监听地址 / address")
    options = parser.parse_args(arguments)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:yigong.portal.worker", "--bind", options.bind]
    os.execv(sys.executable, command)  # noqa: S606  - a fixed program
    return 0


def work(arguments: list[str]) -> int:
    """``yigong work``: run feeds that are due, deliver events, carry on what waits; ``--once`` does what waits and ends."""
    parser = argparse.ArgumentParser(
        prog="yigong work", description="运行到期任务，投递事件 / run due feeds, deliver events"
    )
    parser.add_argument("--once", action="store_true", help="做完等待的就结束 / do what waits and end")
    once = parser.parse_args(arguments).once
    from django.db import DatabaseError, connection

    from yigong.kit.ctx import system
    from yigong.platform.exchange.api import Worker

    worker = Worker(system())
    while True:
        try:
            done = sum(_turn(path) for path in wiring.WORK) + worker.turn()
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


def _turn(path: str) -> int:
    """One turn of a module's work; what is away outside is waited for, and all else goes on."""
    module, _sep, name = path.partition(":")
    try:
        return int(getattr(importlib.import_module(module), name)())
    except Fault as fault:
        log.warning("%s: %s", path, fault.code)
        return 0


def stop(arguments: list[str]) -> int:
    """``yigong stop``: end the page server and the local PostgreSQL of this installation."""
    argparse.ArgumentParser(prog="yigong stop", description="停止本机服务 / end the local servers").parse_args(
        arguments
    )
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int(_pid_file().read_text()), signal.SIGTERM)
    postgres.stop()
    return 0


def _pid_file() -> Path:
    return env().local / "serve.pid"
