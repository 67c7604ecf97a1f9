"""The way of a batch: filter, map, check, identify, load, index, announce; one transaction for each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from yigong.kit.ctx import Ctx
from yigong.platform.exchange.batch import Batch
from yigong.platform.exchange.mapping import Plan

Progress = Callable[["Totals"], None]


@dataclass(slots=True)
class Totals:
    """Rows by what became of them, summed over batches."""

    read: int = 0
    filtered: int = 0
    rejected: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def loaded(self) -> int:
        """Rows that are in the records now."""
        return self.inserted + self.updated + self.unchanged


def carry_all(
    ctx: Ctx, job_id: int, batches: Iterable[Batch], plan: Plan | None, *, progress: Progress | None = None
) -> Totals:
    """Carry *batches* in, in order, on account of an open job; a RawBatch needs the *plan* compiled from a mapping.

    Each batch is one transaction that holds its rows, events, counts and quarantine together, so that whatever ends
    the run leaves only whole batches; running again changes nothing that is in already.
    """
    raise NotImplementedError
