"""Reads the sources of a node, chunk by chunk, into its buffer; the position follows the buffer, never leads it."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from yigong.edge import backoff, ranges
from yigong.edge.buffer import Buffer, FeedState, Part
from yigong.edge.bundling import Account, desk_of, now_text, portion, report
from yigong.edge.configuration import Configuration, Feed, Range
from yigong.edge.extract import trouble
from yigong.edge.extract.api import Source, open_source
from yigong.edge.logbook import Logbook
from yigong.edge.mapping.api import Desk
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused

log = logging.getLogger("yigong.edge")
REPORT_SECONDS = 3600.0  # a run that brought nothing new is told of so seldom
AGAIN = 0.8  # of the bound: extraction goes on once less than this waits
_STOPS = ("edge.buffer_full", "edge.disk_low", "edge.disk_full")


class Extractor:
    """Reads each feed when its time has come. One thread."""

    def __init__(
        self, buffer: Buffer, orders: Callable[[], Configuration | None], stopped: threading.Event,
        book: Logbook | None = None,
    ) -> None:  # fmt: skip
        self.buffer, self.orders, self.stopped = buffer, orders, stopped
        self.book = book or Logbook(buffer)
        self.stop_code = ""  # why nothing is read now; empty when reading
        self._full_at = 0  # bytes that waited when there was no more room
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._chance = random.SystemRandom()
        self._desks: tuple[Configuration | None, dict[str, Desk | None]] = (None, {})
        self._reported: dict[str, float] = {}
        self._turns: dict[str, tuple[int, ...]] = {}

    def run(self) -> None:
        """Read until told to stop."""
        while not self.stopped.is_set():
            if not self.round():
                self.stopped.wait(0.3)
        self.buffer.close()

    def round(self) -> int:
        """Read every feed that is due; how many were."""
        orders = self.orders()
        if orders is None:
            return 0
        self.buffer.limit_bytes = orders.limits.buffer_mb * 1024 * 1024
        for feed in orders.feeds:
            turn = (feed.turn, feed.epoch, feed.again.number if feed.again else 0)
            if self._turns.setdefault(feed.name, turn) != turn:
                self._turns[feed.name] = turn
                self._due.pop(feed.name, None)  # somebody at the centre waits for it
        due = [f for f in orders.feeds if f.active and time.monotonic() >= self._due.get(f.name, 0.0)]
        for feed in due:
            if self.stopped.is_set() or self.orders() is not orders:
                break
            self._read(orders, feed)
        return len(due)

    def _read(self, orders: Configuration, feed: Feed) -> None:
        """One run of a feed; why it ended early is noted with it."""
        try:
            done = self._carry(orders, feed)
        except (Refused, Fault) as error:
            self._failed(feed, error.code, error.facts)
            return
        except Exception as error:  # a driver's own kinds: the node must live on
            if (fault := trouble.system_fault(error, place=feed.title)) is not None:
                self._failed(feed, fault.code, fault.facts)
                return
            sign = trouble.reference()
            log.error("feed %s stopped, reference %s\n%s", feed.name, sign, trouble.trace(error))
            self._failed(feed, "edge.feed_failed", {"reference": sign})
            return
        self._failures.pop(feed.name, None)
        if self.book.over(f"feed {feed.name}"):
            self.book.say("log.well_again", feed=feed.title)
        self._due[feed.name] = time.monotonic() + (feed.every_seconds if done else 0.0)
        if done:
            self.buffer.note_run(feed.name, ended=now_text())

    def _failed(self, feed: Feed, code: str, facts: dict[str, Any]) -> None:
        self._failures[feed.name] = self._failures.get(feed.name, 0) + 1
        wait = backoff.pause(self._failures[feed.name], self._chance, first=2.0)
        self._due[feed.name] = time.monotonic() + min(wait, max(feed.every_seconds, 5.0))
        self._note(feed, code, facts)
        if code != "edge.begun_again":
            self.book.trouble(f"feed {feed.name}", code, facts, feed=feed.title)

    def _note(self, feed: Feed, code: str, facts: dict[str, Any]) -> None:
        """Why a feed is not read, for the page and for the next start."""
        zh, en = said_of(code, facts)
        with contextlib.suppress(Fault):
            self.buffer.note_run(feed.name, error={"code": code, "zh": zh, "en": en})

    def _carry(self, orders: Configuration, feed: Feed) -> bool:
        """All chunks from where the feed stands; False when told to stop before its end."""
        state = self.buffer.feed(feed.name, epoch=feed.epoch)
        self.buffer.note_run(feed.name, started=now_text())
        desk, account, position = self._desk(orders, feed), Account(now_text()), state.position
        with self._source(feed) as source:
            wanted = feed.again if feed.again and feed.again.number > ranges.done(self.buffer, feed.name) else None
            if wanted and not self._read_again(orders, feed, wanted, state, source, desk):
                return False
            source.confirm(state.position)  # an earlier word to the source may have been lost with the power
            account.source = _count(source, state.position)
            for chunk in source.read(state.position, size=feed.rows):
                ready, position = portion(orders, feed, chunk, desk), chunk.state
                while (kept := self._kept(orders, feed, state.stream, ready.parts, position)) is None:
                    if self._is_over(orders):
                        return False
                account.add(ready, kept=kept)
                source.confirm(position)
                if self._is_over(orders):
                    return False
            if not account.is_even:
                account.recounted = _count(source, state.position)
        self._tell_aside(feed, state.position, position)
        self._report(orders, feed, state, account, position)
        if account.kept:
            self.book.say("log.read", feed=feed.title, rows=account.kept)
        return True

    def _read_again(
        self, orders: Configuration, feed: Feed, wanted: Range, state: FeedState, source: Source, desk: Desk | None
    ) -> bool:  # fmt: skip
        """The rows of a range of dates once more; the position stays. False when told to stop: then it begins anew, for the centre knows rows again."""
        rows = 0
        try:
            for chunk in source.read_range(wanted.start, wanted.end, size=feed.rows):
                ready = portion(orders, feed, chunk, desk)
                while self._kept(orders, feed, state.stream, ready.parts, state.position, beside=True) is None:
                    if self._is_over(orders):
                        return False
                rows += ready.read
                if self._is_over(orders):
                    return False
        except Refused as refused:  # it cannot be done, and waiting would not change that
            ranges.note(self.buffer, feed.name, wanted.number, error=(refused.code, refused.facts))
            self.book.say(refused.code, grave=True, feed=feed.title, **refused.facts)
            return True
        ranges.note(self.buffer, feed.name, wanted.number, rows=rows)
        self.book.say("log.read_range", feed=feed.title, rows=rows, start=wanted.start, end=wanted.end)
        return True

    def _tell_aside(self, feed: Feed, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Say which files of a folder were set aside, each once: the others were read."""
        known = before.get("aside") or {}
        for name, why in (after.get("aside") or {}).items():
            if (known.get(name) or {}).get("at") != why["at"]:
                self.book.say(why["code"], grave=True, feed=feed.title, **why["facts"])

    def _desk(self, orders: Configuration, feed: Feed) -> Desk | None:
        """What is done here with the rows of a feed, made ready once for each version of the orders."""
        if self._desks[0] is not orders:
            self._desks = (orders, {})
        found = self._desks[1]
        if feed.name not in found:
            found[feed.name] = desk_of(feed)
        return found[feed.name]

    def _report(
        self, orders: Configuration, feed: Feed, state: FeedState, account: Account, position: dict[str, Any]
    ) -> None:  # fmt: skip
        """Put the account of a run behind its rows; one that brought nothing new only now and then."""
        moment = time.monotonic()
        recent = moment - self._reported.get(feed.name, -REPORT_SECONDS) < REPORT_SECONDS
        if not account.kept and account.is_even and recent:
            return
        account.ended_at = now_text()
        if self._kept(orders, feed, state.stream, [report(orders, feed, account)], position):
            self._reported[feed.name] = moment

    @contextlib.contextmanager
    def _source(self, feed: Feed) -> Iterator[Any]:
        folder = self.buffer.folder / "sources"
        folder.mkdir(exist_ok=True, mode=0o700)
        source = open_source({"store": str(folder / f"{feed.name}.db"), "needs": list(feed.needs), **feed.source})
        try:
            yield source
        finally:
            source.close()

    def _kept(
        self, orders: Configuration, feed: Feed, stream: str, parts: Sequence[Part], position: dict[str, Any], *, beside: bool = False
    ) -> bool | None:  # fmt: skip
        """Keep a chunk; False where it was known already, None after a while when there is no room.

        The source stays open meanwhile, for the whole may be larger than the buffer.
        """
        try:
            self._check_room(orders)
            kept = self.buffer.add(feed.name, stream, parts, position, now_text(), beside=beside)
        except (Refused, Fault) as error:
            if error.code not in _STOPS:
                raise
            self._stop(feed, error.code, error.facts)
            self.stopped.wait(0.5)
            return None
        if self.stop_code:
            self.stop_code = ""
            self.buffer.keep_reserve()
            self.book.over("room")
            self.book.say("log.room_again")
        return kept

    def _check_room(self, orders: Configuration) -> None:
        """Once it was full, a fifth of what waited must have left before reading goes on, and the reserve be there again."""
        waiting = self.buffer.queue().bytes
        if self.stop_code == "edge.buffer_full" and waiting > self._full_at * AGAIN:
            raise Refused("edge.buffer_full", limit_mb=orders.limits.buffer_mb)
        if self.stop_code == "edge.disk_full" and (waiting > self._full_at * AGAIN or not self.buffer.keep_reserve()):
            raise Fault("edge.disk_full", permanent=False)
        free_mb = shutil.disk_usage(self.buffer.folder).free // 1024 // 1024
        if free_mb < orders.limits.free_mb:
            raise Refused("edge.disk_low", free_mb=free_mb, limit_mb=orders.limits.free_mb)

    def _stop(self, feed: Feed, code: str, facts: dict[str, Any]) -> None:
        """Say once why nothing is read."""
        if self.stop_code == code:
            return
        self.stop_code, self._full_at = code, self.buffer.queue().bytes
        self.book.trouble("room", code, facts, feed=feed.title)
        self._note(feed, code, facts)

    def _is_over(self, orders: Configuration) -> bool:
        return self.stopped.is_set() or self.orders() is not orders


def _count(source: Source, position: dict[str, Any]) -> int | None:
    """The source's own count of what a reading gives; None where it cannot say."""
    try:
        return source.expected(position)
    except (Refused, Fault):
        return None
