"""What is known of a person: the types of the reading half of records. Every fact carries where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact stands: institution, moment, and the record that can be opened."""

    org_code: str
    at: datetime | None = None
    data_set: str = ""
    group_key: str = ""
    document_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a person at an institution."""

    id: int
    registration_id: int
    org_code: str
    kind: str
    event_at: datetime
    ended_at: datetime | None
    title: str
    summary: Mapping[str, Any]
    flag: str
    data_set: str
    group_key: str
    encounter_key: str
    document_id: int | None


@dataclass(frozen=True, slots=True)
class Allergy:
    """One statement about an allergy: *present* or denied. An empty substance speaks of allergies at all."""

    substance: str
    present: bool
    detail: str
    source: Source


@dataclass(frozen=True, slots=True)
class Problem:
    """A long-term problem with the day of its first and last mention."""

    code: str
    name: str
    since: datetime
    last: datetime
    source: Source  # of the last mention
    orgs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Medication:
    """One prescribed medication and how long it lasts; *days* is None where the record does not say."""

    name: str
    specification: str
    dose: Decimal | None
    unit: str
    frequency_code: str
    route_code: str
    total: Decimal | None
    started_on: date
    days: int | None
    source: Source

    @property
    def key(self) -> str:
        """The name under which prescriptions of several institutions are one medication."""
        return self.name.replace(" ", "").removesuffix("片").removesuffix("胶囊")


@dataclass(frozen=True, slots=True)
class LabResult:
    """One result of a laboratory test."""

    item_code: str
    name: str
    value: Decimal | None
    text: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    flag: str  # normal high low critical_high critical_low abnormal, empty where nothing was judged
    at: datetime
    source: Source
    series: int = 1  # how many results of this item the person has

    @property
    def is_abnormal(self) -> bool:
        """Whether the result lies outside its reference range or was called abnormal."""
        return self.flag not in ("", "normal")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says in a contradiction."""

    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Sources that disagree; none is chosen by the machine."""

    kind: str  # blood_group allergy dose
    subject: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Care:
    """Who looks after a person, as the records of chronic-disease care say."""

    physician: str
    org_code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """What has to be known of a person before anything else."""

    allergies: tuple[Allergy, ...] = ()
    allergy_state: str = "not_asked"  # present denied conflict not_asked
    blood_groups: tuple[Claim, ...] = ()
    problems: tuple[Problem, ...] = ()
    medications: tuple[Medication, ...] = ()
    prescribed: tuple[Medication, ...] = ()  # everything of the last fifteen months
    latest: tuple[LabResult, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    documents: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    care: Care | None = None

    @property
    def events(self) -> int:
        """How many events there are of all kinds."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a standard record, with its label and, for a code, its word."""

    field: str
    label_zh: str
    label_en: str
    value: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One standard record as it may be shown."""

    id: int
    data_set: str
    org_code: str
    source_system: str
    source_key: str
    event_at: datetime | None
    version: int
    cells: tuple[Cell, ...]
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """What a record said from ``known_from`` until ``known_until`` (None: until now); *withdrawn* when it ended there."""

    version: int
    known_from: datetime
    known_until: datetime | None
    withdrawn: bool
    row: Row


@dataclass(frozen=True, slots=True)
class Change:
    """A field that a correction changed; empty text where nothing was recorded."""

    label_zh: str
    label_en: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Correction:
    """One version of a record beside the one before it."""

    source_key: str
    named: str  # what the row is about in the group it belongs to: the item, the drug; empty where nothing says
    version: int
    at: datetime
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document in a list."""

    id: int
    registration_id: int
    document_code: str
    title: str
    org_code: str
    authored_at: datetime | None
    author_name: str
    set_id: str
    version: int
    media_type: str
    size: int
    sha256: str
    encounter_key: str
    findings: Any


@dataclass(frozen=True, slots=True)
class DocumentHit:
    """A document found by its words, with the place where they stand."""

    document: DocumentRow
    excerpt: str
