"""What the pages of the standards centre show of one thing: where it is used, what of it is asked for, what is lacking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from yigong.kit.text import initials, narrow
from yigong.platform.registry import standards_catalog as catalog
from yigong.standards.api import Code, DataSet, Document, Field, Place, ValueSet, load

HEADER = gettext_lazy("文档头")


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a data element or value set is used."""

    kind: str
    holder: str
    name_zh: str
    name_en: str
    detail: object
    url: str

    @property
    def kind_word(self) -> object:
        """The kind of the holder in words."""
        return catalog.KINDS[self.kind][0]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a document with the number of its places."""

    key: str
    title_zh: str
    title_en: str
    loinc: str
    places: int
    certainty: str


def _uses(picked: Callable[[Any], bool]) -> list[Use]:
    found: list[Use] = []
    for d in load().data_sets.values():
        url = reverse("registry:standards_data_set", args=[d.identifier])
        found += [
            Use("data_set", d.name_zh, f.name_zh, f.name_en, f.identifier, f"{url}#{f.identifier}")
            for f in d.fields
            if picked(f)
        ]
    for doc in load().documents.values():
        url = reverse("registry:standards_document", args=[doc.code])
        found += [
            Use("document", doc.name_zh, p.name_zh, p.name_en, p.section_zh or HEADER, f"{url}?q={p.element_id}")
            for p in doc.elements
            if picked(p)
        ]
    return found


@cache
def uses_of_element(id: str) -> tuple[Use, ...]:
    """Every field and place that is the element."""
    return tuple(_uses(lambda thing: thing.element_id == id))


@cache
def uses_of_value_set(id: str) -> tuple[Use, ...]:
    """Every element, field and place whose codes are of the value set."""
    elements = [
        Use("element", e.id, e.name_zh, e.name_en, e.format, reverse("registry:standards_element", args=[e.id]))
        for e in load().elements.values()
        if e.value_set_id == id
    ]
    return (*elements, *_uses(lambda thing: thing.value_set_id == id))


def _holds(text: str, *words: str) -> bool:
    sought = narrow(text).lower()
    return any(sought in narrow(w).lower() for w in words) or (bool(words) and sought in initials(words[0]))


def day_of(written: str) -> date | None:
    """A day as typed; None when it is none."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def codes_of(value_set: ValueSet, text: str, day: date | None) -> list[Code]:
    """The codes that hold *text* and were in force on *day*."""
    codes = [c for c in value_set.codes.values() if day is None or c.holds(day)]
    return [c for c in codes if _holds(text, c.name_zh, c.code, c.as_found, c.name_en)] if text else codes


SORTS: dict[str, Callable[[Field], Any]] = {
    "seq": lambda f: f.seq,
    "inner": lambda f: f.inner_id,
    "name": lambda f: f.name_zh,
    "element": lambda f: f.element_id,
    "column": lambda f: f.identifier,
    "type": lambda f: (f.type, f.format),
}


def fields_of(data_set: DataSet, text: str, sort: str) -> Sequence[Field]:
    """The fields that hold *text*, in the order asked for."""
    found: Sequence[Field] = data_set.fields
    if text:
        found = [f for f in found if _holds(text, f.name_zh, f.name_en, f.identifier, f.element_id, f.inner_id)]
    key = SORTS.get(sort.lstrip("-"))
    return sorted(found, key=key, reverse=sort.startswith("-")) if key else found


def _section_key(loinc: str, title: str) -> str:
    return loinc or title or "header"


def sections_of(document: Document) -> list[Part]:
    """The header and the sections of a document, each with the number of places found for it."""
    counts: dict[str, int] = {}
    for p in document.elements:
        key = "header" if p.part == "header" else _section_key(p.section_loinc, p.section_zh)
        counts[key] = counts.get(key, 0) + 1
    head = [Part("header", _("文档头"), "Header", "", counts.get("header", 0), document.certainty)] if counts else []
    return head + [
        Part(key, s.title_zh or s.display, s.title_en, s.loinc, counts.get(key, 0), s.certainty)
        for s in document.sections
        for key in [_section_key(s.loinc, s.title_zh)]
    ]


def places_of(document: Document, text: str, section: str) -> list[Place]:
    """The places of a section that hold *text*."""
    found = [
        p
        for p in document.elements
        if not section or section == ("header" if p.part == "header" else _section_key(p.section_loinc, p.section_zh))
    ]
    if text:
        found = [p for p in found if _holds(text, p.name_zh, p.name_en, p.element_id, p.inner_id, p.xpath)]
    return found


def lacking_of(document: Document) -> list[str]:
    """What of a document's facts was not had, in words."""
    places = document.elements
    told = {
        _("没有得到章节清单"): not document.sections,
        _("没有得到数据元素与 XPath；下面是一家厂商的字段清单，仅供参考"): not places and bool(document.record_fields),
        _("没有得到数据元素与 XPath"): not places and not document.record_fields,
        _("没有得到出现次数（基数）"): bool(places) and not any(p.cardinality for p in places),
        _("模板 OID 由编号次序推定"): document.certainty == "derived" or document.certainty == "doubtful",
    }
    return [words for words, true in told.items() if true]


def branch_of(kind: str, id: str) -> str:
    """The branch of the tree under which a thing stands."""
    return next((e.path for e in catalog.entries() if e.kind == kind and e.id == id), kind)


def bearers_of(oid: str) -> list[Use]:
    """The value set or document that bears an OID."""
    sets = [
        Use("value_set", v.id, v.name_zh, v.name_en, v.standard, reverse("registry:standards_value_set", args=[v.id]))
        for v in load().value_sets.values()
        if v.oid == oid
    ]
    documents = [
        Use("document", d.code, d.name_zh, d.name_en, d.standard, reverse("registry:standards_document", args=[d.code]))
        for d in load().documents.values()
        if d.template_oid == oid
    ]
    return sets + documents


def named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the read statistics with the names and addresses of what was read."""
    known = {(e.kind, e.url.rstrip("/").rsplit("/", 1)[-1]): e for e in catalog.entries()}
    known |= {(e.kind, e.id): e for e in catalog.entries()}
    return [{**row, "entry": known.get((row["kind"], row["item"]))} for row in rows]
