"""The words of states, verbs and classes, and the tones they are drawn in."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.kit.states import Life
from yigong.platform.bus.domain import Side
from yigong.platform.bus.models import PRIORITIES

SERVICES = {
    "draft": ("idle", _("草稿")), "published": ("ok", _("已发布")), "suspended": ("hold", _("已暂停")),
    "deprecated": ("warn", _("将退役")), "retired": ("unk", _("已退役")),
}  # fmt: skip
#: versions that the standards name by their set of services
EDITIONS = {"regional": _("区域 EHR-PL"), "newer": _("医院 H02–H09"), "local": _("本平台自定义")}
SUBSCRIPTIONS = {
    "requested": ("wait", _("待审批")), "active": ("ok", _("已生效")), "suspended": ("hold", _("已暂停")), "ended": ("unk", _("已终止")),
}  # fmt: skip
ROUTES = {
    "draft": ("idle", _("草稿")), "active": ("ok", _("已启用")), "paused": ("hold", _("已暂停")), "retired": ("unk", _("已退役")),
}  # fmt: skip
DELIVERIES = {
    "waiting": ("wait", _("等待投递")), "sending": ("run", _("投递中")), "delivered": ("ok", _("已送达")),
    "dead": ("bad", _("死信")), "discarded": ("unk", _("已放弃")),
}  # fmt: skip
BREAKERS = {
    "closed": ("ok", _("未熔断")),
    "open": ("bad", _("已熔断")),
    "half_open": ("warn", _("试探")),
    "": ("idle", _("不适用")),
}
RUNS = {
    "running": ("run", _("进行中")), "finished": ("ok", _("已完成")), "compensating": ("warn", _("补偿中")),
    "compensated": ("hold", _("已补偿")), "stuck": ("bad", _("补偿受阻")), "settled": ("unk", _("人工了结")),
}  # fmt: skip
RESULTS = {
    "delivered": ("ok", _("已送达")), "refused": ("bad", _("被拒绝")), "failed": ("warn", _("未接受")), "away": ("warn", _("无应答")),
    "": ("unk", _("结果未知")),
}  # fmt: skip
#: what a new version of a route does otherwise with a message
DIFFERENCES = {
    "taken": ("warn", _("改为经过这条路由")), "left": ("warn", _("不再经过这条路由")), "added": ("warn", _("多发一处")),
    "dropped": ("warn", _("少发一处")), "changed": ("warn", _("内容改变")), "refused": ("bad", _("不能转换")), "mended": ("ok", _("改为可以转换")),
}  # fmt: skip
OUTCOMES = {
    "done": ("ok", _("完成")), "skipped": ("idle", _("略过")), "refused": ("bad", _("被拒绝")), "unknown": ("warn", _("结果未知")), "": ("run", _("进行中")),
}  # fmt: skip
ENDPOINTS = {"open": ("ok", _("开放")), "closed": ("hold", _("关闭"))}
PRIORITY_WORDS = dict(PRIORITIES)
KINDS = {
    "mllp": "HL7 v2 · MLLP", "http": "HTTP", "soap": "SOAP", "fhir": "FHIR", "kafka": "Kafka", "file": _("文件"),
    "hl7v3": "HL7 v3 · SOAP", "dicom": "DICOM", "database": _("数据库"),
}  # fmt: skip
#: kinds of steps in a process
STEP_KINDS = {
    "send": _("发送到端点"), "call": _("调用登记的服务"), "transform": _("转换内容"), "wait": _("等待回复消息"), "branch": _("按条件跳到"),
}  # fmt: skip
FORMS = {"hl7v2": "HL7 v2", "xml": "XML", "json": "JSON", "other": _("不能识别")}
#: what is told outside the pages
TROUBLES = {"message": _("处理死信"), "delivery": _("投递死信"), "breaker": _("端点熔断")}
NUMBER_KINDS = {"patient": _("患者号"), "order": _("申请单号"), "visit": _("就诊号"), "document": _("文档号")}
VERBS = {
    "publish": _("发布"), "suspend": _("暂停"), "resume": _("恢复"), "deprecate": _("预告退役"), "renew": _("撤销预告"),
    "retire": _("退役"), "approve": _("批准"), "decline": _("不批准"), "end": _("终止"), "activate": _("开始使用"),
    "pause": _("暂停"), "replay": _("重新投递"), "hurry": _("立即投递"), "discard": _("放弃"), "recall": _("退回死信"), "cancel": _("取消"),
    "retry": _("再次补偿"), "settle": _("人工了结"),
}  # fmt: skip
#: a delivery after an act
DONE = {
    "replay": _("已重新排入投递"),
    "hurry": _("已排到最前，立即投递"),
    "discard": _("已放弃"),
    "recall": _("已退回死信，未再发送"),
}
HARSH = {"retire", "decline", "end", "discard", "cancel", "settle", "suspend"}
MAIN = {"publish", "approve", "activate", "replay", "resume", "retry"}


class Button(NamedTuple):
    """One act that may be done now; one that asks leads to a form."""

    verb: str
    word: object
    asks: bool
    is_main: bool
    is_harsh: bool


def buttons(life: Life, state: str, ctx: Ctx, action: str) -> list[Button]:
    """The acts a person may do from here, by the table of moves."""
    if not ctx.may(action):
        return []
    return [
        Button(m.verb, VERBS[m.verb], bool(m.needs), m.verb in MAIN, m.verb in HARSH)
        for m in life.verbs(state, Side.PERSON)
    ]
