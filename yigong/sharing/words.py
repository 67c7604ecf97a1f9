"""The words of this module: kinds, groups, tabs, reasons, flags."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

KINDS = {
    "outpatient": (_("门诊"), "stethoscope"),
    "emergency": (_("急诊"), "urgent"),
    "inpatient": (_("住院"), "bed"),
    "laboratory": (_("检验"), "microscope"),
    "imaging": (_("影像检查"), "photo"),
    "prescription": (_("处方"), "pill"),
    "order": (_("医嘱"), "clipboard-list"),
    "surgery": (_("手术"), "cut"),
    "follow_up": (_("随访"), "calendar-heart"),
    "examination": (_("体检"), "heartbeat"),
    "vaccination": (_("接种"), "vaccine"),
    "birth": (_("出生"), "baby-carriage"),
    "death": (_("死亡"), "grave-2"),
    "referral": (_("转诊"), "arrows-exchange"),
    "appointment": (_("预约"), "calendar-event"),
    "document": (_("文书"), "file-text"),
}
GROUPS = {
    "visit": _("就诊"),
    "laboratory": _("检验"),
    "imaging": _("影像"),
    "follow_up": _("随访"),
    "medication": _("用药"),
    "document": _("文书"),
}
SPANS = {"3m": _("近 3 个月"), "12m": _("近 12 个月"), "3y": _("近 3 年"), "all": _("全部")}
TABS = {
    "overview": _("概览"),
    "laboratory": _("检验"),
    "imaging": _("影像"),
    "medication": _("用药"),
    "documents": _("文书"),
    "follow_up": _("公卫随访"),
    "identity": _("家庭与登记"),
    "ledger": _("谁看过"),
}
SUPPLIES = {"antihypertensive": _("降压药供应"), "glucose_lowering": _("降糖药供应")}
CONTRADICTIONS = {"blood_group": _("%(subject)s血型"), "allergy": _("%(subject)s过敏"), "dose": "%(subject)s"}
CLAIMS = {"present": _("有"), "denied": _("无")}
SEXES = {"1": _("男"), "2": _("女")}
FLAGS = {
    "high": ("↑", _("偏高")),
    "low": ("↓", _("偏低")),
    "critical_high": ("↑↑", _("危急偏高")),
    "critical_low": ("↓↓", _("危急偏低")),
    "abnormal": ("!", pgettext_lazy("result", "异常")),
    "critical": ("!!", _("危急")),
}
#: why a person without relation is opened
REASONS = {
    "visit": _("患者正在本机构就诊，尚未登记"),
    "emergency": _("急救，来不及登记"),
    "remote": _("外院请求会诊或电话咨询"),
    "public_health": _("公共卫生随访或疫情追踪"),
    "complaint": _("处理投诉或医疗纠纷"),
    "other": _("其他（请写明）"),
}
OUTCOMES = {"new": _("新建"), "link": _("自动归并"), "merge": _("人工合并"), "split": _("拆分"), "undo": _("撤销"),
            "change": _("资料变更"), "confirm": _("确认"), "reject": _("判为不同人")}  # fmt: skip
READINGS = {
    "person.view": _("查看全景"),
    "person.open": _("说明理由后打开"),
    "person.document": _("查看文书"),
    "person.event": _("查看记录"),
    "person.original": _("下载原始文档"),
    "person.export": _("导出或打印"),
    "document.issue": _("生成共享文档并签名"),
    "document.overrule": _("说明理由后签发有错误的共享文档"),
    "person.grant": _("授权"),
    "person.revoke": _("收回授权"),
}
PURPOSES = {
    "treatment": _("门诊诊疗"),
    "operation": _("平台运维"),
    "supervision": _("监管统计"),
    "system": _("平台任务"),
}
#: how a person was found
MATCHED = {
    "name": _("姓名"),
    "sound": _("同音"),
    "alike": _("相近的名字"),
    "pinyin": _("拼音"),
    "initials": _("拼音首字母"),
    "id_no": _("身份证号"),
    "phone": _("电话"),
    "health_card": _("健康卡号"),
    "born_on": _("出生日期"),
    "address": _("住址"),
}
#: why a document does not carry a value
LOSSES = {
    "no_place": _("标准没有位置"),
    "no_line": _("标准只有一行"),
    "conflict": _("位置已被另一内容占用"),
    "unreadable": _("不符合该位置的格式"),
    "unknown_field": _("不是该数据集的字段"),
}
