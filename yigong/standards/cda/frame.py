"""The head that every shared document has, judged part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree

from yigong.kit.xml import below
from yigong.standards.cda.checks import Found, found
from yigong.standards.cda.finder import Finder
from yigong.standards.cda.header import CODE, ROOT
from yigong.standards.cda.values import BLANK, value_of

PATIENT = "recordTarget/patientRole"
CUSTODIAN = "custodian/assignedCustodian/representedCustodianOrganization"
PATIENT_ID, PERSON_ID, CUSTODIAN_ID = f"{PATIENT}/id", f"{PATIENT}/patient/id", f"{CUSTODIAN}/id"


def _words(find: Finder, path: str) -> str:
    node = find(path)
    value = value_of(node) if node is not None else None
    return value.words if value else ""


def _number(find: Finder, path: str, roots: frozenset[str]) -> str:
    """A number under one of the roots that the standard names."""
    for node in find.all(path):
        if node.get("root") in roots:
            number = (node.get("extension") or "").strip()
            if number not in BLANK and node.get("value") is None:
                return number
            if value := value_of(node):
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
    "patient_number": (PATIENT, lambda f: f(PATIENT) is None or _number(f, PATIENT_ID, NUMBERS)),
    "identity_missing": (f"{PATIENT}/patient", lambda f: f(PATIENT) is None or _number(f, PERSON_ID, IDENTITY)),
    "author": ("author", lambda f: _words(f, "author/assignedAuthor/assignedPerson/name")),
    "custodian": (CUSTODIAN, lambda f: _number(f, CUSTODIAN_ID, ORGANIZATION)),
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


#: where the head and its agreements look: found on the walk that finds the declared places
PATHS = (
    "recordTarget", PATIENT, f"{PATIENT}/patient", f"{PATIENT}/patient/birthTime", f"{PATIENT}/patient/age", f"{PATIENT}/patient/administrativeGenderCode",
    "author/time", "author/assignedAuthor/assignedPerson/name", CUSTODIAN, "component/structuredBody",
    "componentOf/encompassingEncounter/effectiveTime",
)  # fmt: skip


def frame(find: Finder, declared: Any | None) -> Iterator[Found]:
    """What the head of a document lacks or says otherwise."""
    for rule, path, keeps in RULES:
        if not keeps(find):
            node = find(path)
            yield found(rule, node if node is not None else find.root, value=_words(find, path))
    yield from _kind(find, declared)
    yield from _unsigned([*find.all("legalAuthenticator"), *find.all("authenticator")])


def _plain(path: str, attribute: str, allowed: frozenset[str]) -> Callable[[Finder], bool]:
    """Whether a part of the root says what it may."""
    if allowed:
        return lambda find: find.said(path, attribute) in allowed
    return lambda find: find.said(path, attribute) != ""


#: rule, where it stands, whether the head keeps it
RULES = [(rule, PLAIN[rule][0], _plain(*PLAIN[rule])) if rule in PLAIN else (rule, *OTHERS[rule]) for rule in HEAD]


def _unsigned(signers: list[etree._Element]) -> Iterator[Found]:
    """Those who sign without a name."""
    persons = below(below(signers, "assignedEntity"), "assignedPerson")
    named = [name.getparent() for name in below(persons, "name") if value_of(name) is not None]
    signed = {person.getparent().getparent() for person in named}  # type: ignore[union-attr]
    for signer in signers:
        if signer not in signed:
            yield found("signature_name", signer)


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
