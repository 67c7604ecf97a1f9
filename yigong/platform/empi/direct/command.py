"""``yigong lookup``: the direct door of the index, a server of its own beside the page server."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from yigong.platform.empi import alike
from yigong.platform.empi.rules import model

#: a process that ended by itself is replaced after so many seconds, not sooner
_BREATH = 1.0


def main(arguments: list[str]) -> int:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="yigong lookup", description="look-ups of persons over HTTP / 身份查找服务")
    parser.add_argument("--bind", default="127.0.0.1:8010")
    parser.add_argument("--processes", type=int, default=1, help="that share the port / 共用端口的进程数")
    given = parser.parse_args(arguments)
    if given.processes < 1:
        parser.error("--processes: at least 1 / 至少为 1")
    host, _, port = given.bind.rpartition(":")
    url = database_url()
    warm()
    if given.processes == 1:
        _serve(url, host, int(port))
    else:
        _held_open(host, int(port), given.processes, lambda: _serve(url, host, int(port), shared=True))
    return 0


def _serve(url: str, host: str, port: int, *, shared: bool = False) -> None:
    import uvicorn

    from yigong.platform.empi.direct.app import App

    config = uvicorn.Config(App(url), host=host, port=port, log_level="warning", access_log=False, server_header=False,
                            date_header=False, lifespan="on", backlog=512)  # fmt: skip
    uvicorn.Server(config).run(sockets=[_listening(host, port)] if shared else None)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that shares its address with those of the other processes: the kernel spreads the connections."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host.strip("[]"), port))
    made.listen(512)
    return made


def _held_open(host: str, port: int, count: int, serve: Callable[[], None]) -> None:
    """So many processes out of this one, which is warm already; who ends by itself is replaced, until told to end."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((host.strip("[]"), port))  # another server at this address is met here, once
    ending: list[int] = []
    running: set[int] = set()

    def end(number: int, _frame: object) -> None:
        ending.append(number)
        for child in running:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    while running or not ending:
        while len(running) < count and not ending:
            running.add(child := _child(serve))
            if ending:  # told while it was being made
                os.kill(child, signal.SIGTERM)
        ended, _ = os.wait()
        running.discard(ended)
        if not ending:
            time.sleep(_BREATH)


def _child(serve: Callable[[], None]) -> int:
    """The id of a new process that serves and then ends."""
    if child := os.fork():
        return child
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        serve()
        code = 0
    finally:
        os._exit(code)


def database_url() -> str:
    """The database of this installation for connections of our own."""
    from psycopg.conninfo import make_conninfo

    facts: dict[str, Any] = connection.settings_dict
    given = {"dbname": facts["NAME"], "user": facts["USER"], "password": facts["PASSWORD"], "host": facts["HOST"], "port": facts["PORT"]}  # fmt: skip
    return make_conninfo("", **{name: value for name, value in given.items() if value})


def warm() -> None:
    """Load what the first question would load, and let the collector leave it alone."""
    from yigong.platform.empi.direct.door import bearer

    asked = alike.question({"full_name": "王秀兰", "born_on": "1959-03-14"}, model())
    alike.scores(asked, [asked.facts], model(), (10.0, 2.0))
    bearer()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
