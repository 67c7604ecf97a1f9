"""Batches on two connections: the next one is written while the one before it is, and commits after it."""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

import polars as pl
from django.db import connection

T = TypeVar("T")
R = TypeVar("R")
LANES = 2


@dataclass(slots=True)
class Turn:
    """The place of a batch in the order: what it may do beside the one before it, and what only after it.

    ``locked`` is set once the batch holds its locks. A batch takes its own only then: otherwise the earlier one could
    stand behind a stranger who stands behind the later one.
    """

    before: Turn | None = None
    keys: pl.Series | None = None
    groups: pl.Series | None = None
    locked: Event = field(default_factory=Event)
    done: Future[None] = field(default_factory=Future)

    def wait(self) -> None:
        """Until the batch before is committed. Raises CancelledError when it failed."""
        if self.before is None:
            return
        if self.before.done.exception() is not None:
            raise CancelledError
        self.before = None

    def wait_for_locks(self) -> None:
        """Until the batch before holds its locks, or is through."""
        if self.before is not None:
            self.before.locked.wait()

    def meets(self, what: str) -> bool:
        """Whether a key (or group) of this batch is among those of the batch before, still on its way."""
        if self.before is None:
            return False
        own, other = getattr(self, what), getattr(self.before, what)
        return own is None or other is None or overlap(own, other)

    def end(self, error: BaseException | None = None) -> None:
        """Let the next one pass."""
        self.locked.set()
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)


def overlap(a: pl.Series, b: pl.Series) -> bool:
    """Whether two columns of texts have one in common; cheap where one ends before the other begins."""
    if not len(a) or not len(b):
        return False
    low_a, high_a, low_b, high_b = a.min(), a.max(), b.min(), b.max()
    if None in (low_a, low_b) or high_a < low_b or high_b < low_a:  # type: ignore[operator]
        return False
    return bool(a.is_in(b.implode()).any())


def side_by_side(items: Iterable[T], work: Callable[[T, Turn], R], turn_of: Callable[[T], Turn]) -> Iterator[R]:
    """``work(item, turn)`` for each item in threads with connections of their own; results in the order of the items."""
    with ExitStack() as stack:
        lanes = [stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix=f"lane{n}")) for n in range(LANES)]
        for lane in lanes:
            stack.callback(_hang_up, lane)
        running: deque[Future[R]] = deque()
        last: Turn | None = None
        for number, item in enumerate(items):
            if len(running) == LANES:
                yield running.popleft().result()
            turn = turn_of(item)
            turn.before, last = last, turn
            context = contextvars.copy_context()  # the clock of a test stands still in every thread
            running.append(lanes[number % LANES].submit(context.run, _in_turn, work, item, turn))
        while running:
            yield running.popleft().result()


def _hang_up(lane: ThreadPoolExecutor) -> None:
    """End the connection of a thread, which only the thread itself may do."""
    lane.submit(lambda: connection.close()).result()  # noqa: PLW0108  - the connection is that of the thread asking


def _in_turn(work: Callable[[T, Turn], R], item: T, turn: Turn) -> R:
    try:
        result = work(item, turn)
    except BaseException as error:
        turn.end(error)
        raise
    turn.end()
    return result
