"""Kinds as the stages of a batch use them; the work is done in ``edge.mapping``."""

from yigong.edge.mapping.convert import (
    DTYPE,
    Output,
    as_kind,
    failure,
)

__all__ = ["DTYPE", "Output", "as_kind", "failure"]
