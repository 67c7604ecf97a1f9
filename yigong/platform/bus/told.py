"""Errors, answers and types of message in words."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from yigong.kit.errors import Refused
from yigong.web.http import sentence

#: what receivers answer and what the network says, as it is kept beside a sending
ANSWERS: dict[str, object] = {
    "ConnectError": _("连接不上"), "ConnectionRefusedError": _("对方没有开机或没有监听"), "ConnectionResetError": _("连接被对方中断"),
    "ConnectionAbortedError": _("应答不属于这条消息"), "ConnectTimeout": _("连接超时"), "ReadTimeout": _("已送出，超时没有应答"),
    "WriteTimeout": _("发送超时"), "TimeoutError": _("超时没有应答"), "RemoteProtocolError": _("应答不完整"), "ReadError": _("应答中途中断"),
    "gaierror": _("主机名查不到"), "OSError": _("网络不通"), "PermissionError": _("没有权限"), "no_folder": _("目录不存在"),
    "file": _("已写入目录"), "kafka": _("已写入主题"), "not_hl7": _("应答不是 HL7 v2"), "no_msa": _("应答没有确认段 MSA"),
    "no_sender": _("协议不能发送"), "AA": _("AA 已接收"), "CA": _("CA 已接收"), "AE": _("AE 对方处理出错"), "CE": _("CE 对方处理出错"),
    "AR": _("AR 对方拒收"), "CR": _("CR 对方拒收"),
}  # fmt: skip
#: what the library of Kafka says, by what it holds
KAFKA: dict[str, object] = {
    "broker transport failure": _("连接不上"), "all broker connections are down": _("连接不上"), "timed out": _("超时没有应答"),
    "host resolution failure": _("主机名查不到"), "authentication failure": _("没有权限"), "authorization failed": _("没有权限"),
}  # fmt: skip
#: HL7 v2: message structure, and trigger events of admissions (HL7 v2.5, table 0003)
STRUCTURES: dict[str, object] = {
    "ORU": _("结果报告"), "ORM": _("申请单"), "OML": _("检验申请"), "OMG": _("检查申请"), "SIU": _("预约"), "MDM": _("文书"), "ORR": _("申请应答"),
    "ADT": _("患者与就诊"), "MFN": _("主数据"), "RDE": _("药品医嘱"), "BAR": _("账务"), "DFT": _("费用"), "VXU": _("接种"), "ACK": _("应答"),
}  # fmt: skip
ADMISSIONS: dict[str, object] = {
    "A01": _("入院"), "A02": _("转科"), "A03": _("出院"), "A04": _("门诊登记"), "A05": _("预登记"), "A08": _("信息更新"), "A11": _("取消入院"),
    "A13": _("取消出院"), "A28": _("建档"), "A31": _("档案更新"), "A40": _("患者合并"),
}  # fmt: skip


def answer_word(answer: str) -> str:
    """An answer as people say it; a status of HTTP says that it is one."""
    if answer in ANSWERS:
        return str(ANSWERS[answer])
    if answer.startswith("bus."):
        return str(_("平台未能转换"))
    return f"HTTP {answer}" if answer.isdigit() else answer


def kafka_word(reason: str) -> str:
    """What the library of Kafka said, as people say it; its own words stand behind, for whoever looks into its logs."""
    word = next((word for said, word in KAFKA.items() if said in reason.lower()), None)
    return str(_("%(word)s（%(said)s）") % {"word": word, "said": reason}) if word else reason


def kind_word(kind: str) -> str:
    """What a type of HL7 v2 is about; other types are named by their senders."""
    structure, _sep, event = kind.partition("^")
    if not event:
        return ""
    word = ADMISSIONS.get(event.partition("^")[0]) if structure == "ADT" else None
    return str(word or STRUCTURES.get(structure, ""))


def told(error: dict[str, Any] | None) -> str:
    """What was kept beside a delivery or step, in words."""
    if not error:
        return ""
    facts = dict(error.get("facts", {}))
    if "in_step" in facts:
        why = told({"code": error["code"], "facts": {k: v for k, v in facts.items() if k != "in_step"}})
        return sentence(Refused("bus.in_step", number=facts["in_step"], name=facts.get("name", ""), why=why))
    if error.get("code") == "bus.bad_condition" and get_language() == "en":
        facts["why"] = facts.get("why_en", "")
    if "answer" in facts:
        facts["answer"] = answer_word(str(facts["answer"]))
    return sentence(Refused(str(error["code"]), **facts))


def why(error: dict[str, Any] | None) -> str:
    """What was kept beside a message, in the reader's language."""
    return str((error or {}).get("en" if get_language() == "en" else "zh", ""))
