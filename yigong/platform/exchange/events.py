"""What the exchange announces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class OrgCount:
    """Rows of one institution that a batch added, changed or withdrew."""

    org_code: str
    inserted: int
    updated: int
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class RecordsLoaded:
    """Standard rows came in or changed; said in the transaction that loaded them."""

    name: ClassVar[str] = "records.loaded"
    data_set: str
    job_id: int
    batch_id: int
    counts: tuple[OrgCount, ...]


@dataclass(frozen=True, slots=True)
class MattersChanged:
    """Orders, appointments or documents were told of by messages."""

    name: ClassVar[str] = "records.matters_changed"
    matter_ids: tuple[int, ...]
    registration_ids: tuple[int, ...]
