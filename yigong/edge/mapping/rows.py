"""The names that rows bear on their way, whoever carries them: the service columns and those of the waist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

#: column of every frame that says where a row stands, e.g. "门诊.xlsx 第 3 行"
PLACE = "_place"
#: optional column of a raw frame instead of PLACE: the number of the row within RawBatch.place
LINE = "_line"
#: optional column: what to do with a row, "upsert" (null too) or "delete"; a deletion needs no more than its key
OP = "_op"
#: optional column of a standard frame: the row as the source gave it, as JSON text, kept if the row is rejected
RAW = "_raw"
#: optional column of a standard frame: DocumentFacts.key of the document that carries the row
DOCUMENT = "document_key"

#: the waist's own columns that a reader or mapping gives, beside those of the data set
WAIST: dict[str, Any] = {
    "org_code": pl.String,
    "source_system": pl.String,
    "source_key": pl.String,  # identifies the row within org_code and source_system
    "group_key": pl.String,  # rows of one report or prescription; the source key where there is none
    "encounter_key": pl.String,
    "event_at": pl.Datetime("us", "UTC"),
    "local_id": pl.String,  # the institution's own patient number
    "extra": pl.String,  # JSON text of what the standard has no place for
}
#: the waist's columns that must not be empty; a row without one of them waits in quarantine
REQUIRED = ("org_code", "source_system", "source_key", "local_id", "event_at")
#: those of them that a deletion needs
KEY = ("org_code", "source_system", "source_key")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row is not let in: the rule, the field, and the sentence in both languages."""

    rule: str
    field: str
    zh: str
    en: str
    value: str = ""

    def as_json(self) -> dict[str, str]:
        """The reason as it is kept with the row."""
        return {"rule": self.rule, "field": self.field, "value": self.value, "zh": self.zh, "en": self.en}
