"""What the image service tells the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class StudiesIndexed:
    """Studies of these registrations are new in the index, or say something new."""

    name: ClassVar[str] = "dicom.studies_indexed"
    pacs_id: int
    registration_ids: list[int]
