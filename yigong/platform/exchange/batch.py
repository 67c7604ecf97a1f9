"""What travels through the exchange: raw rows, standard rows, documents, and what could not be read at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from yigong.edge.mapping.api import DOCUMENT, KEY, LINE, OP, PLACE, RAW, REQUIRED, WAIST, Reason
from yigong.platform.records.api import Told


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Rows as the source gave them: every column text, null where empty; ``_place`` or ``_line``; ``_op`` if it deletes."""

    frame: pl.DataFrame
    place: str  # of the whole: table, file or sheet
    watermark: str | None = None  # up to where the source is read once this batch is in


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """One document with its original bytes; it is stored once, however often it comes."""

    key: str  # names the document within its batch
    original: bytes
    media_type: str  # application/xml, x-application/hl7-v2+er7
    document_code: str  # key of standards documents; "" for a message
    title: str
    org_code: str
    source_system: str
    local_id: str
    authored_at: datetime | None = None
    author_name: str = ""
    set_id: str = ""  # the same for all versions of one document
    version: int = 1
    encounter_key: str = ""
    findings: Sequence[Mapping[str, Any]] = ()  # rule, field, severity, zh, en
    text: str = ""  # what a reader sees, for search
    original_path: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)  # what quarantine keeps when it may not go in
    event: bool = True  # without rows it has an event of its own; a message whose matter has one has none


@dataclass(frozen=True, slots=True)
class MatterFacts:
    """What a message says of an order, an appointment or a document that later messages follow up."""

    told: Told  # without its registration
    local_id: str
    person_system: str  # the system that knows the person under *local_id*
    raw: Mapping[str, Any]  # what quarantine keeps when it may not go in
    document_key: str = ""  # DocumentFacts.key of the content


@dataclass(frozen=True, slots=True)
class MergeFacts:
    """An institution's system says that it knew one person under two numbers (HL7 A40)."""

    org_code: str
    source_system: str
    survivor: str
    subsumed: str
    reason: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StandardBatch:
    """Rows of one data set under the standard's own names, with the registrations of their persons.

    *frame* has the columns of the data set and those of WAIST, optionally ``_place``, ``_raw`` and ``document_key``.
    Columns may be text: they are cast to the kind the data set asks for, and what cannot be cast is rejected.
    *registrations* is as ``empi.api.REGISTRATION``, one row for each (org_code, source_system, local_id).
    A document without rows travels with an empty *frame* and *data_set* "". What quarantine keeps of a row is *sent*,
    where it is given: the same rows as they came.
    """

    data_set: str
    frame: pl.DataFrame
    registrations: pl.DataFrame
    documents: Sequence[DocumentFacts] = ()
    place: str = ""
    watermark: str | None = None
    leads: bool = False  # the registrations bring known ones up to date
    adds: bool = False  # what a row leaves out is as it was said before (columns ``_clear``, ``_guess`` of records)
    matters: Sequence[MatterFacts] = ()
    merges: Sequence[MergeFacts] = ()
    sent: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that could not be read as rows at all (a broken document, a line that does not decode).

    It counts as one row read and one rejected, and waits in quarantine with *raw*, from which the reader's
    ``again`` can read it once it is mended.
    """

    place: str
    raw: Mapping[str, Any]
    reasons: Sequence[Reason] = field(default_factory=tuple)
    data_set: str = ""


Batch = RawBatch | StandardBatch | Unreadable
#: in what quarantine keeps of a row that was mapped before it came: the data set under whose names it stands
MAPPED = "_mapped"

__all__ = [
    "DOCUMENT", "KEY", "LINE", "MAPPED", "OP", "PLACE", "RAW", "REQUIRED", "WAIST", "Batch", "DocumentFacts", "RawBatch", "Reason",
    "StandardBatch", "Unreadable",
]  # fmt: skip
