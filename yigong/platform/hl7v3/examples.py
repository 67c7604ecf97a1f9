"""Requests written from the declarations: for trying a service, for its guide, and for tests. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from lxml import etree

from yigong.platform.hl7v3 import paths
from yigong.platform.hl7v3.declared import Spec, is_group, tidy
from yigong.platform.hl7v3.replies import INTERACTION_ROOT, MESSAGE_ROOT, in_namespace
from yigong.standards.api import ServiceField

Rows = Sequence[Mapping[str, str]]
#: what an example says: an invented person, an invented visit
SAID = {
    "PatientID": "P2026001", "MergeID": "P2026002", "EncounterCardID": "K2026001", "PatientName": "示例一", "IDCardNo": "510107195603120021",
    "IDCategoryCode": "01", "IDCategoryName": "居民身份证", "GenderCode": "2", "GenderName": "女性", "PatientGenderCode": "2", "BirthTime": "19560312",
    "TelPhone": "13800000000", "SAL": "青禾县柳溪镇柳溪村", "ProviderName": "示例医师", "ProviderWorkNo": "D001", "Subject1Code": "231",
    "Subject1CodeName": "主任医师", "DeptCode": "0301", "DeptName": "呼吸内科", "DeptTypeCode": "A03.01", "DeptTypeName": "呼吸内科专业",
    "TermSetCode": "EXAMPLE-SEX", "TermSetValue": "性别代码表", "TermSetVersionCode": "1.0", "TermCode": "F", "TermValue": "女性", "TermStatus": "1",
    "DocumentId": "DOC2026001", "DocumentTypeCode": "C0002", "DocumentTypeCodeName": "门（急）诊病历", "VersionNumber": "1", "AdmID": "V2026001",
    "OutPatientID": "O2026001", "OutpatientId": "O2026001", "HospitalizationId": "Z2026001", "VisitNum": "1", "AdmTypeCode": "1",
    "AdmTypeName": "门诊", "OrderId": "Y2026001", "OrderItemContent": "血常规", "OrderItemTypeId": "02", "OrderTypeCode": "1",
    "AppInfoID": "S2026001", "ExamAppInfoID": "S2026001", "ExamItemCode": "CBC", "ExamItemName": "血常规", "ItemCode": "CT01",
    "ItemName": "胸部 CT 平扫", "OperationCode": "47.0", "OperationName": "阑尾切除术", "DiseaseCode": "J18.9", "DiseaseName": "肺炎",
    "WesternDiagCode": "J18.9", "WesternDiagValue": "肺炎", "AssignedPersonCode": "D001", "AssignedPersonName": "示例医师",
    "EncounterReasonDesc": "咳嗽 3 天", "Title": "门诊摘要", "SourcePatientID": "P2026001", "UniqueId": "HSDC00.02", "SourceId": "SRC2026001",
    "TargetObject": "Document.1", "MimeType": "text/xml", "Reason": "居民迁入", "Kind": "service", "DocumentUniqueId": "HSDC00.02",
    "RepositoryUniqueId": "SRC2026001", "QueryID": "Q1", "QueryId": "Q1", "OperatorName": "示例医师", "Availability": "Submitted",
}  # fmt: skip
TIMES = ("Time", "EffectiveTime")


def example(
    spec: Spec,
    message_id: str,
    at: datetime,
    said: Mapping[str, str] | None = None,
    groups: Mapping[str, Rows] | None = None,
) -> str:
    """A request of the service that says *said*; without it, an invented one."""
    facts = dict(said) if said is not None else invented(spec, at)
    facts["MsgID"] = message_id
    root = etree.Element(spec.root)
    if "_IN" in spec.root:
        _head(root, spec, message_id, at)
    of_groups = {name: tidy(path) for name, path in spec.groups.items()}
    rows = (
        groups if groups is not None else {} if said is not None else {n: [_inside(spec, n, facts)] for n in of_groups}
    )
    for f in spec.request:
        path = tidy(f.xpath)
        grouped = any(path.startswith(group + "/") for group in of_groups.values())
        if (
            (value := facts.get(f.name))
            and not grouped
            and not is_group(f, spec.request)
            and f.name not in ("MsgID", "CreateTime")
        ):
            paths.put(root, _written(spec, path, f.name), value, f.name, label=_label(spec, f))
    for name, listed in rows.items():
        for row in listed:
            _put_row(root, spec, of_groups[name], row)
    if "_IN" not in spec.root:
        _identify(root, spec, message_id)
    return etree.tostring(in_namespace(root), encoding="unicode", pretty_print=True)


def _head(root: etree._Element, spec: Spec, message_id: str, at: datetime) -> None:
    edition = "newer" if spec.edition == "newer" or spec.root.startswith("PRVS") else "regional"
    root.set("ITSVersion", "XML_1.0")
    etree.SubElement(root, "id", root=MESSAGE_ROOT[edition], extension=message_id)
    etree.SubElement(root, "creationTime", value=at.strftime("%Y%m%d%H%M%S"))
    etree.SubElement(root, "interactionId", root=INTERACTION_ROOT[edition], extension=spec.root)
    for name, code in (("processingCode", "P"), ("processingModeCode", "T"), ("acceptAckCode", "AL")):
        etree.SubElement(root, name, code=code)


def _identify(root: etree._Element, spec: Spec, message_id: str) -> None:
    """Messages of documents begin with their id."""
    path = next(tidy(f.xpath) for f in spec.request if f.name == "MsgID")
    name = paths.steps(path)[0]
    element = root.find(name)
    if element is not None:
        root.remove(element)
    root.insert(0, etree.Element(name, root=MESSAGE_ROOT["regional"], extension=message_id))


def _written(spec: Spec, path: str, name: str) -> str:
    return path if spec.edition == "newer" or spec.root.startswith("PRVS") else paths.plain(path, name)


def _label(spec: Spec, f: ServiceField) -> str:
    path = tidy(f.xpath)
    shared = sum(tidy(g.xpath) == path for g in spec.request) > 1
    return f.name_zh if shared and path.endswith("/observation/value/@value") else ""


def _put_row(root: etree._Element, spec: Spec, group: str, row: Mapping[str, str]) -> None:
    *around, last = paths.steps(group)
    node = root
    for step in around:
        found = node.find(step)
        node = found if found is not None else etree.SubElement(node, step)
    element = etree.SubElement(node, last)
    for f in spec.request:
        path = tidy(f.xpath)
        if (value := row.get(f.name)) and path.startswith(group + "/"):
            paths.put(element, _written(spec, path[len(group) :], f.name), value, f.name)


def invented(spec: Spec, at: datetime) -> dict[str, str]:
    """Values for the fields of a service; times are now."""
    facts = {}
    for f in spec.request:
        if f.name.endswith(TIMES) and "Birth" not in f.name and spec.verb != "query":
            facts[f.name] = at.strftime("%Y%m%d%H%M%S")
        elif f.name in SAID and not (spec.verb == "query" and f.name not in QUERIED):
            facts[f.name] = SAID[f.name]
    facts["Content"] = facts["OriginalText"] = "PHJlY29yZD7npLrkvos8L3JlY29yZD4="
    return facts


QUERIED = (
    "PatientID", "IDCardNo", "EncounterCardID", "ProviderWorkNo", "DeptCode", "TermSetCode", "AdmID", "OrderId", "AppInfoID", "ExamAppInfoID",
    "DocumentId", "DocumentUniqueId", "RepositoryUniqueId", "Kind", "QueryID", "QueryId",
)  # fmt: skip


def groups_of(spec: Spec, facts: Mapping[str, str]) -> dict[str, Rows]:
    """The repeating parts of a request, once each, saying *facts*."""
    return {name: [_inside(spec, name, facts)] for name in spec.groups}


def _inside(spec: Spec, name: str, facts: Mapping[str, str]) -> dict[str, str]:
    group = tidy(spec.groups[name])
    if name == "ChineseReason":
        return {}
    return {
        f.name: facts[f.name]
        for f in spec.request
        if tidy(f.xpath).startswith(group + "/") and f.name in facts and not f.name.startswith("Chinese")
    }
