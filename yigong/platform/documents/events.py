"""What this module announces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class DocumentIssued:
    """A shared document was made from records and signed; *replaces_id* is the version before, 0 for the first."""

    name: ClassVar[str] = "document.issued"
    document_id: int
    registration_id: int
    org_code: str
    document_code: str
    set_id: str
    version: int
    replaces_id: int
