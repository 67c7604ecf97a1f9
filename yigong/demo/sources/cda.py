"""Writes shared documents (CDA) in the form of WS/T 500: outpatient record C0002, laboratory report C0007, discharge summary C0053."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape as text
from xml.sax.saxutils import quoteattr

from yigong.demo import world

_ROOT = "2.16.156.10011"
_ELEMENTS = f'codeSystem="{_ROOT}.2.2.1" codeSystemName="卫生信息数据元目录"'
_ICD = (f"{_ROOT}.2.3.3.11.3", "诊断代码表(ICD-10)")
#: document code: title, template
KINDS = {"C0002": ("门（急）诊病历", "22"), "C0007": ("检验报告", "27"), "C0053": ("出院小结", "73")}
Facts = Mapping[str, Any]


def moment(value: datetime | date) -> str:
    """A point in time as documents write it."""
    return value.strftime("%Y%m%d%H%M%S" if isinstance(value, datetime) else "%Y%m%d")


def _id(oid: str, extension: object) -> str:
    return f'<id root="{_ROOT}.1.{oid}" extension={quoteattr(str(extension))}/>' if extension else ""


def observation(element: str, name: str, value: str, inner: str = "") -> str:
    """One observation with its value."""
    code = f'<code code="{element}" {_ELEMENTS} displayName={quoteattr(name)}/>'
    return f'<observation classCode="OBS" moodCode="EVN">{code}{value}{inner}</observation>'


def words(value: object) -> str:
    """A value of words."""
    return f'<value xsi:type="ST">{text(str(value))}</value>'


def coded(code: str, name: str, system: tuple[str, str] = _ICD) -> str:
    """A value from a code system."""
    return f'<value xsi:type="CD" code={quoteattr(code)} displayName={quoteattr(name)} codeSystem="{system[0]}" codeSystemName={quoteattr(system[1])}/>'


def entry(content: str) -> str:
    """One entry of a section."""
    return f"<entry>{content}</entry>"


def section(loinc: str, display: str, entries: Iterable[str]) -> str:
    """One section of the body."""
    number = f'code="{loinc}" codeSystem="2.16.840.1.113883.6.1" codeSystemName="LOINC" ' if loinc else ""
    code = f"<code {number}displayName={quoteattr(display)}/>"
    return f"<component><section>{code}<text/>{''.join(entries)}</section></component>"


def document(kind: str, facts: Facts, sections: Sequence[str]) -> bytes:
    """A whole document. *facts*: number, at, org, author, patient's facts, ids of the visit."""
    title, template = KINDS[kind]
    head = (
        f'<realmCode code="CN"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040"/>'
        f'<templateId root="{_ROOT}.2.1.1.{template}"/>{_id("1", facts["number"])}'
        f'<code code="{kind}" codeSystem="{_ROOT}.2.4" codeSystemName="卫生信息共享文档规范编码体系"/><title>{title}</title>'
        f'<effectiveTime value="{moment(facts["at"])}"/>'
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25" codeSystemName="Confidentiality" displayName="正常访问保密级别"/>'
        f'<languageCode code="zh-CN"/><setId root="{_ROOT}.1.1" extension={quoteattr(facts["number"])}/><versionNumber value="1"/>'
    )
    space = (
        'xmlns="urn:hl7-org:v3" xmlns:mif="urn:hl7-org:v3/mif" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    )
    body = f"<component><structuredBody>{''.join(sections)}</structuredBody></component>"
    whole = head + _patient(facts) + _people(facts) + _stay(facts) + body
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument {space}>{whole}</ClinicalDocument>\n'.encode()


def _patient(facts: Facts) -> str:
    org: world.Institution = facts["org"]
    ids = "".join(
        _id(oid, facts.get(name))
        for oid, name in (("11", "visit"), ("12", "stay"), ("19", "card"), ("33", "report"), ("24", "request"))
    )
    addr = ""
    if facts.get("township"):
        addr = (
            f'<addr use="H"><houseNumber>{text(facts["house_no"])}</houseNumber><streetName>{text(facts["street"])}</streetName>'
            f"<township>{text(facts['township'])}</township><county>{world.COUNTY}</county><city>{world.CITY}</city><state>{world.PROVINCE}</state></addr>"
        )
    phone = f"<telecom value={quoteattr(facts['phone'])}/>" if facts.get("phone") else ""
    sex = {1: "男性", 2: "女性"}[facts["sex"]]
    born = f'<birthTime value="{moment(facts["born_on"])}"/>' if facts.get("born_on") else ""
    provider = (
        f'<providerOrganization classCode="ORG" determinerCode="INSTANCE">{_id("5", org.code)}<name>{org.name}</name></providerOrganization>'
        if facts.get("provider") else ""
    )  # fmt: skip
    return (
        f'<recordTarget typeCode="RCT" contextControlCode="OP"><patientRole classCode="PAT">{ids}{addr}{phone}'
        f'<patient classCode="PSN" determinerCode="INSTANCE">{_id("3", facts.get("id_no"))}<name>{text(facts["name"])}</name>'
        f'<administrativeGenderCode code="{facts["sex"]}" codeSystem="{_ROOT}.2.3.3.4" codeSystemName="生理性别代码表(GB/T 2261.1)" displayName="{sex}"/>'
        f'{born}<age unit="岁" value="{int(facts["age"])}"/></patient>{provider}</patientRole></recordTarget>'
    )


def _signed(tag: str, at: datetime | date, name: str, role: str = "") -> str:
    code = f"<code displayName={quoteattr(role)}/>" if role else "<code/>"
    return (
        f'<{tag}><time value="{moment(at)}"/><signatureCode/><assignedEntity>{_id("4", "-")}{code}'
        f'<assignedPerson classCode="PSN" determinerCode="INSTANCE"><name>{text(name)}</name></assignedPerson></assignedEntity></{tag}>'
    )


def _people(facts: Facts) -> str:
    org: world.Institution = facts["org"]
    author = (
        f'<author typeCode="AUT" contextControlCode="OP"><time value="{moment(facts["at"])}"/><assignedAuthor classCode="ASSIGNED">{_id("7", "-")}'
        f"<assignedPerson><name>{text(facts['doctor'])}</name></assignedPerson></assignedAuthor></author>"
    )
    custodian = (
        '<custodian typeCode="CST"><assignedCustodian classCode="ASSIGNED"><representedCustodianOrganization classCode="ORG" determinerCode="INSTANCE">'
        f"{_id('5', org.code)}<name>{org.name}</name></representedCustodianOrganization></assignedCustodian></custodian>"
    )
    signed = _signed("legalAuthenticator", facts["at"], facts["doctor"])
    return (
        author
        + custodian
        + signed
        + "".join(_signed("authenticator", facts["at"], name, role) for role, name in facts.get("signed", ()))
    )


def _stay(facts: Facts) -> str:
    if not facts.get("admitted_at"):
        return ""
    org: world.Institution = facts["org"]
    inner = f'<wholeOrganization classCode="ORG" determinerCode="INSTANCE">{_id("5", org.code)}<name>{org.name}</name></wholeOrganization>'
    levels = (("27", f"{facts['department']}病区"), ("26", facts["department"]), ("21", "-"), ("22", facts["bed"]))
    for oid, name in levels:
        inner = (
            f'<wholeOrganization classCode="ORG" determinerCode="INSTANCE">{_id(oid, name)}<name>{text(str(name))}</name>'
            f'<asOrganizationPartOf classCode="PART">{inner}</asOrganizationPartOf></wholeOrganization>'
        )
    return (
        f'<componentOf><encompassingEncounter><effectiveTime><low value="{moment(facts["admitted_at"])}"/><high value="{moment(facts["discharged_at"])}"/>'
        "</effectiveTime><location><healthCareFacility><serviceProviderOrganization>"
        f'<asOrganizationPartOf classCode="PART">{inner}</asOrganizationPartOf></serviceProviderOrganization></healthCareFacility></location></encompassingEncounter></componentOf>'
    )


def outpatient(facts: Facts) -> bytes:
    """An outpatient record, C0002."""
    allergic = bool(facts.get("allergy"))
    inner = (
        f'<entryRelationship typeCode="COMP">{observation("DE05.01.022.00", "过敏史", words(facts["allergy"]))}</entryRelationship>'
        if allergic
        else ""
    )
    flag = observation("DE02.10.023.00", "过敏史标志", f'<value xsi:type="BL" value="{str(allergic).lower()}"/>', inner)
    diagnosis = (
        '<organizer classCode="CLUSTER" moodCode="EVN"><statusCode/>'
        f"<component>{observation('DE05.01.025.00', '初步诊断-西医诊断名称', words(facts['dx_name']))}</component>"
        f"<component>{observation('DE05.01.024.00', '初步诊断-西医诊断编码', coded(facts['dx_code'], facts['dx_name']))}</component></organizer>"
    )
    vital = f"体温 {facts['temperature']} ℃，血压 {facts['systolic']}/{facts['diastolic']} mmHg。"
    return document("C0002", {**facts, "provider": True}, [
        section("48765-2", "Allergies, adverse reactions, alerts", [entry(flag)]),
        section("10154-3", "CHIEF COMPLAINT", [entry(observation("DE04.01.119.00", "主诉", words(facts["complaint"])))]),
        section("29545-1", "PHYSICAL EXAMINATION", [entry(observation("DE04.10.258.00", "体格检查", words(vital)))]),
        section("29548-5", "Diagnosis", [
            entry(observation("DE06.00.196.00", "初诊标志代码", coded("1" if facts["first_visit"] else "2", "初诊" if facts["first_visit"] else "复诊", (f"{_ROOT}.2.3.2.39", "初诊标志代码表")))),
            entry(diagnosis),
        ]),
    ])  # fmt: skip


def laboratory(facts: Facts, items: Sequence[Facts]) -> bytes:
    """A laboratory report, C0007, with one group of observations for each item."""
    diagnosis = observation("DE05.01.024.00", "诊断代码", coded(facts["dx_code"], facts["dx_name"]))
    groups = [entry(_item(facts, item)) for item in items]
    category = entry(observation("DE04.30.018.00", "检验类别", words(facts["panel"])))
    odd = "；".join(f"{i['item_name']} {i['flag']}" for i in items if i["flag"]) or "各项在参考区间内"
    return document("C0007", {**facts, "signed": [("检验医师", facts["doctor"])]}, [
        section("29548-5", "Diagnosis", [entry(diagnosis)]),
        section("30954-2", "STUDIES SUMMARY", [category, *groups]),
        section("", "检验报告", [
            entry(observation("DE04.50.130.00", "检验报告结果", words(odd))),
            entry(observation("DE08.10.026.00", "检验报告科室", words("检验科"))),
            entry(observation("DE08.10.013.00", "检验报告机构名称", words(facts["org"].name))),
        ]),
    ])  # fmt: skip


def _item(facts: Facts, item: Facts) -> str:
    specimen = observation(
        "DE04.50.134.00",
        "标本类别",
        f'<effectiveTime><low value="{moment(facts["sampled_at"])}"/></effectiveTime>' + words(item["specimen"]),
    )
    parts = [
        observation(
            "DE04.30.019.00",
            "检验项目代码",
            words(item["code"]),
            f'<entryRelationship typeCode="COMP">{specimen}</entryRelationship>',
        )
    ]
    if item["value"] is not None:
        unit = observation("DE04.30.016.00", "检验定量结果计量单位", words(item["unit"]))
        parts.append(
            observation(
                "DE04.30.015.00",
                "检验定量结果",
                f'<value xsi:type="REAL" value="{item["text"]}"/>',
                f'<entryRelationship typeCode="COMP">{unit}</entryRelationship>',
            )
        )
    inner = "".join(f"<component>{part}</component>" for part in parts)
    return f'<organizer classCode="BATTERY" moodCode="EVN"><statusCode/>{inner}</organizer>'


def discharge(facts: Facts) -> bytes:
    """A discharge summary, C0053."""
    result = (f"{_ROOT}.2.3.1.148", "病情转归代码表")
    diagnosis = coded(facts["dx_code"], facts["dx_name"])
    return document("C0053", {**facts, "provider": True, "signed": [("上级医师", facts["doctor"])]}, [
        section("11450-4", "PROBLEM LIST", [entry(observation("DE05.10.148.00", "入院情况", words(facts["state"])))]),
        section("46241-6", "HOSPITAL ADMISSION DX", [entry(observation("DE05.01.024.00", "入院诊断-西医诊断编码", diagnosis))]),
        section("11535-2", "HOSPITAL DISCHARGE DX", [
            entry(observation("DE05.01.024.00", "出院诊断-西医诊断编码", diagnosis)),
            entry(observation("DE06.00.193.00", "出院情况", words(facts["ending"]))),
        ]),
        section("8648-8", "HOSPITAL COURSE", [
            entry(observation("DE06.00.296.00", "诊疗过程描述", words(facts["course"]))),
            entry(observation("DE05.10.113.00", "治疗结果代码", coded(facts["outcome"], facts["outcome_name"], result))),
            entry(observation("DE06.00.310.00", "实际住院天数", f'<value xsi:type="PQ" value="{facts["days"]}" unit="天"/>')),
        ]),
        section("46209-3", "PROVIDER ORDERS", [entry(observation("DE06.00.287.00", "出院医嘱", words(facts["advice"])))]),
    ])  # fmt: skip


def write(folder: Path, documents: Mapping[str, bytes]) -> None:
    """Put the documents into *folder*, made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.xml"):
        old.unlink()
    for name, content in documents.items():
        (folder / f"{name}.xml").write_bytes(content)
