"""Declared places: the XPaths of one kind of document compiled once, with the fields they fill."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

from yigong.standards.cda.names import likeness

#: the row of a data set that has several rows in one document: the tag of its entry, and the element that must be in it
LINES = {
    "C0004": ("substanceAdministration", ""),
    "C0005": ("substanceAdministration", ""),
    "C0006": ("organizer", "DE04.30.019.00"),
    "C0007": ("organizer", "DE04.30.019.00"),
    "C0022": ("substanceAdministration", ""),
    "C0052": ("organizer", "DE06.00.288.00"),
}

PATIENT = "/ClinicalDocument/recordTarget/patientRole"
ROOT = "2.16.156.10011.1"
REQUEST = "/ClinicalDocument/participant[@typeCode='PRF']/associatedEntity/scopingOrganization"
CONTACT = "/ClinicalDocument/participant[@typeCode='NOT']/associatedEntity"
DIAGNOSIS = "/ClinicalDocument/component//section//observation[code/@code='DE05.01.024.00']"
PART_OF = "asOrganizationPartOf/wholeOrganization"
VISIT = "/ClinicalDocument/componentOf/encompassingEncounter"
PROCEDURE = "/ClinicalDocument/component//section/entry/procedure"

ADDRESS_PARTS = (
    ("state", "DE02.01.009.01", "省（自治区、直辖市）"),
    ("city", "DE02.01.009.02", "市（地区、州）"),
    ("county", "DE02.01.009.03", "县（区）"),
    ("township", "DE02.01.009.04", "乡（镇、街道办事处）"),
    ("streetName", "DE02.01.009.05", "村（街、路、弄等）"),
    ("houseNumber", "DE02.01.009.06", "门牌号码"),
    ("postalCode", "DE02.01.047.00", "邮政编码"),
)
ADDRESS_HOLDERS = (
    (f"{PATIENT}/addr", "现住址"),
    (f"{PATIENT}/patient/birthplace/place/addr", "出生地"),
    (f"{PATIENT}/patient/nativePlace/place/addr", "籍贯"),
    (f"{PATIENT}/patient/household/place/addr", "户口地址"),
    (f"{PATIENT}/patient/employerOrganization/addr", "工作单位地址"),
    (f"{CONTACT}/addr", "联系人地址"),
)
ADDRESSES = tuple(
    (f"{path}/{part}", element, f"{holder}-{name}")
    for path, holder in ADDRESS_HOLDERS
    for part, element, name in ADDRESS_PARTS
)

#: places that hold in every kind of document by the structure of CDA: (path, data element, name)
EVERYWHERE = (
    (f"{PATIENT}/id[@root='{ROOT}.2']", "DE01.00.009.00", "城乡居民健康档案编号"),
    (f"{PATIENT}/id[@root='{ROOT}.11']", "DE01.00.010.00", "门（急）诊号"),
    (f"{PATIENT}/id[@root='{ROOT}.12']", "DE01.00.014.00", "住院号"),
    (f"{PATIENT}/id[@root='{ROOT}.13']", "DE01.00.004.00", "病案号"),
    (f"{PATIENT}/id[@root='{ROOT}.14']", "DE01.00.003.00", "检验标本号"),
    (f"{PATIENT}/id[@root='{ROOT}.19']", "DE01.00.021.00", "居民健康卡号"),
    (f"{PATIENT}/id[@root='{ROOT}.20']", "DE01.00.020.00", "处方编号"),
    (f"{PATIENT}/id[@root='{ROOT}.24']", "DE01.00.008.00", "电子申请单编号"),
    (f"{PATIENT}/id[@root='{ROOT}.32']", "DE01.00.018.00", "检查报告单编号"),
    (f"{PATIENT}/id[@root='{ROOT}.33']", "DE01.00.018.00", "检验报告单编号"),
    (f"{PATIENT}/patientType/patienttypeCode", "DE02.01.060.00", "患者类型代码"),
    (f"{PATIENT}/telecom", "DE02.01.010.00", "电话号码"),
    (f"{PATIENT}/patient/id", "DE02.01.030.00", "患者身份证件号码"),
    (f"{PATIENT}/patient/name", "DE02.01.039.00", "患者姓名"),
    (f"{PATIENT}/patient/administrativeGenderCode", "DE02.01.040.00", "性别代码"),
    (f"{PATIENT}/patient/birthTime", "DE02.01.005.01", "出生日期"),
    ("/ClinicalDocument/author/assignedAuthor/assignedPerson/name", "DE02.01.039.00", "报告医师签名"),
    (f"{REQUEST}/name", "DE08.10.026.00", "检验申请科室"),
    (f"{REQUEST}/{PART_OF}/name", "DE08.10.013.00", "检验申请机构名称"),
    (f"{REQUEST}/name", "DE08.10.026.00", "检查申请科室"),
    (f"{REQUEST}/{PART_OF}/name", "DE08.10.013.00", "检查申请机构名称"),
    (f"{CONTACT}/associatedPerson/name", "DE02.01.039.00", "联系人姓名"),
    (f"{CONTACT}/telecom", "DE02.01.010.00", "联系人电话号码"),
    (f"{CONTACT}/code", "DE02.10.024.00", "联系人与患者的关系代码"),
    (f"{PATIENT}/patient/name", "DE02.01.039.00", "姓名"),
    (f"{PATIENT}/providerOrganization/name", "DE08.10.013.00", "医疗机构名称"),
    ("/ClinicalDocument/custodian//representedCustodianOrganization/name", "DE08.10.013.00", "医疗机构名称"),
    ("/ClinicalDocument/custodian//representedCustodianOrganization/id", "DE08.10.052.00", "医疗机构组织机构代码"),
    (f"{VISIT}/effectiveTime", "DE06.00.092.00", "入院日期时间"),
    (f"{VISIT}/effectiveTime/low", "DE06.00.092.00", "入院日期时间"),
    (f"{VISIT}/effectiveTime/high", "DE06.00.017.00", "出院日期时间"),
    (f"{VISIT}/code", "DE06.00.339.00", "入院途径代码"),
    (f"{PROCEDURE}/effectiveTime", "DE06.00.221.00", "手术及操作日期"),
    (f"{PROCEDURE}/participant[.//code/@displayName='第一助手']//name", "DE02.01.039.00", "Ⅰ助姓名"),
    (f"{PROCEDURE}/participant[.//code/@displayName='第二助手']//name", "DE02.01.039.00", "Ⅱ助姓名"),
    (
        "/ClinicalDocument//observation[code/@code='DE06.00.073.00']/performer//assignedPerson/name",
        "DE02.01.039.00",
        "麻醉医师姓名",
    ),
    ("/ClinicalDocument//observation/participant//playingEntity/desc", "DE02.10.022.00", "过敏药物"),
    *ADDRESSES,
    (f"{DIAGNOSIS}/effectiveTime", "DE05.01.058.00", "诊断日期"),
    (f"{DIAGNOSIS}/performer//representedOrganization/name", "DE08.10.013.00", "诊断机构名称"),
    ("/ClinicalDocument//observation[code/@code='DE04.30.019.00']/effectiveTime", "DE04.50.140.00", "检验日期"),
    ("/ClinicalDocument//observation[code/@code='DE04.30.019.00']/effectiveTime", "DE04.30.051.00", "检查日期"),
)


#: what a declared path ends in -> what follows it (None: the path itself), the data element and the names of the field
DIAGNOSED = r"observation\[code/@code='DE05\.01\.024\.00'\]/value$"
TESTED = r"observation\[code/@code='DE04\.30\.019\.00'\]/value$"
BESIDE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (DIAGNOSED, "../effectiveTime", "DE05.01.058.00", ("诊断日期",)),
    (DIAGNOSED, "../performer/assignedEntity/representedOrganization/name", "DE08.10.013.00", ("诊断机构名称",)),
    (TESTED, "../effectiveTime", "DE04.50.140.00", ("检验日期",)),
    (TESTED, "../effectiveTime", "DE04.30.051.00", ("检查日期",)),
    (r"/entry/procedure/effectiveTime$", "", "DE06.00.221.00", ("手术及操作日期", "手术及操作日期时间", "拟实施手术及操作日期时间")),
    (r"observation\[code/@code='DE06\.00\.073\.00'\]/performer/assignedEntity/assignedPerson/name$", "", "DE02.01.039.00", ("麻醉医师姓名", "麻醉医师签名")),
    (r"/participant\[@typeCode='CSM'\]/participantRole/playingEntity/desc$", "", "DE02.10.022.00", ("过敏药物", "过敏史")),
    (r"/manufacturedMaterial/name$", "", "DE08.50.044.00", ("材料名称",)),
    (r"/manufacturedProduct/manufacturerOrganization/name$", "", "DE08.10.042.00", ("产品生产厂家",)),
)  # fmt: skip
ASSISTANTS = (("第一助手", "Ⅰ助姓名"), ("第二助手", "Ⅱ助姓名"))
ASSISTANT = re.compile(r"(/entry/procedure/participant)\[@typeCode='ATND'\](/participantRole/playingEntity/name)$")

FEE = "DE07.00.010.00"
SPACE = re.compile(r"\s+|[(（]元[)）]")
EVERY = "-"  # under which all fields stand
SAME_NAME = 0.86


@dataclass(frozen=True, slots=True)
class Place:
    """One declared place: where, what, and the field of each data set that it fills."""

    xpath: str
    name_zh: str
    name_en: str
    element_id: str
    required: bool
    find: Callable[[etree._Element], list[etree._Element]]
    fields: tuple[tuple[str, Any], ...]  # (data set, field)
    by_structure: bool = False  # holds in every kind of document


ByElement = dict[str, list[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document, ready to read."""

    document: Any
    data_sets: tuple[Any, ...]  # those that the document's rows belong to
    places: tuple[Place, ...]
    by_element: dict[str, tuple[tuple[str, Any], ...]]  # element id or inner id -> fields that carry it
    lines: tuple[str, str] | None


def made_kinds(standards: Any) -> list[Any]:
    """The kinds of documents whose elements are known: they can be written, and judged place by place."""
    return [document for document in standards.documents.values() if document.elements]


def belongs(place: Any, section: Any) -> bool:
    """Whether a declared place stands in a declared section: by its LOINC code, and by the title where both have one."""
    if section.loinc and place.section_loinc != section.loinc:
        return False
    if section.title_zh and place.section_zh:
        return bool(place.section_zh == section.title_zh)
    return bool(section.loinc) or bool(section.display and f"@displayName='{section.display}'" in place.xpath)


def compile_kind(document: Any, standards: Any) -> Kind:
    """The declarations of a document kind, compiled."""
    by_key = {data_set.key: data_set for data_set in standards.data_sets.values()}
    data_sets = tuple(by_key[key] for key in document.data_sets if key in by_key)
    fields = [(data_set.identifier, field) for data_set in data_sets for field in data_set.fields]
    by_element: ByElement = {}
    for data_set, field in fields:
        by_element.setdefault(field.element_id, []).append((data_set, field))
        by_element.setdefault(field.inner_id, []).append((data_set, field))
    by_element.pop("", None)
    by_element[EVERY] = list(fields)
    declared = tuple(_place(element, by_element) for element in document.elements if element.xpath)
    beside = tuple(_beside(document, by_element))
    places = declared + beside + tuple(_everywhere(*facts, by_element) for facts in EVERYWHERE)
    return Kind(document, data_sets, places, {k: tuple(v) for k, v in by_element.items()}, LINES.get(document.code))


def _place(element: Any, by_element: ByElement) -> Place:
    return Place(
        xpath=element.xpath,
        name_zh=_called(element),
        name_en=element.name_en,
        element_id=element.element_id,
        required=element.cardinality.startswith("1") and not element.group_cardinality.startswith("0"),
        find=_compiled(element.xpath),
        fields=tuple(_fields(element, by_element)),
    )


def _called(element: Any) -> str:
    """The name of a place; what is said of the contact bears their name."""
    name = str(element.name_zh)
    return f"联系人{name}" if element.xpath.startswith(CONTACT) and "联系人" not in name else name


def _beside(document: Any, by_element: ByElement) -> Iterator[Place]:
    """Places that stand, by the structure of CDA, at or beside declared ones."""
    for xpath in dict.fromkeys(element.xpath for element in document.elements if element.xpath):
        for pattern, tail, element_id, names in BESIDE:
            if re.search(pattern, xpath):
                path = xpath.rpartition("/")[0] + tail.removeprefix("..") if tail else xpath
                yield from (_everywhere(path, element_id, name, by_element) for name in names)
        if ASSISTANT.search(xpath):
            for role, name in ASSISTANTS:
                path = ASSISTANT.sub(rf"\1[.//code/@displayName='{role}']\2", xpath)
                yield _everywhere(path, "DE02.01.039.00", name, by_element)


def _everywhere(xpath: str, element_id: str, name: str, by_element: ByElement) -> Place:
    alike = by_element.get(element_id, [])
    fields = tuple((data_set, field) for data_set, field in alike if likeness(name, field.name_zh) > 0.85)
    return Place(xpath, name, name, element_id, False, _compiled(xpath), fields, by_structure=True)


def _fields(element: Any, by_element: ByElement) -> list[tuple[str, Any]]:
    """By inner id where it is known; else by the data element and a like name; else by the same name."""
    if stated := by_element.get(element.inner_id):
        return stated
    alike = [pair for pair in by_element.get(element.element_id, []) if _is_signed(element, pair[1])]
    name = _called(element)
    return _nearest(name, alike, 0.6) or _nearest(name, by_element[EVERY], SAME_NAME) or _fee(name, by_element[EVERY])


def _fee(name: str, fields: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Fees go by the last part of their names: 西药费 is 西药类-西药费, 一次性医用材料费-检查用 is 耗材类-检查用一次性医用材料费."""
    parts = SPACE.sub("", name).split("-")
    known = {parts[-1], "".join(reversed(parts))}
    found = [(d, f) for d, f in fields if f.element_id == FEE and f.name_zh.rpartition("-")[2] in known]
    return found if len({field.identifier for _, field in found}) == 1 else []


def _is_signed(element: Any, field: Any) -> bool:
    """The name of who signs goes into the field of the signature."""
    signs = "/authenticator" in element.xpath or "/legalAuthenticator" in element.xpath
    return not (signs and field.element_id == "DE02.01.039.00" and field.name_zh.endswith("患者姓名"))


def _nearest(name: str, fields: list[tuple[str, Any]], least: float) -> list[tuple[str, Any]]:
    """Of each data set the field whose name is likest."""
    found: dict[str, tuple[float, Any]] = {}
    for data_set, field in fields:
        score = likeness(name, field.name_zh)
        if score > least and score > found.get(data_set, (0.0, None))[0]:
            found[data_set] = (score, field)
    return [(data_set, field) for data_set, (_, field) in found.items()]


@lru_cache(maxsize=10_000)
def _compiled(xpath: str) -> Any:
    """The path as an expression that also finds a body without its ``structuredBody``."""
    xpath = xpath.replace("/component/structuredBody/component/section", "/component//section", 1)
    xpath = re.sub(r"^/ClinicalDocument/component/section", "/ClinicalDocument/component//section", xpath)
    return etree.XPath(xpath, smart_strings=False)
