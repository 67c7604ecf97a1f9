"""The head that every shared document has, judged part by part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from yigong.standards.cda.checks import Found, found
from yigong.standards.cda.header import CODE, ROOT
from yigong.standards.cda.values import value_of

PATIENT = "recordTarget/patientRole"
CUSTODIAN = "custodian/assignedCustodian/representedCustodianOrganization"


def _said(root: etree._Element, path: str, attribute: str = "") -> str:
    node = root.find(path)
    if node is None:
        return ""
    if attribute:
        return node.get(attribute, "").strip()
    value = value_of(node)
    return value.words if value else ""


def _number(root: etree._Element, path: str, arcs: tuple[str, ...]) -> str:
    """A number under one of the roots that the standard names."""
    roots = {ROOT + arc for arc in arcs}
    values = (value_of(node) for node in root.iterfind(path) if node.get("root") in roots)
    return next((value.text for value in values if value), "")


NUMBERS = ("2", "10", "11", "12", "13", "19")
#: rule -> (where it stands, whether the head keeps it)
HEAD: dict[str, tuple[str, Any]] = {
    "realm": ("realmCode", lambda r: _said(r, "realmCode", "code") == "CN"),
    "type_id": ("typeId", lambda r: (_said(r, "typeId", "root"), _said(r, "typeId", "extension")) == ("2.16.840.1.113883.1.3", "POCD_MT000040")),
    "document_id": ("id", lambda r: _number(r, "id", ("1",))),
    "code_system": ("code", lambda r: _said(r, "code", "codeSystem") == "2.16.156.10011.2.4"),
    "title": ("title", lambda r: (r.findtext("title") or "").strip()),
    "effective_time": ("effectiveTime", lambda r: _said(r, "effectiveTime", "value")),
    "confidentiality": ("confidentialityCode", lambda r: _said(r, "confidentialityCode", "code") in ("N", "R", "V")),
    "language": ("languageCode", lambda r: _said(r, "languageCode", "code") == "zh-CN"),
    "set_id": ("setId", lambda r: _said(r, "setId")),
    "version_number": ("versionNumber", lambda r: _said(r, "versionNumber", "value")),
    "record_target": (PATIENT, lambda r: r.find(PATIENT) is not None),
    "patient_number": (PATIENT, lambda r: r.find(PATIENT) is None or _number(r, f"{PATIENT}/id", NUMBERS)),
    "identity_missing": (f"{PATIENT}/patient", lambda r: r.find(PATIENT) is None or _number(r, f"{PATIENT}/patient/id", ("3",))),
    "author": ("author", lambda r: _said(r, "author/assignedAuthor/assignedPerson/name")),
    "custodian": (CUSTODIAN, lambda r: _number(r, f"{CUSTODIAN}/id", ("5",))),
    "body": ("component", lambda r: r.find("component/structuredBody") is not None),
}  # fmt: skip


def frame(root: etree._Element, declared: Any | None) -> Iterator[Found]:
    """What the head of a document lacks or says otherwise."""
    for rule, (path, keeps) in HEAD.items():
        if not keeps(root):
            node = root.find(path)
            yield found(rule, node if node is not None else root, value=_said(root, path))
    yield from _kind(root, declared)
    for tag in ("legalAuthenticator", "authenticator"):
        for signer in root.iterfind(tag):
            if not _said(signer, "assignedEntity/assignedPerson/name"):
                yield found("signature_name", signer)


def _kind(root: etree._Element, declared: Any | None) -> Iterator[Found]:
    given, node = _said(root, "code", "code"), root.find("code")
    at = node if node is not None else root
    if declared is None:
        yield found("code_undeclared", at, value=given)
        return
    if given != declared.code:
        yield found("code_padded" if CODE.match(given) else "code_undeclared", at, value=given, more=declared.code)
    templates = [template.get("root", "") for template in root.iterfind("templateId")]
    if declared.template_oid and declared.template_oid not in templates:
        yield found("template", at, value=" ".join(templates), more=declared.template_oid)
