"""A stored document as it is shown: head, sections, entries and tables, all of it plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from yigong.kit.encoding import decode
from yigong.kit.hl7v2.charset import decode as decode_message
from yigong.kit.hl7v2.parse import Message, NotHl7
from yigong.kit.moments import NotAMoment, is_blank, moment
from yigong.platform.records import result_message
from yigong.platform.records.rendered import MARKS, DocumentView, Entry, SectionView, TableView
from yigong.standards.cda.api import ClinicalDocument, Read, open_document

HL7 = "x-application/hl7-v2+er7"
FLAGS = {"true": "是", "false": "否"}
RESULT_CODE = "DE04.30.017.00"
TIMES = frozenset(("time", "effectiveTime", "birthTime", "low", "high"))
LINE_SIZE = 3  # entries that a repeated group must have to be worth a table
LIMIT = 4000  # signs of one value that are shown


def view(original: bytes, standards: Any, *, media_type: str = "application/xml") -> DocumentView:
    """The document as it is shown. Raises Refused as ``standards.cda.api.open_document`` does."""
    if media_type == HL7:
        return _message(original)
    document = open_document(original, standards)
    head = document.header
    declared = document.kind.document if document.kind else None
    by_section = _by_section(document)
    return DocumentView(
        title=head.title or (declared.name_zh if declared else head.code_given),
        document_code=head.code,
        patient=tuple(_patient(document, standards)),
        institution=head.org_name or head.org_code,
        author=head.author_name,
        authored_at=head.authored_at,
        sections=tuple(_sections(document, by_section, standards)),
        signatures=tuple(_signatures(document, standards)),
        findings=tuple(document.findings),
    )


def _by_section(document: ClinicalDocument) -> dict[etree._Element, list[Read]]:
    found: dict[etree._Element, list[Read]] = {}
    for read in document.reads:
        section = next(read.node.iterancestors("section"), None)
        if section is not None:
            found.setdefault(section, []).append(read)
    return found


def _sections(
    document: ClinicalDocument, by_section: dict[etree._Element, list[Read]], standards: Any
) -> Iterator[SectionView]:
    for section in document.root.iter("section"):
        reads = by_section.get(section, [])
        tables, single = _tables(reads, document, standards)
        entries = tuple(_entry(read, document, standards) for read in single)
        narrative = section.find("text")
        paragraphs, drawn = _narrative(narrative) if narrative is not None and not entries and not tables else ((), ())
        if entries or tables or paragraphs or drawn:
            zh, en = _title(section, document)
            yield SectionView(zh, en, entries, (*tables, *drawn), paragraphs)


def _title(section: etree._Element, document: ClinicalDocument) -> tuple[str, str]:
    """The declared name of the section; else what the document calls it."""
    code = section.find("code")
    loinc = code.get("code", "") if code is not None else ""
    said = (code.get("displayName", "") if code is not None else "").strip()
    written = " ".join("".join(section.findtext("title") or "").split())
    for declared in document.kind.document.sections if document.kind else ():
        if (loinc and declared.loinc == loinc) or (said and said in (declared.display, declared.title_zh)):
            return declared.title_zh.removesuffix("章节"), declared.title_en
    return (written or said or loinc).removesuffix("章节"), said or written or loinc


def _entry(read: Read, document: ClinicalDocument, standards: Any) -> Entry:
    value = read.value
    words, unit = value.words, value.unit
    if value.unit and value.text:
        words = value.text
    if value.kind == "BL":
        words = FLAGS.get(words.lower(), words)
    code = value.code if value.display and value.code != value.display else ""
    zh, en = _label(read, document, standards)
    if value.display and value.display == words:
        zh, en = zh.removesuffix("代码").removesuffix("编码") or zh, en.removesuffix(" code")
    element = read.element_id or next((p.element_id for p in read.places if p.element_id), "")
    return Entry(zh, _plain(_dated(read, words)), unit, _flag(read), element, en, code)


def _dated(read: Read, words: str) -> str:
    """A point in time as people write it; what no calendar has stays as it stands."""
    field = next(iter(read.fields.values()), None)
    is_time = read.node.tag in TIMES or (field is not None and field.type in ("D", "DT"))
    if not is_time or not words.isdigit() or is_blank(words):
        return words
    try:
        at = moment(words)
    except NotAMoment:
        return words
    return at.strftime("%Y-%m-%d" if len(words) <= 8 else "%Y-%m-%d %H:%M")


def _label(read: Read, document: ClinicalDocument, standards: Any) -> tuple[str, str]:
    """The name of the standard's field; else what the document calls the value."""
    chosen = next(iter(read.fields.values()), None)
    if chosen is not None:
        return chosen.name_zh, chosen.name_en
    place = next((p for p in read.places if p.name_zh == read.label), None)
    element = standards.elements.get(read.element_id) if read.element_id else None
    return read.label, place.name_en if place else element.name_en if element else read.label


def _flag(read: Read) -> str:
    if read.element_id != RESULT_CODE:
        return ""
    return next((mark for word, mark in MARKS.items() if len(word) > 1 and word in read.value.words), "")


def _plain(text: str) -> str:
    return text if len(text) <= LIMIT else f"{text[:LIMIT]}…"


def _tables(reads: list[Read], document: ClinicalDocument, standards: Any) -> tuple[list[TableView], list[Read]]:
    """Entries of like kind that repeat, as tables, and the rest one by one."""
    groups: dict[etree._Element, list[Read]] = {}
    for read in reads:
        groups.setdefault(_group(read), []).append(read)
    shapes: dict[tuple[str, ...], list[list[Read]]] = {}
    for group in groups.values():
        labels = tuple(dict.fromkeys(_label(read, document, standards)[0] for read in group))
        shapes.setdefault(labels[:1], []).append(group)
    tables, single = [], []
    for alike in shapes.values():
        lines = alike[0][0].line >= 0
        if (len(alike) > 1 or lines) and max(len(group) for group in alike) >= LINE_SIZE:
            tables.append(_table(alike, document, standards))
        else:
            single += [read for group in alike for read in group]
    order = {id(read): number for number, read in enumerate(reads)}
    return tables, sorted(single, key=lambda read: order[id(read)])


def _group(read: Read) -> etree._Element:
    """The entry that a value belongs to."""
    return next(read.node.iterancestors("entry"), read.node)


def _table(groups: list[list[Read]], document: ClinicalDocument, standards: Any) -> TableView:
    names: dict[str, str] = {}
    lines: list[dict[str, str]] = []
    flags: list[str] = []
    for group in groups:
        line: dict[str, str] = {}
        for read in group:
            entry = _entry(read, document, standards)
            said = f"{entry.value} {entry.unit}".strip()
            names.setdefault(entry.label, entry.label_en)
            line[entry.label] = f"{line[entry.label]}；{said}" if entry.label in line else said
        lines.append(line)
        flags.append(next((f for f in map(_flag, group) if f), ""))
    rows = tuple(tuple(line.get(name, "") for name in names) for line in lines)
    return TableView(tuple(names), tuple(names.values()), rows, tuple(flags))


def _narrative(text: etree._Element) -> tuple[tuple[str, ...], tuple[TableView, ...]]:
    """The words of a section that has no entries; its tables as tables."""
    tables = tuple(_drawn(table) for table in text.iter("table"))
    for table in list(text.iter("table")):
        table.getparent().remove(table)  # type: ignore[union-attr]
    parts = [" ".join(str(piece).split()) for piece in text.itertext()]
    return tuple(_plain(part) for part in parts if part), tables


def _drawn(table: etree._Element) -> TableView:
    rows = [
        tuple(_plain(" ".join("".join(map(str, cell.itertext())).split())) for cell in row) for row in table.iter("tr")
    ]
    head, body = (rows[0], rows[1:]) if rows and table.find(".//th") is not None else ((), rows)
    return TableView(head, head, tuple(body))


def _patient(document: ClinicalDocument, standards: Any) -> Iterator[Entry]:
    """What the head says of the person, each thing once."""
    seen = set()
    for read in document.reads:
        if next(read.node.iterancestors("recordTarget"), None) is None:
            continue
        entry = _entry(read, document, standards)
        if (entry.label, entry.value) not in seen and entry.label:
            seen.add((entry.label, entry.value))
            yield entry


def _signatures(document: ClinicalDocument, standards: Any) -> Iterator[Entry]:
    """Who signed, in which role, and when."""
    for node in [*document.root.findall("legalAuthenticator"), *document.root.findall("authenticator")]:
        own = [read for read in document.reads if node in read.node.iterancestors()]
        name = next((r for r in own if r.node.tag == "name"), None)
        time = next((_dated(r, r.value.text) for r in own if r.node.tag == "time"), "")
        if name is not None:
            zh, en = _label(name, document, standards) if name.words else ("签名", "Signature")
            yield Entry(zh, _plain(name.value.text), time, label_en=en)


def _message(original: bytes) -> DocumentView:
    """A message of HL7 v2: a result as a report, any other line by line."""
    decoded = decode_message(original)
    try:
        message = Message(decoded.text.strip("\x0b\x1c\r\n "), decoded.charset)
    except NotHl7:
        message = None
    if message is not None and (found := tuple(result_message.sections(message))):
        at = result_message.reported(message)
        return DocumentView(found[0].title_zh, "", (), "", "", at, found)
    lines = [line.strip("\x0b\x1c ") for line in decode(original).text.replace("\n", "\r").split("\r")]
    entries = tuple(Entry(line[:3], _plain(line)) for line in lines if line)
    return DocumentView("HL7 v2", "", (), "", "", None, (SectionView("消息原文", "Message", entries),))
