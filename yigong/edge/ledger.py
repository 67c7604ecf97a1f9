"""What the centre has receipted, day by day: the node's own book, by which it signs the close of a day."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from yigong.edge.wire import chained

SCHEMA = """
create table if not exists ledger (
    feed text not null, day text not null, bundles integer not null default 0, rows integer not null default 0,
    filtered integer not null default 0, chain text not null default '', certificate text, primary key (feed, day));
"""
FIGURES = ("bundles", "rows", "filtered", "chain")


def receipted(
    db: sqlite3.Connection, feed: str, rows: int, head: Mapping[str, Any], sha256: str, day: str
) -> None:  # fmt: skip
    """One more bundle of a day of the county; in the transaction that forgets it."""
    row = db.execute("select chain from ledger where feed = ? and day = ?", [feed, day]).fetchone()
    counts = {} if head.get("form") == "run" else (head.get("counts") or {}).get("filtered", {})
    db.execute(
        "insert into ledger (feed, day, bundles, rows, filtered, chain) values (?, ?, 1, ?, ?, ?)"
        " on conflict (feed, day) do update set bundles = bundles + 1, rows = rows + excluded.rows,"
        " filtered = filtered + excluded.filtered, chain = excluded.chain",
        [feed, day, rows, sum(counts.values()), chained(row[0] if row else "", sha256)],
    )


def told(db: sqlite3.Connection, feed: str, day: str) -> dict[str, Any]:
    """The figures of a day; zeros where nothing was receipted."""
    row = db.execute(f"select {', '.join(FIGURES)} from ledger where feed = ? and day = ?", [feed, day]).fetchone()
    return dict(zip(FIGURES, row or (0, 0, 0, ""), strict=True))


def keep(db: sqlite3.Connection, feed: str, day: str, certificate: str) -> None:
    """Keep a day's close with both signatures."""
    db.execute(
        "insert into ledger (feed, day, certificate) values (?, ?, ?)"
        " on conflict (feed, day) do update set certificate = excluded.certificate",
        [feed, day, certificate],
    )
