"""What every source of data offers, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from yigong.kit.errors import Refused

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows as the source gave them: all text, with ``_place`` and ``_op`` ("upsert", "delete").

    A deleted row bears at least the columns of its key. *state* is the position, fit for JSON, to keep once
    this chunk is safely stored; reading again from it repeats rows at most, and never leaves one out.
    """

    frame: pl.DataFrame
    state: State
    place: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source with its kind (``text number time``) and some of its values."""

    name: str
    kind: str = "text"
    examples: tuple[str, ...] = field(default_factory=tuple)


class Source:
    """A source opened from its configuration. Where a method is not overridden, the source cannot do it."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)

    @property
    def place(self) -> str:
        """The name of the table or file, for people."""
        return str(self.config.get("place") or self.config.get("table") or self.config.get("path") or "query")

    def read(self, state: State, *, size: int) -> Iterator[Chunk]:
        """Chunks of at most *size* rows, from *state* on ({} at first).

        Raises Refused (the configuration cannot work) or Fault (the source does not answer).
        """
        raise NotImplementedError

    def confirm(self, state: State) -> None:
        """Tell the source that all up to *state* is safely stored: its log or change table may be emptied so far."""

    def expected(self, state: State) -> int | None:
        """How many rows reading from *state* would give, as the source itself counts; None where it cannot say."""
        return None

    def read_range(self, start: str, end: str, *, size: int) -> Iterator[Chunk]:
        """Rows changed from *start* (included) to *end* (excluded), ISO dates or moments; the state stays as it is.

        Raises Refused exchange.range_unfit where the source has no time column.
        """
        raise Refused("exchange.range_unfit", place=self.place)

    def columns(self) -> list[Column]:
        """The columns with examples, for mapping."""
        frame = self.sample(50)
        names = [c for c in frame.columns if not c.startswith("_")]
        return [
            Column(c, "text", tuple(frame.get_column(c).drop_nulls().unique(maintain_order=True)[:5])) for c in names
        ]

    def sample(self, rows: int = 20) -> pl.DataFrame:
        """Some rows as they would be read; nothing is remembered."""
        chunk = next(iter(self.read({}, size=rows)), None)
        return pl.DataFrame() if chunk is None else chunk.frame.head(rows)

    def preparation(self) -> list[str]:
        """The statements that must run once at the source, for its administrator to read before they do."""
        return []

    def warnings(self) -> list[tuple[str, dict[str, Any]]]:
        """What this way of reading cannot see at this source, for whoever sets it up: codes of sentences with their facts."""
        return []

    def removal(self) -> list[str]:
        """The statements that take the preparation away again."""
        return []

    def prepare(self) -> None:
        """Run the preparation, each statement that is not in effect yet."""

    def remove(self) -> None:
        """Run the removal."""

    def close(self) -> None:
        """Let go of the source."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
