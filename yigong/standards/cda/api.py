"""The doors of reading shared documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from yigong.kit import xml
from yigong.kit.errors import Refused
from yigong.standards.cda.findings import Finding, of_document, of_values
from yigong.standards.cda.header import Header, Patient, read_header
from yigong.standards.cda.places import Kind, compile_kind
from yigong.standards.cda.reading import Read, read_values
from yigong.standards.cda.rows import Coverage, Row, Rows, rows_of
from yigong.standards.cda.write import write_document

__all__ = [
    "ClinicalDocument",
    "Coverage",
    "Finding",
    "Header",
    "Patient",
    "Read",
    "Row",
    "Rows",
    "open_document",
    "write_document",
]


@dataclass(frozen=True, slots=True)
class ClinicalDocument:
    """A shared document, opened: its head, its values with their places, its rows and what is wrong with it."""

    root: etree._Element
    header: Header
    kind: Kind | None
    reads: list[Read]
    rows: Rows
    findings: list[Finding]

    @property
    def text(self) -> str:
        """What a reader sees, for search."""
        said = (f"{read.label} {read.value.words}" for read in self.reads if not read.value.words.isdigit())
        return " ".join(dict.fromkeys(said))


def open_document(data: bytes, standards: Any) -> ClinicalDocument:
    """The document in *data*.

    Raises Refused for what is no readable XML (see kit.xml) and ``cda_other_xml`` for XML that is no shared document.
    """
    parsed = xml.parse(data)
    root = next(parsed.root.iter("ClinicalDocument"), None)
    if root is None:
        raise Refused("cda_other_xml", root=str(parsed.root.tag)[:60])
    header = read_header(root, {code: document.template_oid for code, document in standards.documents.items()})
    kind = _kind(header.code, standards) if header.code else None
    reads = read_values(root, kind)
    rows = rows_of(reads, kind, standards) if kind else Rows({}, [], Coverage(found=len(reads), extra=len(reads)))
    findings = [*of_document(root, header, kind, parsed.notes), *of_values(root, reads, kind), *rows.findings]
    once = {
        (found.rule, found.xpath, found.field if found.rule == "required_missing" else ""): found for found in findings
    }
    return ClinicalDocument(root, header, kind, reads, rows, list(once.values()))


_KINDS: dict[tuple[int, str], Kind] = {}


def _kind(code: str, standards: Any) -> Kind:
    """The declarations of a document, compiled once for each set of standards."""
    key = (id(standards), code)
    if key not in _KINDS:
        _KINDS[key] = compile_kind(standards.documents[code], standards)
    return _KINDS[key]
