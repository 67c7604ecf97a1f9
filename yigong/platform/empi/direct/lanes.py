"""Questions that arrive together are answered together: a lane carries what waits, as one statement, while more gathers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

log = logging.getLogger("yigong.lookup")
#: questions carried by one statement at most
TOGETHER = 64
#: from so many questions that wait, a second connection helps; fewer are cheaper to carry together by the next statement
CROWD = 12
#: questions that may wait in one lane; more are sent away at once instead of late
WAITING = 2000

Carry = Callable[[psycopg.AsyncConnection[Any], list[Any]], Awaitable[list[Any]]]


class Full(Exception):  # noqa: N818  - said to the caller
    """More questions wait than can be answered in time."""


class Lane:
    """A line of questions of one kind and the connections that carry them."""

    def __init__(self, url: str, carry: Carry, connections: int) -> None:
        self._url, self._carry = url, carry
        self._waiting: deque[tuple[Any, asyncio.Future[Any]]] = deque()
        self._some, self._crowd = asyncio.Event(), asyncio.Event()
        self._workers = [asyncio.create_task(self._work(helps=n > 0)) for n in range(connections)]

    def ask(self, question: Any) -> asyncio.Future[Any]:
        """The answer, when the statement that carried the question has been committed. Raises Full."""
        if len(self._waiting) >= WAITING:
            raise Full
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._some.set()
        if len(self._waiting) >= CROWD:
            self._crowd.set()
        return future

    async def close(self) -> None:
        """End the workers and their connections."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _work(self, *, helps: bool) -> None:
        called = self._crowd if helps else self._some
        connection: psycopg.AsyncConnection[Any] | None = None
        try:
            while True:
                await called.wait()
                called.clear()
                taken = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                if self._waiting and not helps:
                    called.set()
                if taken:
                    connection = await self._serve(connection, taken)
        finally:
            if connection:
                await connection.close()

    async def _serve(
        self, connection: psycopg.AsyncConnection[Any] | None, taken: list[tuple[Any, asyncio.Future[Any]]]
    ) -> psycopg.AsyncConnection[Any] | None:
        """Carry these questions; the connection, or None when it has to be made anew."""
        try:
            connection = connection or await connect(self._url)
            answers = await self._carry(connection, [question for question, _ in taken])
        except Exception as error:  # each who waits is told, and the lane goes on
            log.warning("%s: %d questions not answered", type(error).__name__, len(taken))
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
            if connection:
                await connection.close()
            return None
        for (_, future), answer in zip(taken, answers, strict=True):
            if not future.done():  # who asked may have gone
                future.set_result(answer)
        return connection


async def connect(url: str) -> psycopg.AsyncConnection[Any]:
    """A connection that prepares every statement once and keeps its plan."""
    made = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
    await made.execute("set plan_cache_mode = force_generic_plan")
    return made
