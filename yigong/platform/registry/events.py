"""What the registers tell the other modules."""

from __future__ import annotations

from dataclasses import dataclass

from yigong.outbox.api import Event


@dataclass(frozen=True)
class InstitutionChanged(Event):
    """An institution was registered or changed; ``code`` and the year it stands under."""

    name = "institution.changed"
    code: str
    year: int
    verb: str


@dataclass(frozen=True)
class DepartmentChanged(Event):
    """A department was registered or changed."""

    name = "department.changed"
    org_code: str
    code: str
    verb: str


@dataclass(frozen=True)
class StaffChanged(Event):
    """A member of staff was registered or changed."""

    name = "staff.changed"
    staff_id: int
    org_code: str
    verb: str


@dataclass(frozen=True)
class TermsPublished(Event):
    """A version of a term set is the valid one from now on."""

    name = "terms.published"
    term_set: str
    version_code: str
    codes: int
