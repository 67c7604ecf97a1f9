"""Mappings: from the columns of a source to the identifiers of a standard data set, compiled to Polars expressions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping, checked and ready to be applied to raw frames."""

    data_set: str
    source_system: str
