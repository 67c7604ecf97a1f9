"""The sentences for what no reader can read: what is wrong, and what to do."""

from __future__ import annotations

from typing import Any

from yigong.platform.exchange.batch import Reason

SENTENCES: dict[str, tuple[str, str]] = {
    "xml_empty": ("文件没有内容，请重新导出", "the file has no content; export it again"),
    "xml_too_large": (
        "文件有 {size} 字节，超过 {limit} 字节的上限，请拆分后再报送",
        "the file has {size} bytes, more than {limit}; split it",
    ),
    "xml_doctype": (
        "文件含有文档类型声明或实体（DOCTYPE），存在安全风险，不予读取；请去掉声明后再报送",
        "the file has a document type declaration with entities (DOCTYPE), which is unsafe; remove it and send again",
    ),
    "xml_broken": (
        "XML 在第 {line} 行第 {column} 列中断或有语法错误（{because}），请重新导出",
        "the XML breaks off or is malformed at line {line}, column {column} ({because}); export it again",
    ),
    "cda_other_xml": (
        "这是 XML（{root}），但不是共享文档（ClinicalDocument）",
        "this is XML ({root}) but no shared document (ClinicalDocument)",
    ),
    "org_missing": (
        "文档没有写明机构代码；请在命令中用 --org 指定，或补全保管机构",
        "no institution code; give it with --org, or fill in the custodian",
    ),
    "patient_missing": (
        "没有可识别患者的号码（门诊号、住院号、病案号、身份证号）",
        "no number that identifies the patient (outpatient, inpatient, record or identity number)",
    ),
    "hl7_broken": ("消息的 MSH 段无法读取", "the MSH segment of the message cannot be read"),
    "hl7_person_missing": (
        "消息没有患者（PID 段或 PID-3 为空）",
        "the message names no patient (no PID, or PID-3 is empty)",
    ),
    "hl7_type_unused": (
        "暂不使用的消息类型：{kind}，原件已保存",
        "message type not used yet: {kind}; the original is kept",
    ),
    "hl7_no_results": ("消息中没有检验结果（OBR、OBX）", "the message holds no results (OBR, OBX)"),
    "hl7_merge_missing": (
        "合并消息没有被合并的患者号（MRG-1 为空，或与 PID-3 相同）；请补全后重发",
        "the merge names no other patient number (MRG-1 is empty or the same as PID-3); complete it and send again",
    ),
    "hl7_order_missing": (
        "医嘱消息没有 ORC 段；请补全后重发",
        "the order message has no ORC segment; complete it and send again",
    ),
    "hl7_appointment_missing": (
        "预约消息没有预约号（SCH-1、SCH-2）；请补全后重发",
        "the scheduling message has no number of the appointment (SCH-1, SCH-2); complete it and send again",
    ),
    "hl7_document_missing": (
        "文书消息没有文书号（TXA-12）；请补全后重发",
        "the document message has no number of the document (TXA-12); complete it and send again",
    ),
    "hl7_document_pointer": (
        "文书只给出存放位置，没有内容；位置已保存",
        "the document is only pointed at, not contained; the pointer is kept",
    ),
    "hl7_charset_wrong": (
        "声明的字符集 {declared} 不对，已按 {charset} 读取",
        "the declared charset {declared} is wrong; read as {charset}",
    ),
    "hl7_signs_lost": ("部分字符无法识别", "some characters cannot be read"),
    "file_unreadable": ("文件无法打开：{because}", "the file cannot be opened: {because}"),
}


def reason(rule: str, place: str = "", /, **facts: Any) -> Reason:
    """Why something was not read."""
    zh, en = SENTENCES[rule]
    return Reason(rule, place, zh.format(**facts), en.format(**facts))


def finding(rule: str, place: str = "", severity: str = "warning", **facts: Any) -> dict[str, Any]:
    """The same sentence as a finding that travels with the document."""
    said = reason(rule, place, **facts)
    return {"rule": rule, "field": place, "severity": severity, "zh": said.zh, "en": said.en}
