"""Transformations that the exchange lends to the routes of the bus: a message becomes a shared document by way of standard records."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.bus.api import Content, Step
from yigong.platform.exchange.batch import WAIST, StandardBatch
from yigong.platform.exchange.readers.gather import Source
from yigong.platform.exchange.readers.hl7v2.convert import Gatherings, take
from yigong.standards.api import load
from yigong.standards.cda.api import write_document

#: fact of the document's head -> column of the registration
HEAD = {
    "full_name": "full_name", "sex_code": "sex_code", "born_on": "born_on", "id_no": "id_no", "phone": "phone",
    "health_card_no": "health_card_no",
}  # fmt: skip


def _document(content: Content, options: Mapping[str, Any], facts: Mapping[str, str]) -> Content:
    """The document of the kind *options* name. Raises what reading and writing raise, bus.no_records when nothing is in it."""
    batches = _batches(content)
    kind = str(options["document"])
    rows = {
        b.data_set: [_plain(row) for row in b.frame.drop([c for c in b.frame.columns if c in WAIST], strict=False).to_dicts()]
        for b in batches if b.data_set
    }  # fmt: skip
    if not any(rows.values()):
        raise Refused("bus.no_records", type=facts.get("type", ""))
    return Content(write_document(kind, {"head": _head(batches, content), "rows": rows}, load()), "xml")


def _batches(content: Content) -> list[StandardBatch]:
    if content.form != "hl7v2":
        raise Refused("bus.wrong_form", wanted="HL7 v2", form=content.form)
    gathered = Gatherings()
    take(content.body, Source("bus", hashlib.sha256(content.body).hexdigest()), gathered)
    return list(gathered.batches("bus"))


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if v not in (None, "") and not k.startswith("_")}


def _head(batches: list[StandardBatch], content: Content) -> dict[str, Any]:
    """Who it is about and who says it; the same message gives the same document id."""
    persons = next((b.registrations.to_dicts() for b in batches if b.registrations.height), [{}])[0]
    head = {name: persons.get(column) for name, column in HEAD.items()}
    documents = next((b.documents for b in batches if b.documents), ())
    if documents:
        head |= {"authored_at": documents[0].authored_at, "author_name": documents[0].author_name}
    digest = hashlib.sha256(content.body).hexdigest()[:32]
    head |= {"document_id": digest, "set_id": digest, "version": 1, "org_code": persons.get("org_code")}
    return {k: v for k, v in head.items() if v not in (None, "")}


STEPS = [
    Step(
        "document", "转为共享文档：document 为文档编号，如 C0007（经标准记录）",
        "into a shared document: document is its number, like C0007 (by way of standard records)", ("document",), _document,
    )
]  # fmt: skip
