"""Words of this module: states, verbs, dimensions, refusals."""

from typing import Any

from django.utils.translation import gettext_lazy as _

#: state -> (tone, word)
STATES = {
    "open": ("wait", _("待整改")),
    "assigned": ("run", _("整改中")),
    "fixed": ("ok", _("已整改待复核")),
    "waived": ("hold", _("豁免中")),
    "disputed": ("warn", _("申诉中")),
    "closed": ("idle", _("已关闭")),
}
VERBS = {
    "assign": _("指派"),
    "release": _("撤回指派"),
    "fix": _("报告已整改"),
    "unfix": _("撤回整改报告"),
    "dispute": _("申诉"),
    "withdraw": _("撤回申诉"),
    "uphold": _("维持规则"),
    "concede": _("申诉成立"),
    "waive": _("豁免到期限"),
    "resume": _("结束豁免"),
    "reopen": _("重新打开"),
    "expire": _("豁免到期"),
    "return": _("复核仍有"),
    "recur": _("再次出现"),
    "verify": _("复核通过"),
}
SIDES = {"institution": _("数据所属机构"), "county": _("县数据办"), "platform": _("平台复核")}
#: fact -> (label, hint)
FACTS: dict[str, tuple[Any, Any]] = {
    "assignee": (_("指派给"), _("机构里负责这件事的人")),
    "reason": (_("处理说明"), _("写清楚做了什么，或为什么")),
    "answer": (_("答复"), _("给机构的答复；机构会看到原话")),
    "waived_until": (_("豁免到"), _("到期自动恢复，最长一年")),
    "failing": (_("不合规行数"), ""),
    "judged": (_("判定的值"), ""),
}
DIMENSIONS = {
    "completeness": _("完整性"),
    "validity": _("规范性"),
    "consistency": _("一致性"),
    "uniqueness": _("唯一性"),
    "timeliness": _("及时性"),
    "accuracy": _("准确性"),
    "plausibility": _("合理性"),
    "fabrication": _("造假筛查"),
}
SEVERITIES = {
    "fatal": ("bad", _("致命（不入库）")),
    "error": ("bad", _("错误")),
    "warning": ("warn", _("警告")),
    "notice": ("idle", _("提示")),
}
LIMITS = {"least": _("不低于"), "most": _("不高于")}
WITHHELD = {
    "few_judged": _("判定的值不足 100 个"),
    "few_rules": _("有判定的规则不足 3 条"),
    "nothing": _("这段时间没有可判定的数据"),
}
KEYS = {"assign": "A", "fix": "F", "dispute": "D", "waive": "W", "uphold": "U", "concede": "C"}
DONE = _("已办：%(verb)s")
SENTENCES = {
    "quality.wrong_state": _("这个问题现在是「%(state_word)s」，不能「%(verb_word)s」。可能刚被处理过，请刷新后再看。"),
    "quality.wrong_side": _("「%(verb_word)s」要由%(side_word)s来做，您不在这一方。"),
    "quality.missing": _("还缺：%(fields_words)s。补上再提交，已填的内容都还在。"),
    "quality.stale": _("您打开之后，这个问题被%(by)s改过（现在是%(verb_word)s）。请看过再操作。"),
    "waiver_past": _("豁免期限 %(until)s 不在今天以后。请填以后的日期。"),
    "waiver_too_long": _("豁免期限 %(until)s 超过 %(days)s 天。请填一年以内的日期，到期可以再议。"),
    "no_such_rule": _("没有编号为 %(rule)s 的质量规则。请从规则列表中选择。"),
    "threshold_out": _("阈值超出规则允许的范围（%(allowed)s）。请改在范围内；要更宽请修改规则文件。"),
    "threshold_step": _("阈值 %(value)s 不在步长 %(step)s 上。请填相邻的值：%(near)s。"),
    "month_not_over": _("%(month)s 还没有结束，不能封账。请在月末之后再封。"),
    "month_closed": _("%(month)s 已经封账，月报不再变动。要改请先用 --reopen 写明原因取消封账。"),
    "no_such_month": _("没有 %(month)s 的月报。请从列表里选择月份。"),
}
