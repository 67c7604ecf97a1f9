"""The declared standards as frozen objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

#: how sure a fact is; the first is the surest
CERTAINTIES = ("agreed", "single", "derived", "sample", "doubtful", "absent")

#: where a standard comes from, in the order in which one is preferred to another (A08)
ORIGINS = ("national", "industry", "draft", "international", "local")

#: columns that every record table has besides those of its data set
WAIST = [
    "id",
    "registration_id",
    "org_code",
    "source_system",
    "source_key",
    "group_key",
    "encounter_key",
    "event_at",
    "document_id",
    "extra",
    "row_hash",
    "version",
    "batch_id",
    "extracted_at",
    "loaded_at",
    "local_id",
]

#: types whose values are codes
CODED = ("S2", "S3")

#: type of a data element -> how it is kept
KINDS = MappingProxyType(
    {"S": "text", "S1": "text", "S2": "text", "S3": "text", "BY": "text", "": "text"}
    | {"N": "number", "D": "date", "DT": "instant", "T": "time", "L": "flag"}
)


@dataclass(frozen=True, slots=True)
class Element:
    """One data element: what a value is, wherever it stands."""

    id: str
    name_zh: str
    name_en: str
    type: str
    format: str
    value_set_id: str
    format_agrees: str
    other_names: tuple[str, ...]
    sources: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a value set; *as_found* is the writing of the sources where they lost leading zeros."""

    value_set_id: str
    code: str
    as_found: str
    name_zh: str
    name_en: str
    other_wordings: str
    valid_from: date | None
    valid_to: date | None
    sources: str
    certainty: str

    def holds(self, day: date) -> bool:
        """Whether the code was in force on *day*."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A table of codes; *complete* is false when the sources gave only some of them."""

    id: str
    name_zh: str
    name_en: str
    oid: str
    oid_certainty: str
    standard: str
    origin: str
    format: str
    completeness: str
    note: str
    valid_from: date | None
    replaced_by: str
    codes: Mapping[str, Code] = field(repr=False, hash=False, compare=False)
    certainty: str = ""
    sources: str = ""

    @property
    def complete(self) -> bool:
        """Whether a code that is not listed is wrong rather than unknown to us."""
        return self.completeness == "full" and bool(self.codes)

    def find(self, code: str, day: date | None = None) -> Code | None:
        """The entry for a code as it stood on *day*; also under the writing without leading zeros."""
        entry = self.codes.get(code) or next((c for c in self.codes.values() if c.as_found == code), None)
        return entry if entry is not None and (day is None or entry.holds(day)) else None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a data set and the column that keeps it."""

    data_set: str
    seq: int
    inner_id: str
    element_id: str
    name_zh: str
    name_en: str
    identifier: str
    type: str
    format: str
    value_set_id: str
    min_length: int | None
    max_length: int | None
    digits: int | None
    since: int
    note: str
    sources: str
    certainty: str

    @property
    def kind(self) -> str:
        """How the value is kept: text, number, date, instant, time or flag."""
        return KINDS[self.type]

    @property
    def coded(self) -> bool:
        """Whether its values are codes of its value set; a value set at a free text is a slip of the sources."""
        return self.type in CODED and bool(self.value_set_id)

    @property
    def holds_id_no(self) -> bool:
        """Whether the field holds a number of an identity document."""
        return self.element_id == "DE02.01.030.00" or self.identifier.endswith("identity_document_no")


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set or subset: one table of standard records."""

    identifier: str
    key: str
    code: str
    subset_code: str
    name_zh: str
    name_en: str
    standard: str
    family: str
    origin: str
    part_zh: str
    document_code: str
    since: int
    sources: str
    certainty: str
    fields: tuple[Field, ...] = field(repr=False, hash=False, compare=False)

    def field(self, identifier: str) -> Field:
        """The field with that column name; KeyError when the data set has none."""
        for entry in self.fields:
            if entry.identifier == identifier:
                return entry
        raise KeyError(f"{self.identifier}.{identifier}")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a shared document."""

    seq: int
    loinc: str
    display: str
    title_zh: str
    title_en: str
    sources: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a shared document where a value stands."""

    seq: int
    part: str
    section_loinc: str
    section_zh: str
    element_id: str
    inner_id: str
    name_zh: str
    name_en: str
    xpath: str
    cda_type: str
    type: str
    format: str
    unit: str
    value_set_id: str
    code_system: str
    code_system_oid: str
    cardinality: str
    group_cardinality: str
    group_zh: str
    id_basis: str
    sources: str
    certainty: str


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field of a health-record document as one system keeps it; a guide, not the standard."""

    seq: int
    section_zh: str
    name_zh: str
    name_en: str
    element_id: str
    match: str
    type: str
    max_length: str
    required: bool
    value_set_id: str
    sources: str
    certainty: str


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a public-health service form as one system shows it; a guide, not the standard."""

    form: str
    seq: int
    name_zh: str
    name_en: str
    unit: str
    options: str
    required: bool
    element_id: str
    match: str
    sources: str
    certainty: str


@dataclass(frozen=True, slots=True)
class Document:
    """A shared document of WS/T 500 or WS/T 483."""

    code: str
    name_zh: str
    name_en: str
    standard: str
    family: str
    origin: str
    template_oid: str
    data_sets: tuple[str, ...]
    name_variants: tuple[str, ...]
    sources: str
    certainty: str
    sections: Sequence[Section] = field(repr=False, hash=False, compare=False)
    elements: Sequence[Place] = field(repr=False, hash=False, compare=False)
    record_fields: Sequence[RecordField] = field(repr=False, hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class Oid:
    """A registered object identifier."""

    oid: str
    kind: str
    name_zh: str
    meaning: str
    seen: str
    certainty: str
    sources: str = ""


@dataclass(frozen=True, slots=True)
class ServiceField:
    """A field of a service message and its path below the message's root element."""

    side: str
    seq: int
    name_zh: str
    name: str
    element_id: str
    length: str
    xpath: str


@dataclass(frozen=True, slots=True)
class Service:
    """An interconnection service of the platform."""

    code: str
    action: str
    name_zh: str
    edition: str
    origin: str
    part_zh: str
    request: str
    response: str
    operation: str
    twin: str
    note: str
    sources: str
    certainty: str
    fields: Sequence[ServiceField] = field(repr=False, hash=False, compare=False)
