"""Several processes that take work from one queue. Imports nothing that needs Django, for a new process begins here."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from threading import Lock
from typing import Any, Self

log = logging.getLogger("yigong.fhir")
Job = tuple[Any, ...]
#: as many as there are processors, but each also keeps the database busy
LEAST, MOST = 2, 4


class Crew:
    """This process and, for *large* work outside a transaction, others beside it, each with a connection of its own.

    A process that dies leaves its job to this one: a job is one transaction and may be done twice.
    """

    def __init__(self, do: Callable[..., Any], *, large: bool) -> None:
        from django.db import connection

        self._do = do
        self._count = _processors() - 1 if large and not connection.in_atomic_block else 0
        self._stack = ExitStack()
        self._others: list[Executor] = []

    def __enter__(self) -> Self:
        """Start the others; they come to help when they are ready."""
        for _ in range(self._count):
            self._others.append(self._stack.enter_context(_process()))
        return self

    def __exit__(self, *_: object) -> None:
        """End the others."""
        for other in self._others:
            with suppress(BrokenProcessPool):
                other.submit(_end).result()
        self._stack.close()

    @property
    def abreast(self) -> bool:
        """Whether jobs may have been done in another order than they stood."""
        return bool(self._others)

    def work(self, jobs: Iterable[Job], note: Callable[[Any], None]) -> None:
        """Do all jobs and hand each result to *note*, one at a time. Raises what a job raises, after those under way."""
        queue = _Queue(jobs, note)
        with ThreadPoolExecutor(max(1, len(self._others)), thread_name_prefix="crew") as threads:
            watched = [threads.submit(queue.serve, _in(other, self._do)) for other in self._others]
            queue.serve(lambda job: self._do(*job))
            for one in watched:
                one.result()
        queue.serve(lambda job: self._do(*job))  # what a process left behind


class _Queue:
    """Jobs given out one at a time, also to threads side by side."""

    def __init__(self, jobs: Iterable[Job], note: Callable[[Any], None]) -> None:
        self._jobs: Iterator[Job] = iter(jobs)
        self._left: list[Job] = []
        self._note, self._lock, self._failed = note, Lock(), False

    def _next(self) -> Job | None:
        with self._lock:
            if self._failed:
                return None
            return self._left.pop() if self._left else next(self._jobs, None)

    def serve(self, do: Callable[[Job], Any]) -> None:
        """Do jobs until none is left or one has failed."""
        while (job := self._next()) is not None:
            try:
                done = do(job)
            except BrokenProcessPool:
                log.warning("a process of the import ended; its work is done by the others")
                with self._lock:
                    self._left.append(job)
                return
            except BaseException:
                self._failed = True
                raise
            with self._lock:
                self._note(done)


def _in(other: Executor, do: Callable[..., Any]) -> Callable[[Job], Any]:
    return lambda job: other.submit(do, *job).result()


def _processors() -> int:
    return max(LEAST, min(MOST, len(os.sched_getaffinity(0))))


def _process() -> Executor:
    from django.db import connection

    where = {name: connection.settings_dict[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(where,))


def _begin(where: dict[str, str]) -> None:
    """A new process has the same database as the one that started it."""
    import django
    from django.db import connections

    django.setup()
    connections["default"].settings_dict.update(where)


def _end() -> None:
    """Hang up, and leave nothing to be looked through once more on the way out."""
    from django.db import connections

    connections.close_all()
    gc.freeze()
