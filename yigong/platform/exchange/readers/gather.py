"""Documents and messages gathered into standard batches: one for each data set, persons once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from yigong.platform.exchange.batch import (
    DOCUMENT,
    PLACE,
    RAW,
    WAIST,
    DocumentFacts,
    MatterFacts,
    MergeFacts,
    StandardBatch,
)
from yigong.standards import api as standards

#: columns of a registration frame, as empi.api.REGISTRATION has them
REGISTRATION: dict[str, Any] = {
    "org_code": pl.String,
    "source_system": pl.String,
    "local_id": pl.String,
    "full_name": pl.String,
    "sex_code": pl.String,
    "born_on": pl.Date,
    "id_type_code": pl.String,
    "id_no": pl.String,
    "phone": pl.String,
    "address": pl.String,
    "health_card_no": pl.String,
    "contact_name": pl.String,
    "contact_phone": pl.String,
    "registered_at": pl.Datetime("us", "UTC"),
}
KEY = ("org_code", "source_system", "local_id")
OWN = {**WAIST, PLACE: pl.String, RAW: pl.String, DOCUMENT: pl.String}


@dataclass(slots=True)
class Source:
    """Where one document or message came from, so that it can be read again."""

    path: str
    sha256: str
    org_code: str = ""
    offset: int = -1  # of a message in its file

    def raw(self) -> dict[str, Any]:
        """What quarantine keeps of it."""
        place = {"offset": self.offset} if self.offset >= 0 else {}
        return {"path": self.path, "sha256": self.sha256, "org_code": self.org_code, **place}


@dataclass(slots=True)
class Gathered:
    """What some documents bring, by data set; data set "" holds documents without rows."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    persons: dict[str, dict[tuple[str, ...], dict[str, Any]]] = field(default_factory=dict)
    documents: dict[str, dict[str, DocumentFacts]] = field(default_factory=dict)
    leads: bool = False  # what comes here is the source's own word on its persons
    adds: bool = False  # a row says what is new, the rest is as it was said before
    matters: list[MatterFacts] = field(default_factory=list)
    merges: list[MergeFacts] = field(default_factory=list)

    def add(
        self, data_set: str, rows: list[dict[str, Any]], person: Mapping[str, Any], document: DocumentFacts
    ) -> None:
        """One document's rows of one data set."""
        self.rows.setdefault(data_set, []).extend(rows)
        known = self.persons.setdefault(data_set, {}).setdefault(tuple(str(person[k]) for k in KEY), {})
        known.update({name: value for name, value in person.items() if value not in ("", None)})
        self.documents.setdefault(data_set, {})[document.key] = document

    def batches(self, place: str) -> Iterator[StandardBatch]:
        """The standard batches, documents without rows last."""
        for data_set in sorted(self.rows, key=lambda name: (name == "", name)):
            persons = pl.DataFrame(list(self.persons[data_set].values()), schema=REGISTRATION)
            if data_set:
                self._soften(data_set)
            frame = _frame(self.rows[data_set])
            acts = () if data_set else (tuple(self.matters), tuple(self.merges))
            yield StandardBatch(
                data_set,
                frame,
                persons,
                tuple(self.documents[data_set].values()),
                place,
                None,
                self.leads,
                self.adds,
                *acts,
            )

    def _soften(self, data_set: str) -> None:
        """Values that the standard refuses leave their field: they stay under their name, and a finding says why.

        A document is a whole: one impossible date must not keep the rest of it out.
        """
        rows, documents = self.rows[data_set], self.documents[data_set]
        declared = standards.load().data_sets[data_set]
        names = {f.identifier: f.name_zh for f in declared.fields}
        refused = standards.check_batch(declared, _frame(rows)).filter(pl.col("severity") == "error")
        for said in refused.iter_rows(named=True):
            row = rows[said["row"]]
            value = row.pop(said["field"], None) if said["field"] in names else None
            if value is None:
                continue
            extra = json.loads(row["extra"] or "{}")
            extra.setdefault(names[said["field"]], value)
            row["extra"] = json.dumps(extra, ensure_ascii=False)
            document = documents[row[DOCUMENT]]
            told = {k: said[k] for k in ("rule", "field", "value", "zh", "en")} | {"severity": "warning"}
            documents[row[DOCUMENT]] = replace(document, findings=[*document.findings, told])


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = {name: pl.String for row in rows for name in row if name not in OWN}
    return pl.DataFrame(rows, schema={**OWN, **names})


def row_of(waist: Mapping[str, Any], values: Mapping[str, str], extra: Mapping[str, Any]) -> dict[str, Any]:
    """A standard row with its own columns and those of the waist."""
    event_at: datetime | None = waist.get("event_at")
    given = {name: value for name, value in values.items() if value not in ("", None)}
    return {
        **given,
        **waist,
        "event_at": event_at.astimezone(UTC) if event_at else None,
        "extra": json.dumps(extra, ensure_ascii=False) if extra else None,
    }


def id_type(number: str) -> str:
    """The code of an identity card for a number of its length, else empty."""
    return "01" if len(number) in (15, 18) else ""
