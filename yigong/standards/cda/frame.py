"""The head that every shared document has, judged part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from yigong.kit.xml import children
from yigong.standards.cda.checks import Found, found
from yigong.standards.cda.finder import Finder
from yigong.standards.cda.header import CODE, ROOT
from yigong.standards.cda.values import value_of

PATIENT = "recordTarget/patientRole"
CUSTODIAN = "custodian/assignedCustodian/representedCustodianOrganization"


def _words(find: Finder, path: str) -> str:
    node = find(path)
    value = value_of(node) if node is not None else None
    return value.words if value else ""


def _number(find: Finder, path: str, roots: frozenset[str]) -> str:
    """A number under one of the roots that the standard names."""
    for node in find.all(path):
        if node.get("root") in roots and (value := value_of(node)):
            return value.text
    return ""


def _roots(*arcs: str) -> frozenset[str]:
    return frozenset(ROOT + arc for arc in arcs)


NUMBERS, DOCUMENT, IDENTITY, ORGANIZATION = (
    _roots("2", "10", "11", "12", "13", "19"), _roots("1"), _roots("3"), _roots("5")
)  # fmt: skip
ANYTHING: frozenset[str] = frozenset()
#: rule -> the attribute of a part of the root, and what it may say
PLAIN: dict[str, tuple[str, str, frozenset[str]]] = {
    "realm": ("realmCode", "code", frozenset(["CN"])),
    "code_system": ("code", "codeSystem", frozenset(["2.16.156.10011.2.4"])),
    "effective_time": ("effectiveTime", "value", ANYTHING),
    "confidentiality": ("confidentialityCode", "code", frozenset("NRV")),
    "language": ("languageCode", "code", frozenset(["zh-CN"])),
    "version_number": ("versionNumber", "value", ANYTHING),
}
#: rule -> (where it stands, whether the head keeps it)
OTHERS: dict[str, tuple[str, Callable[[Finder], Any]]] = {
    "type_id": ("typeId", lambda f: (f.said("typeId", "root"), f.said("typeId", "extension")) == ("2.16.840.1.113883.1.3", "POCD_MT000040")),
    "document_id": ("id", lambda f: _number(f, "id", DOCUMENT)),
    "title": ("title", lambda f: title_of(f)),  # noqa: PLW0108 - defined below
    "set_id": ("setId", lambda f: _words(f, "setId")),
    "record_target": (PATIENT, lambda f: f(PATIENT) is not None),
    "patient_number": (PATIENT, lambda f: f(PATIENT) is None or _number(f, f"{PATIENT}/id", NUMBERS)),
    "identity_missing": (f"{PATIENT}/patient", lambda f: f(PATIENT) is None or _number(f, f"{PATIENT}/patient/id", IDENTITY)),
    "author": ("author", lambda f: _words(f, "author/assignedAuthor/assignedPerson/name")),
    "custodian": (CUSTODIAN, lambda f: _number(f, f"{CUSTODIAN}/id", ORGANIZATION)),
    "body": ("component", lambda f: f("component/structuredBody") is not None),
}  # fmt: skip
HEAD = [
    "realm",
    "type_id",
    "document_id",
    "code_system",
    "title",
    "effective_time",
    "confidentiality",
    "language",
    "set_id",
    "version_number",
    "record_target",
    "patient_number",
    "identity_missing",
    "author",
    "custodian",
    "body",
]


def title_of(find: Finder) -> str:
    """The title as it stands."""
    node = find("title")
    return ((node.text if node is not None else "") or "").strip()


def frame(find: Finder, declared: Any | None) -> Iterator[Found]:
    """What the head of a document lacks or says otherwise."""
    for rule in HEAD:
        if (path := _broken(rule, find)) is not None:
            node = find(path)
            yield found(rule, node if node is not None else find.root, value=_words(find, path))
    yield from _kind(find, declared)
    for tag in ("legalAuthenticator", "authenticator"):
        for signer in find.all(tag):
            if not _signs(signer):
                yield found("signature_name", signer)


def _broken(rule: str, find: Finder) -> str | None:
    """The path where the head breaks a rule, None where it keeps it."""
    if plain := PLAIN.get(rule):
        path, attribute, allowed = plain
        node = find.first.get(path)
        said = node.get(attribute, "").strip() if node is not None else ""
        return None if said and (not allowed or said in allowed) else path
    path, keeps = OTHERS[rule]
    return None if keeps(find) else path


def _signs(signer: etree._Element) -> bool:
    """Whether the person who signs has a name."""
    here: etree._Element | None = signer
    for tag in ("assignedEntity", "assignedPerson", "name"):
        here = next((part for part in children(here) if part.tag == tag), None) if here is not None else None
    if here is None:
        here = signer.find("assignedEntity/assignedPerson/name")
    return here is not None and value_of(here) is not None


def _kind(find: Finder, declared: Any | None) -> Iterator[Found]:
    given, node = find.said("code", "code"), find("code")
    at = node if node is not None else find.root
    if declared is None:
        yield found("code_undeclared", at, value=given)
        return
    if given != declared.code:
        yield found("code_padded" if CODE.match(given) else "code_undeclared", at, value=given, more=declared.code)
    templates = [template.get("root", "") for template in find.all("templateId")]
    if declared.template_oid and declared.template_oid not in templates:
        yield found("template", at, value=" ".join(templates), more=declared.template_oid)
