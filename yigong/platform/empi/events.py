"""What this module announces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class PersonRegistered:
    """Registrations came to be known; lists of one length, one announcement for each act of registering."""

    registration_ids: list[int]
    person_ids: list[int]
    name: ClassVar[str] = "person.registered"


@dataclass(frozen=True)
class PersonsMerged:
    """These registrations left one person and belong to another from now on."""

    decision_id: int
    registration_ids: list[int]
    from_person: int
    to_person: int
    name: ClassVar[str] = "persons.merged"


@dataclass(frozen=True)
class PersonsSplit:
    """These registrations are a person of their own from now on."""

    decision_id: int
    registration_ids: list[int]
    from_person: int
    to_person: int
    name: ClassVar[str] = "persons.split"
