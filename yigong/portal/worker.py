"""Settings of the page server: what its processes load before they are made, and how connections are kept."""

from __future__ import annotations

import gc
from typing import Any

from yigong.portal.env import env

wsgi_app = "yigong.portal.wsgi:application"
worker_class = "gthread"
workers = env().web_processes
threads = env().web_threads
preload_app = True  # every process begins with the same loaded code, and what does not change is shared memory
backlog = 512
#: a process takes a request only when a thread of it is free, and gives the connection back with the answer: what waits,
#: waits in one line before all processes. Kept connections would bind each client to a process, however busy that one is.
worker_connections = threads
keepalive = 0
graceful_timeout = 10
timeout = 60
loglevel = "warning"
pidfile = str(env().local / "serve.pid")
#: the collector looks through what a page made, not again and again through what the process loaded
COLLECT = (20_000, 20, 100)
#: until a request without a connection is refused: the database is away then, for a pool never has too few of them; a
#: caller who hears so soon comes again, and the few threads are free to tell others
DATABASE_SECONDS = 2.0


def when_ready(_server: Any) -> None:
    """Load what the first page of each process would load: addresses, standards, words."""
    from django.urls import get_resolver

    from yigong.standards.api import load

    get_resolver().check()
    load()
    gc.collect()
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    """A new process leaves what it inherited to itself."""
    from django.db import connection

    gc.set_threshold(*COLLECT)
    connection.settings_dict["OPTIONS"]["pool"]["timeout"] = DATABASE_SECONDS
