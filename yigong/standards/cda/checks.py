"""The rules for shared documents: how grave each is and what it says, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from lxml import etree


class Check(NamedTuple):
    """One rule; ``{name}`` is what the standard calls the place, ``{value}`` what was found, ``{more}`` the measure."""

    severity: str
    zh: str
    en: str


#: rule -> severity and sentences
CHECKS: dict[str, Check] = {
    "xml_encoding_wrong": Check("warning", "声明的字符编码与实际不符", "The declared character encoding is not the real one"),
    "xml_signs_lost": Check("error", "部分字符无法识别", "Some characters cannot be read"),
    "xml_signs_forbidden": Check("error", "含有 XML 不允许的控制字符", "Holds control characters that XML forbids"),
    "realm": Check("error", "realmCode 应为 CN", "realmCode must be CN"),
    "type_id": Check("error", "typeId 应为 2.16.840.1.113883.1.3 / POCD_MT000040", "typeId must be 2.16.840.1.113883.1.3 / POCD_MT000040"),
    "template": Check("error", "templateId 应为 {more}，现为“{value}”", "templateId must be {more}, found “{value}”"),
    "code_undeclared": Check("error", "文档类型编码“{value}”不在标准目录中，无法按类型校验", "The document code “{value}” is not in the catalogue; it cannot be checked by kind"),
    "code_padded": Check("error", "文档类型编码“{value}”应写作 {more}", "The document code “{value}” must be written {more}"),
    "code_system": Check("error", "文档类型编码的 codeSystem 应为 2.16.156.10011.2.4", "codeSystem of the document code must be 2.16.156.10011.2.4"),
    "document_id": Check("error", "缺少文档流水号 id（root 2.16.156.10011.1.1）", "The document id (root 2.16.156.10011.1.1) is missing"),
    "title": Check("error", "缺少文档标题 title", "The title is missing"),
    "effective_time": Check("error", "缺少文档生成时间 effectiveTime", "effectiveTime is missing"),
    "confidentiality": Check("error", "缺少或不认识的保密级别 confidentialityCode“{value}”", "confidentialityCode is missing or unknown: “{value}”"),
    "language": Check("error", "languageCode 应为 zh-CN", "languageCode must be zh-CN"),
    "set_id": Check("warning", "缺少文档集合编号 setId：更正版本无法对应", "setId is missing: corrected versions cannot be matched"),
    "version_number": Check("warning", "缺少文档版本号 versionNumber", "versionNumber is missing"),
    "record_target": Check("error", "缺少患者 recordTarget/patientRole", "The patient recordTarget/patientRole is missing"),
    "patient_number": Check("error", "患者没有任何编号（门急诊号、住院号、健康卡号等）", "The patient has no number at all (outpatient, inpatient, health card …)"),
    "identity_missing": Check("warning", "没有患者身份证件号码", "There is no identity number of the patient"),
    "author": Check("error", "缺少文档作者 author 或其姓名", "The author or the author's name is missing"),
    "custodian": Check("error", "缺少保管机构代码（root 2.16.156.10011.1.5）", "The custodian's organization code (root 2.16.156.10011.1.5) is missing"),
    "signature_name": Check("warning", "签名人没有姓名", "A signature has no name"),
    "body": Check("error", "缺少 component/structuredBody", "component/structuredBody is missing"),
    "section_missing": Check("error", "缺少章节“{name}”（其中必填内容 {more} 项）", "The section “{name}” is missing ({more} required places)"),
    "section_absent": Check("info", "没有章节“{name}”；标准事实未给出其约束，不作判断", "There is no section “{name}”; the facts give no cardinality for it, so it is not judged"),
    "section_code_system": Check("warning", "章节“{name}”的 codeSystem 应为 LOINC 2.16.840.1.113883.6.1", "codeSystem of the section “{name}” must be LOINC 2.16.840.1.113883.6.1"),
    "required_missing": Check("error", "缺少必填内容“{name}”", "Required content “{name}” is missing"),
    "required_blank": Check("warning", "必填内容“{name}”没有值", "Required content “{name}” has no value"),
    "required_unknown": Check("info", "必填内容“{name}”注明未知（nullFlavor）", "Required content “{name}” is said to be unknown (nullFlavor)"),
    "unknown_never": Check("warning", "“{name}”不得注明未知（本平台规则 YG-CDA-01）：请填写", "“{name}” may not be unknown (our rule YG-CDA-01): say it"),
    "unknown_share": Check("warning", "必填内容 {more} 项中有 {value} 项注明未知，超过三分之一（本平台规则 YG-CDA-02）：请补充来源数据后重新生成", "Of {more} required places {value} are said to be unknown, more than one third (our rule YG-CDA-02): complete the source data and make the document again"),
    "unknown_diagnosis": Check("warning", "{more} 项必填诊断全部注明未知，首项“{name}”（本平台规则 YG-CDA-03）：至少填写一项诊断", "All {more} required diagnoses are said to be unknown, the first is “{name}” (our rule YG-CDA-03): say one diagnosis at least"),
    "content_missing": Check("warning", "文档正文没有任何内容（本平台规则 YG-CDA-04）：请至少填写一项", "The body says nothing at all (our rule YG-CDA-04): fill one place at least"),
    "too_many": Check("warning", "“{name}”只应出现一次，现有 {more} 处", "“{name}” may stand once, found {more}"),
    "cardinality_undeclared": Check("info", "{more} 处声明没有约束（R/O），只检查格式，不判断是否必填", "{more} declared places have no cardinality; only their form is checked"),
    "type_missing": Check("warning", "“{name}”未声明数据类型（xsi:type，应为 {more}）", "“{name}” declares no data type (xsi:type, {more})"),
    "type_wrong": Check("warning", "“{name}”的数据类型“{value}”应为 {more}", "“{name}”: the data type “{value}” must be {more}"),
    "date_impossible": Check("error", "“{name}”的日期“{value}”不存在", "“{name}”: there is no such date as “{value}”"),
    "number_unreadable": Check("error", "“{name}”的值“{value}”不是数字", "“{name}”: “{value}” is not a number"),
    "number_digits": Check("warning", "“{name}”的值“{value}”超出格式 {more}", "“{name}”: “{value}” exceeds the format {more}"),
    "flag_unreadable": Check("error", "“{name}”的值“{value}”不是 true/false", "“{name}”: “{value}” is neither true nor false"),
    "too_long": Check("warning", "“{name}”的值超过格式 {more}", "“{name}”: the value is longer than the format {more}"),
    "too_short": Check("warning", "“{name}”的值“{value}”短于格式 {more}", "“{name}”: “{value}” is shorter than the format {more}"),
    "code_unknown": Check("error", "“{name}”的代码“{value}”不在值域 {more} 中", "“{name}”: the code “{value}” is not in the value set {more}"),
    "code_system_wrong": Check("warning", "“{name}”的 codeSystem“{value}”应为 {more}", "“{name}”: codeSystem “{value}” must be {more}"),
    "unit_missing": Check("warning", "“{name}”没有单位，应为 {more}", "“{name}” has no unit, expected {more}"),
    "unit_wrong": Check("warning", "“{name}”的单位“{value}”应为 {more}", "“{name}”: the unit “{value}” must be {more}"),
    "discharge_before_admission": Check("error", "出院时间“{value}”早于入院时间 {more}", "The discharge “{value}” is before the admission {more}"),
    "born_after_document": Check("error", "出生日期“{value}”晚于文档时间 {more}", "The birth date “{value}” is after the document, {more}"),
    "age_against_birth": Check("warning", "年龄“{value}”与出生日期不符，应为 {more} 岁", "The age “{value}” does not fit the birth date, expected {more}"),
    "id_no_wrong": Check("error", "身份证号码校验位或出生日期不对", "The identity number has a wrong check digit or birth date"),
    "sex_against_id_no": Check("error", "性别“{value}”与身份证号码不符", "The sex “{value}” does not fit the identity number"),
    "birth_against_id_no": Check("error", "出生日期“{value}”与身份证号码不符", "The birth date “{value}” does not fit the identity number"),
    "document_in_future": Check("error", "文档时间“{value}”晚于现在", "The document's time “{value}” lies in the future"),
}  # fmt: skip


class Found(NamedTuple):
    """One deviation: rule, place, line, what the standard calls the place, and the value; worded when it is read."""

    rule: str
    xpath: str
    line: int
    name: str
    value: str
    name_en: str = ""
    more: object = ""

    @property
    def severity(self) -> str:
        """error, warning or info."""
        return CHECKS[self.rule].severity

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return CHECKS[self.rule].zh.format(name=self.name, value=self.value, more=self.more)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return CHECKS[self.rule].en.format(name=self.name_en or self.name, value=self.value, more=self.more)

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {part: getattr(self, part) for part in PARTS}


#: what is told of a finding
PARTS = ("rule", "severity", "xpath", "line", "name", "value", "zh", "en")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one document, and how many of its declared required places are filled."""

    document_code: str
    title: str
    findings: tuple[Found, ...]
    satisfied: int
    required: int
    unjudged: int  # declared places without a cardinality
    unknown: int = 0  # required places that say by nullFlavor that nothing is known

    @property
    def score(self) -> float | None:
        """Share of required places that are filled; None where none is declared."""
        return self.satisfied / self.required if self.required else None

    def count(self, severity: str) -> int:
        """How many findings are of a severity."""
        return sum(found.severity == severity for found in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        findings = [entry.as_json() for entry in self.findings]
        return {part: getattr(self, part) for part in self.__slots__} | {"findings": findings, "score": self.score}


def found(
    rule: str, node: etree._Element, *, name: tuple[str, str] = ("", ""), value: str = "", more: object = ""
) -> Found:
    """The finding of a rule at an element."""
    line: int = node.sourceline or 0  # type: ignore[assignment]
    return Found(rule, node.getroottree().getpath(node), line, name[0], value[:60], name[1], more)
