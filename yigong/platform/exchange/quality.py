"""Rules of quality in the check stage; the work is done in ``edge.mapping``."""

from yigong.edge.mapping.rules import (
    quality_findings,
)

__all__ = ["quality_findings"]
