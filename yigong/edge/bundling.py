"""Rows that were read made into bundles: worked on as far as the centre ordered, each within the bounds of the wire."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from yigong.edge import wire
from yigong.edge.buffer import Part
from yigong.edge.configuration import Configuration, Feed
from yigong.edge.extract.api import DELETE, OP, PLACE, Chunk
from yigong.edge.mapping.api import Desk, Done, fingerprint, is_level
from yigong.edge.mapping.desk import LEVELS
from yigong.kit.errors import Refused
from yigong.standards.tables import Misdeclared

SERVICE = (PLACE, OP, "_trouble")


@dataclass(slots=True)
class Account:
    """One run of a feed at the node: what its source counted, and what became of the rows."""

    started_at: str
    source: int | None = None
    recounted: int | None = None  # where the reading gave another number
    read: int = 0
    kept: int = 0  # of them not known from before: they travel, or are filtered
    filtered: int = 0
    amiss: int = 0
    ended_at: str = ""

    def add(self, portion: Portion, *, kept: bool) -> None:
        """Count a chunk."""
        self.read += portion.read
        if kept:
            self.kept += portion.read
            self.filtered += portion.done.left_behind
            self.amiss += portion.done.amiss

    @property
    def is_even(self) -> bool:
        """Whether as many were read as the source counted."""
        return self.source is None or self.read in (self.source, self.recounted)


@dataclass(frozen=True, slots=True)
class Portion:
    """A chunk made ready for the buffer."""

    parts: Sequence[Part]
    read: int
    done: Done = field(default_factory=lambda: Done(pl.DataFrame()))


def desk_of(feed: Feed) -> Desk | None:
    """What the node does with the rows of a feed; None where they travel as they are.

    Raises Refused edge.configuration_wrong when it cannot be done here as it would be at the centre.
    """
    if feed.at_node not in LEVELS:
        raise Refused("edge.configuration_wrong", reason=f"at_node {feed.at_node}")
    if feed.at_node == "read":
        return None
    try:
        if is_level(feed.at_node, "map") and fingerprint(feed.data_set) != feed.declared:
            raise Refused("edge.standards_differ", data_set=feed.data_set)
        return Desk(feed.at_node, feed.mapping, feed.org_code, feed.rules, title=feed.title)
    except (Misdeclared, KeyError) as error:
        raise Refused("edge.configuration_wrong", reason=str(error)[:200]) from error


def portion(orders: Configuration, feed: Feed, chunk: Chunk, desk: Desk | None = None) -> Portion:
    """A chunk as bundles. Raises Refused edge.columns_missing, edge.row_too_large."""
    frame = checked(feed, chunk.frame)
    if desk is None:
        return Portion(list(_parts(orders, feed, chunk, wanted(feed, frame))), frame.height)
    done = desk.work(frame)
    parts = [
        *_parts(orders, feed, chunk, done.standard, form="standard"),
        *_parts(orders, feed, chunk, wanted(feed, done.raw)),
    ]
    if not frame.height:
        return Portion((), 0, done)
    if not parts:  # nothing leaves the institution but the count
        parts = [Part(0, _head(orders, feed, chunk, (), 0), wire.pack(b""))]
    return Portion(_counted(parts, frame, done), frame.height, done)


def _counted(parts: Sequence[Part], frame: pl.DataFrame, done: Done) -> list[Part]:
    """The first bundle says how many rows were left behind, and stands for all that was read."""
    counts = {"filtered": dict(done.filtered)} if done.filtered else {}
    first = replace(parts[0], head={**parts[0].head, "counts": counts}, read=frame.height, mark=_mark(frame))
    return [first, *(replace(p, read=0) for p in parts[1:])]


def _mark(frame: pl.DataFrame) -> bytes:
    return hashlib.sha256(frame.write_ndjson().encode()).digest()


def _parts(
    orders: Configuration, feed: Feed, chunk: Chunk, frame: pl.DataFrame, *, form: str = "raw"
) -> Iterator[Part]:  # fmt: skip
    if not frame.height:
        return
    plain = frame.write_ndjson().encode()
    packed = wire.pack(plain) if len(plain) <= wire.MAX_PLAIN else b""
    if packed and len(packed) <= wire.MAX_BODY - wire.MAX_HEAD:
        yield Part(frame.height, _head(orders, feed, chunk, frame.columns, len(plain), form), packed)
        return
    if frame.height == 1:
        raise Refused("edge.row_too_large", limit_mb=wire.MAX_BODY // 1024 // 1024)
    half = frame.height // 2
    for part in (frame.head(half), frame.slice(half)):
        yield from _parts(orders, feed, chunk, part, form=form)


def _head(
    orders: Configuration, feed: Feed, chunk: Chunk, columns: Sequence[str], plain: int, form: str = "raw"
) -> dict[str, Any]:  # fmt: skip
    return {
        "columns": list(columns), "plain": plain, "place": chunk.place[:200], "extracted_at": now_text(),
        "configuration": orders.version, "form": form, "mapping": feed.mapping_version if feed.at_node != "read" else 0,
    }  # fmt: skip


def report(orders: Configuration, feed: Feed, account: Account) -> Part:
    """The account of a run as a bundle without rows: it comes after all of the run's rows, exactly once as they do."""
    counts: Mapping[str, Any] = asdict(account)
    chunk = Chunk(pl.DataFrame(), {}, feed.title)
    return Part(0, {**_head(orders, feed, chunk, (), 0, "run"), "counts": counts}, wire.pack(b""), read=0)


def checked(feed: Feed, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with all columns that the mapping needs; ``_op`` only where something is deleted.

    Raises Refused edge.columns_missing when the source has changed.
    """
    missing = sorted(set(feed.needs) - set(frame.columns))
    if missing and not _only_deletes(frame):  # a deleted row may bear its key alone
        raise Refused("edge.columns_missing", columns=missing, place=feed.title)
    if OP in frame.columns and not (frame.get_column(OP) == DELETE).any():
        return frame.drop(OP)
    return frame


def wanted(feed: Feed, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that may leave the institution."""
    if not feed.only_needed or not feed.needs:
        return frame
    keep = {*feed.needs, *SERVICE}
    return frame.select(c for c in frame.columns if c in keep)


def _only_deletes(frame: pl.DataFrame) -> bool:
    return OP in frame.columns and bool((frame.get_column(OP) == DELETE).all())


def now_text() -> str:
    """The time of this machine, with zone."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
