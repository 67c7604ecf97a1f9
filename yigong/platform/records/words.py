"""The words of standard records: labels of fields, words of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from yigong.kit.clock import COUNTY_ZONE
from yigong.platform.records.facts import Cell, Row
from yigong.platform.records.judge import plain
from yigong.standards.api import load

#: fields that name or number the person: they stand in the banner, masked, and are not repeated in a record
PERSONAL = frozenset(
    {
        "patient_name", "person_name", "identity_document_no", "patient_identity_document_no", "phone_no",
        "patient_phone_no", "person_phone_no", "contact_phone_no", "health_card_no", "resident_health_card_no",
        "father_name", "mother_name",
    }
)  # fmt: skip

#: beginnings of such fields
PERSONAL_STARTS = (
    "address_", "current_address_", "registered_address_", "employer_", "contact_", "birthplace_", "native_place_",
    "sex_code", "age_", "born_on", "ethnic_", "nationality_", "marital_status", "occupation_", "postal_code",
    "healthcare_organization_",
)  # fmt: skip


def code_word(value_set_id: str | None, code: str, *, english: bool = False) -> str:
    """The word of a code in a value set; empty when the set or the code is not known."""
    found = load().value_sets.get(value_set_id or "")
    if found is None:
        return ""
    entry = found.find(code) or found.find(code.zfill(2)) or found.find(code.lstrip("0") or "0")
    if entry is None:
        return ""
    return str((getattr(entry, "name_en", "") if english else "") or entry.name_zh)


def row(data_set: str, record: Mapping[str, Any]) -> Row:
    """A standard record with labels and decoded codes; fields that are not recorded are left out."""
    declared = load().data_sets[data_set]
    cells = [
        cell
        for field in declared.fields
        if field.identifier not in PERSONAL
        and not field.identifier.startswith(PERSONAL_STARTS)
        and (cell := _cell(field, record.get(field.identifier)))
    ]
    return Row(
        record["id"], data_set, record["org_code"], record["source_system"], record["source_key"], record["event_at"],
        record["version"] or 1, tuple(cells), record["extra"] or {},
    )  # fmt: skip


def columns_of(data_set: str) -> Sequence[str]:
    """The columns of a data set as the standards declare them. Raises KeyError for what is no data set."""
    return [f.identifier for f in load().data_sets[data_set].fields]


def _cell(field: Any, value: Any) -> Cell | None:
    if value is None or value == "":
        return None
    text = _text(value)
    word = code_word(field.value_set_id, text) if field.value_set_id else ""
    return Cell(field.identifier, field.name_zh, field.name_en, word or text, text if word else "")


def _text(value: Any) -> str:
    match value:
        case bool():
            return "是" if value else "否"
        case Decimal() | float():
            return plain(value)
        case datetime():
            return value.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M")
        case date():
            return value.isoformat()
    return str(value)
