"""What a node has to tell, in both languages: written to its output, kept beside its buffer, sent with each beat.

No personal data: sentences about feeds, orders, disk, clock and the way to the centre. A thing that goes on is told once, and
again after an hour.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from yigong.edge.language import told
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault

if TYPE_CHECKING:
    from yigong.edge.buffer import Buffer

log = logging.getLogger("yigong.edge")
LENGTH, SENT = 500, 60  # lines kept here, and sent with a beat
REMIND_SECONDS = 3600.0
SCHEMA = """
create table if not exists line (
    seq integer primary key autoincrement, at text not null, grave integer not null, code text not null, zh text not null, en text not null);
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log; *at* by the clock of the node."""

    at: str
    grave: bool
    code: str
    zh: str
    en: str


def write(db: sqlite3.Connection, line: Line) -> None:
    """Keep a line, and no more than LENGTH of them."""
    db.execute("insert into line (at, grave, code, zh, en) values (?, ?, ?, ?, ?)", [*asdict(line).values()])
    db.execute("delete from line where seq <= (select max(seq) from line) - ?", [LENGTH])


def read(db: sqlite3.Connection, count: int) -> list[Line]:
    """The last lines, the newest first."""
    rows = db.execute("select at, grave, code, zh, en from line order by seq desc limit ?", [count])
    return [Line(r[0], bool(r[1]), *r[2:]) for r in rows]


class Logbook:
    """Where the threads of a node say what happened."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._on = dict[str, tuple[str, float]]()  # what goes on, by subject: its code and when it was told

    def say(self, code: str, *, grave: bool = False, feed: str = "", **facts: Any) -> None:
        """Tell something; with *feed* its title stands before it. A full disk does not keep it from the output."""
        zh, en = said_of(code, facts | ({"feed": feed} if feed and code.startswith("log.") else {}))
        if feed and not code.startswith("log.") and not zh.startswith(feed):
            zh, en = said_of("log.feed", {"feed": feed, "zh": zh, "en": en})
        log.log(logging.WARNING if grave else logging.INFO, "%s", told(zh, en))
        line = Line(datetime.now(UTC).isoformat(timespec="seconds"), grave, code, zh[:500], en[:500])
        with contextlib.suppress(Fault, sqlite3.Error):
            self._buffer.keep_line(line)

    def trouble(self, subject: str, code: str, facts: Mapping[str, Any], *, feed: str = "") -> None:
        """Tell of something that goes on: when it begins, when it becomes another, and once an hour."""
        before, moment = self._on.get(subject), time.monotonic()
        if before and before[0] == code and moment - before[1] < REMIND_SECONDS:
            return
        self._on[subject] = (code, moment)
        self.say(code, grave=True, feed=feed, **facts)

    def over(self, subject: str) -> bool:
        """Forget what went on; whether anything did."""
        return self._on.pop(subject, None) is not None
