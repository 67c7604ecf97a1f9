"""Findings as the stages of a batch use them; the work is done in ``edge.mapping``."""

from yigong.edge.mapping.findings import (
    NO_FINDINGS,
    found,
    merged,
    reasons_by_row,
    rejected_rows,
)

__all__ = ["NO_FINDINGS", "found", "merged", "reasons_by_row", "rejected_rows"]
