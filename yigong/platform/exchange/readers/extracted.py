"""Databases and files, by the extraction that a node at an institution uses as well."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import polars as pl

from yigong.edge.extract.api import DELETE, OP, PLACE, Chunk, State, open_source
from yigong.platform.exchange.batch import RawBatch


class Extracted:
    """A reader of one kind of source. A watermark is the state of the extraction, as JSON text."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def read(self, config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[RawBatch]:
        """Batches of at most *size* rows, from *since* on where it is given."""
        with open_source({**config, "kind": self.kind}) as source:
            for chunk in source.read(as_state(since), size=size):
                yield as_batch(chunk)

    def read_range(self, config: Mapping[str, Any], start: str, end: str, *, size: int) -> Iterator[RawBatch]:
        """Batches of the rows changed from *start* to *end*; they move no watermark."""
        with open_source({**config, "kind": self.kind}) as source:
            for chunk in source.read_range(start, end, size=size):
                yield RawBatch(as_batch(chunk).frame, chunk.place)

    def expected(self, config: Mapping[str, Any], *, since: str | None) -> int | None:
        """The source's own count of such a reading."""
        with open_source({**config, "kind": self.kind}) as source:
            return source.expected(as_state(since))

    def warnings(self, config: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """What the way of reading cannot see at this source."""
        with open_source({**config, "kind": self.kind}) as source:
            return source.warnings()

    def confirm(self, config: Mapping[str, Any], since: str) -> None:
        """Let the source forget what is stored."""
        with open_source({**config, "kind": self.kind}) as source:
            source.confirm(as_state(since))

    def again(self, raws: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Iterator[RawBatch]:
        """Rows from quarantine as they were, or as they were mended."""
        if not raws:
            return
        columns = list(dict.fromkeys(name for raw in raws for name in raw))
        data = {c: [None if raw.get(c) in (None, "") else str(raw[c]) for raw in raws] for c in columns}
        frame = pl.DataFrame(data, schema=dict.fromkeys(columns, pl.String))
        yield RawBatch(frame.with_columns(pl.Series(PLACE, list(places), dtype=pl.String)), places[0])


def as_state(watermark: str | None) -> State:
    """The state in a watermark; one of an earlier version was the mark itself."""
    if not watermark:
        return {}
    return cast(State, json.loads(watermark)) if watermark.startswith("{") else {"mark": watermark}


def as_batch(chunk: Chunk) -> RawBatch:
    """A chunk as the pipeline takes it; ``_op`` travels only where something is to be deleted."""
    frame = chunk.frame
    if OP in frame.columns and not (frame.get_column(OP) == DELETE).any():
        frame = frame.drop(OP)
    mark = json.dumps(chunk.state, ensure_ascii=False, sort_keys=True) if chunk.state else None
    return RawBatch(frame, chunk.place, mark)
