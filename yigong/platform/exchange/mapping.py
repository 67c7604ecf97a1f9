"""Mappings as the stages of a batch use them; the work is done in ``edge.mapping``."""

from yigong.edge.mapping.plan import (
    TROUBLE,
    FieldKind,
    Plan,
    deletes,
)

__all__ = ["TROUBLE", "FieldKind", "Plan", "deletes"]
