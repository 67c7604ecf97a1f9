"""What is announced of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class NodeMoved:
    """A node enrolled, came back, fell silent or was revoked."""

    name: ClassVar[str] = "edge.moved"
    node: str
    org_code: str
    verb: str
    state: str
