"""The head of a document: which document, of whom, by whom, from where, in which encounter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from lxml import etree

from yigong.kit.moments import NotAMoment, day, is_blank, moment
from yigong.standards.cda.values import BLANK, value_of

ROOT = "2.16.156.10011.1."
ORGANIZATION, IDENTITY, HEALTH_CARD = ROOT + "5", ROOT + "3", ROOT + "19"
#: numbers under which an institution knows a patient, surest first, with the sign that keeps kinds apart
LOCAL_IDS = (("13", "BA"), ("12", "ZY"), ("11", "MZ"), ("10", "MZ"), ("2", "DA"), ("19", "JKK"))
CODE = re.compile(r"C0*(\d{1,2})\Z", re.IGNORECASE)
SEX = {"1": "1", "2": "2", "0": "0", "9": "9", "M": "1", "F": "2", "男": "1", "女": "2", "男性": "1", "女性": "2"}
#: what stands in place of a name
NO_NAME = BLANK | {"无", "无名氏", "不详", "未知", "测试"}


@dataclass(slots=True)
class Patient:
    """The person a document is about, as the sender knows him."""

    full_name: str = ""
    sex_code: str = ""
    born_on: date | None = None
    id_no: str = ""
    phone: str = ""
    address: str = ""
    health_card_no: str = ""
    ids: dict[str, str] = field(default_factory=dict)  # last arc of the root -> number

    @property
    def local_id(self) -> str:
        """The number under which the sender knows the person, with its kind; empty where there is none."""
        for arc, sign in LOCAL_IDS:
            if number := self.ids.get(arc, ""):
                return f"{sign}:{number}"
        return f"ID:{self.id_no}" if self.id_no else ""


@dataclass(slots=True)
class Header:
    """What the head of a document says."""

    code: str  # key of the declared documents; empty where it names none
    code_given: str
    title: str
    document_id: str
    set_id: str
    version: int
    replaces: str
    authored_at: datetime | None
    author_name: str
    org_code: str
    org_name: str
    patient: Patient
    encounter_key: str
    encounter_at: datetime | None
    times: tuple[datetime, ...]  # other points in time, surest first


def read_header(root: etree._Element, known: Mapping[str, str]) -> Header:
    """The head of the document; *known* are the codes of declared documents with their template ids."""
    given = _attribute(root, "code", "code")
    patient = _patient(root)
    author = moment_of(root.find("author/time"))
    generated = moment_of(root.find("effectiveTime"))
    visit = root.find("componentOf/encompassingEncounter/effectiveTime")
    visited = moment_of(visit) or (moment_of(visit.find("low")) if visit is not None else None)
    return Header(
        code=document_code(root, given, known),
        code_given=given,
        title=(root.findtext("title") or "").strip() or _attribute(root, "code", "displayName"),
        document_id=_document_id(root),
        set_id=clean(_attribute(root, "setId", "extension")),
        version=_whole(_attribute(root, "versionNumber", "value")),
        replaces=_replaced(root),
        authored_at=author or generated,
        author_name=_name(root, "author/assignedAuthor/assignedPerson/name"),
        org_code=_organization(root)[0],
        org_name=_organization(root)[1],
        patient=patient,
        encounter_key=patient.ids.get("12") or patient.ids.get("11") or patient.ids.get("10") or "",
        encounter_at=visited,
        times=tuple(t for t in (author, visited, generated) if t),
    )


def document_code(root: etree._Element, given: str, known: Mapping[str, str]) -> str:
    """The declared code: as given, with or without leading zeros, else from the template, else empty."""
    given = given.strip().upper()
    if given in known:
        return given
    if (found := CODE.match(given)) and (padded := f"C{int(found.group(1)):04d}") in known:
        return padded
    templates = {template.get("root", "") for template in root.findall("templateId")}
    return next((code for code, template in known.items() if template and template in templates), "")


def clean(text: str) -> str:
    """The text, empty where it only says that there is nothing."""
    text = text.strip()
    return "" if text in BLANK or not text.strip("0-") else text


def moment_of(node: etree._Element | None) -> datetime | None:
    """The point in time that a node says, None where it says none that a calendar has."""
    if node is None:
        return None
    text = node.get("value") or (node.text or "")
    try:
        return None if is_blank(text) else moment(text)
    except NotAMoment:
        return None


def _attribute(root: etree._Element, path: str, name: str) -> str:
    found = root.find(path)
    return "" if found is None else found.get(name, "").strip()


def _whole(text: str) -> int:
    return int(text) if text.isdigit() and 0 < int(text) < 10_000 else 1


def _document_id(root: etree._Element) -> str:
    """The number of the document; a root of the sender's own is one, the national root for numbers is none."""
    number = clean(_attribute(root, "id", "extension"))
    own = clean(_attribute(root, "id", "root"))
    return number or ("" if own.startswith(ROOT) else own)


def _name(root: etree._Element, path: str) -> str:
    found = root.find(path)
    value = value_of(found) if found is not None else None
    return value.text if value and value.text not in NO_NAME else ""


def _replaced(root: etree._Element) -> str:
    for related in root.findall("relatedDocument"):
        parent = related.find("parentDocument")
        if related.get("typeCode") == "RPLC" and parent is not None:
            return clean(_attribute(parent, "setId", "extension")) or clean(_attribute(parent, "id", "extension"))
    return ""


def _organization(root: etree._Element) -> tuple[str, str]:
    """Code and name of the institution: custodian, then the author's, then the one that treats the patient."""
    name = ""
    for path in ("custodian", "author", "recordTarget/patientRole/providerOrganization", "componentOf"):
        for place in root.findall(path):
            for node in place.iter("id"):
                code = clean(node.get("extension", "")) if node.get("root") == ORGANIZATION else ""
                holder = node.getparent()
                said = (holder.findtext("name") or "").strip() if holder is not None else ""
                name = name or said
                if code:
                    return code.upper(), said or name
    return "", name


def _patient(root: etree._Element) -> Patient:
    role = root.find("recordTarget/patientRole")
    if role is None:
        return Patient()
    ids = {i.get("root", "").removeprefix(ROOT): clean(i.get("extension", "")) for i in role.findall("id")}
    ids = {arc: number for arc, number in ids.items() if number}
    numbers = [clean(i.get("extension", "")) for i in role.iterfind("patient/id") if i.get("root") in (IDENTITY, None)]
    sex = role.find("patient/administrativeGenderCode")
    telecom = role.find("telecom")
    phone = clean(telecom.get("value", "")).removeprefix("tel:") if telecom is not None else ""
    return Patient(
        full_name=_name(root, "recordTarget/patientRole/patient/name"),
        sex_code=_sex(sex),
        born_on=_born(role.find("patient/birthTime")),
        id_no=next((number for number in numbers if number), ""),
        phone=phone,
        address=_address(role.find("addr")),
        health_card_no=ids.get("19", ""),
        ids=ids,
    )


def _sex(node: etree._Element | None) -> str:
    if node is None:
        return ""
    return SEX.get(node.get("code", "").strip().upper()) or SEX.get(node.get("displayName", "").strip(), "")


def _born(node: etree._Element | None) -> date | None:
    text = node.get("value", "") if node is not None else ""
    try:
        return None if is_blank(text) else day(text)
    except NotAMoment:
        return None


def _address(node: etree._Element | None) -> str:
    """The parts of an address from large to small."""
    if node is None:
        return ""
    order = ("state", "city", "county", "township", "streetName", "houseNumber")
    parts = [clean(node.findtext(part) or "") for part in order]
    return "".join(part for part in parts if part) or clean(" ".join((node.text or "").split()))
