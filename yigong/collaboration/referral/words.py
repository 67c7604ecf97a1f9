"""Words of the life cycle: one table for pages, guards and drawings."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

#: state -> (tone, word)
STATES = {
    "draft": ("idle", _("草稿")),
    "sent": ("wait", _("待接收")),
    "returned": ("hold", _("待补材料")),
    "accepted": ("ok", pgettext_lazy("referral", "已接收")),
    "arrived": ("run", _("诊治中")),
    "closed": ("ok", _("已结案")),
    "refused": ("idle", _("不接收")),
    "no_show": ("warn", _("未到诊")),
    "cancelled": ("idle", _("已取消")),
    "discarded": ("idle", _("已作废")),
}
VERBS = {
    "send": _("提交转诊"),
    "discard": _("作废草稿"),
    "restore": _("恢复草稿"),
    "withdraw": _("撤回申请"),
    "return": _("退回补材料"),
    "redirect": _("改投"),
    "accept": _("接收"),
    "release": _("取消接收"),
    "refuse": _("不接收"),
    "reconsider": _("重新考虑"),
    "cancel": _("取消转诊"),
    "arrive": _("登记到诊"),
    "unarrive": _("撤回到诊"),
    "miss": _("登记未到"),
    "reinstate": _("恢复接收"),
    "close": _("结案并反馈"),
    "reopen": _("重新打开"),
}
SIDES = {"sender": _("转出方"), "receiver": _("接收方")}
DIRECTIONS = {"up": _("上转"), "down": _("下转"), "peer": _("平转")}
URGENCIES = {"emergency": _("急"), "urgent": _("加急"), "ordinary": _("普通")}
#: fact -> (label, hint)
FACTS = {
    "to_org": (_("接收机构"), ""),
    "to_department": (_("接收科室"), ""),
    "reason": (_("原因"), _("写清楚对方需要知道的一两句话")),
    "clinic": (_("接诊安排"), _("如：心内科 3 诊室（专家号）")),
    "appointment_at": (_("到诊时间"), ""),
    "summary": (_("反馈给首诊医生"), _("诊断、治疗经过、下一步建议；没有反馈不能结案")),
    "diagnosis_name": (_("初步诊断"), ""),
    "consent": (_("患者知情同意"), ""),
}
#: key of each verb on the desk
KEYS = {
    "accept": "A",
    "redirect": "M",
    "return": "B",
    "refuse": "R",
    "arrive": "D",
    "close": "C",
    "send": "S",
    "withdraw": "W",
}
SENTENCES = {
    "wrong_state": _("这份转诊现在是「%(state_word)s」，不能「%(verb_word)s」。可能对方刚处理过，请刷新后再看。"),
    "wrong_side": _("「%(verb_word)s」要由%(side_word)s来做，您所在的机构不是这一方。"),
    "missing": _("还缺：%(fields_words)s。补上再提交，已填的内容都还在。"),
    "stale": _("您打开之后，这份转诊被%(by)s改过（%(verb_word)s）。请看过新内容再操作，您填的内容没有丢。"),
    "same_org": _("接收机构和转出机构相同。请选另一家机构；院内转科不走转诊。"),
    "unknown_org": _("没有这家接收机构：%(org)s。请从列表中选择。"),
    "open_already": _("这位患者已有一份进行中的转诊（%(case_no)s）到同一机构。请先处理那一份。"),
}
EXPORT_HEADS = (
    _("转诊单号"), _("状态"), _("方向"), _("紧急程度"), _("患者"), _("转出机构"), _("接收机构"), _("接收科室"), _("初步诊断"), _("转诊原因"), _("提交时间"),
)  # fmt: skip
DONE = _("已办：%(verb)s")
SEXES = {"1": _("男"), "2": _("女")}
GROUPS = {
    "late": ("bad", _("已超时")),
    "hour": ("warn", _("1 小时内")),
    "today": ("idle", _("今天")),
    "later": ("idle", _("更晚")),
    "other": ("idle", _("等您补材料")),
}
TABS = {
    "todo": _("待我处理"),
    "waiting": _("已接收待到诊"),
    "treating": _("诊治中"),
    "sent": _("我方转出"),
    "drafts": _("草稿"),
    "closed": _("已结束"),
    "all": _("全部"),
}
