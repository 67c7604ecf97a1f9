"""The words of this module: kinds of questions, verbs, states, fields, counts."""

from __future__ import annotations

from django.utils.translation import get_language, gettext_lazy, pgettext_lazy

from yigong.standards.api import load

#: kind of question -> words, tone, icon
KINDS = {
    "twins": (gettext_lazy("疑为双胞胎"), "bad", "alert-octagon"),
    "numbers": (gettext_lazy("两个可信证号"), "bad", "alert-octagon"),
    "borrowed": (gettext_lazy("证号借用"), "bad", "alert-octagon"),
    "unlike": (gettext_lazy("互不相像"), "bad", "users-minus"),
    "newborn": (gettext_lazy("新生儿占位名"), "wait", "baby-carriage"),
    "doubtful": (gettext_lazy("证号可疑"), "warn", "alert-triangle"),
    "birth": (gettext_lazy("生日不同"), "wait", "calendar-question"),
    "homophone": (gettext_lazy("同音不同字"), "wait", "ear"),
    "alike": (gettext_lazy("信息不足"), "wait", "clock"),
}
VERBS = {
    "confirm": gettext_lazy("同一人"),
    "reject": gettext_lazy("不是同一人"),
    "later": gettext_lazy("稍后"),
    "merge": gettext_lazy("合并"),
    "split": gettext_lazy("拆分"),
    "propose": gettext_lazy("提议合并"),
    "mark": gettext_lazy("改状态"),
    "undo": gettext_lazy("撤销"),
    "link": gettext_lazy("自动归入"),
    "join": gettext_lazy("自动合并"),
}
MACHINE_VERBS = {
    "new": gettext_lazy("首次登记"),
    "change": gettext_lazy("信息变更"),
    "ask": gettext_lazy("列入待核"),
    "part": gettext_lazy("自动拆分"),
}
PERSON_STATES = {
    "temporary": gettext_lazy("临时身份"),
    "provisional": gettext_lazy("待核身份"),
    "verified": gettext_lazy("已核身份"),
    "merged": gettext_lazy("已并入他人"),
    "split": gettext_lazy("拆分后待核"),
    "deceased": gettext_lazy("已故"),
    "cancelled": pgettext_lazy("empi", "已注销"),
}
SEXES = {"1": gettext_lazy("男"), "2": gettext_lazy("女"), "9": gettext_lazy("未说明"), "0": gettext_lazy("未知")}
TRUSTS = {
    "trusted": gettext_lazy("校验通过"),
    "doubtful": gettext_lazy("与生日或性别矛盾"),
    "bad": gettext_lazy("校验不通过"),
    "shared": gettext_lazy("多人共用，不作依据"),
    "other": gettext_lazy("其他证件"),
    "missing": gettext_lazy("未记录"),
}
FIELDS = {
    "full_name": gettext_lazy("姓名"),
    "sex_code": gettext_lazy("性别"),
    "born_on": gettext_lazy("出生"),
    "id_no": gettext_lazy("身份证"),
    "phone": gettext_lazy("电话"),
    "address": gettext_lazy("住址"),
    "health_card_no": gettext_lazy("医保或健康卡"),
    "contact_name": gettext_lazy("联系人"),
    "contact_phone": gettext_lazy("联系电话"),
    "ethnic_group_code": gettext_lazy("民族"),
}
#: the engine's comparisons in words short enough to stand under a bar
BARS = {
    "name": pgettext_lazy("bar", "姓名"),
    "born": pgettext_lazy("bar", "出生"),
    "sex": pgettext_lazy("bar", "性别"),
    "phone": pgettext_lazy("bar", "电话"),
    "place": pgettext_lazy("bar", "住址"),
    "card": pgettext_lazy("bar", "卡号"),
    "contact": pgettext_lazy("bar", "联系人"),
    "age": pgettext_lazy("bar", "年龄段"),
    "number": pgettext_lazy("bar", "身份证"),
}
ORDERS = {
    "risk": gettext_lazy("风险"),
    "score": gettext_lazy("得分"),
    "worth": gettext_lazy("登记数"),
    "oldest": gettext_lazy("等得最久"),
}

ANSWERS = {
    "same": gettext_lazy("同一人"),
    "different": gettext_lazy("不是同一人"),
    "later": gettext_lazy("稍后"),
}
RULE_SAID = {"joined": gettext_lazy("将自动合并"), "unasked": gettext_lazy("将不再询问")}
MARK_WORDS = {
    "attest": gettext_lazy("核验属实"),
    "decease": gettext_lazy("登记死亡"),
    "revive": gettext_lazy("撤回死亡登记"),
    "cancel": gettext_lazy("注销身份"),
    "restore": gettext_lazy("恢复身份"),
}
MARKED = {
    "attest": gettext_lazy("已记为核验属实"),
    "decease": gettext_lazy("已登记死亡"),
    "revive": gettext_lazy("已撤回死亡登记"),
    "cancel": gettext_lazy("已注销身份"),
    "restore": gettext_lazy("已恢复身份"),
}
RISKS = {1: gettext_lazy("一般"), 2: gettext_lazy("较高"), 3: gettext_lazy("高")}
TWO_FROM = {
    1: gettext_lazy("每一对"),
    2: gettext_lazy("风险较高起"),
    3: gettext_lazy("仅风险高"),
    4: gettext_lazy("从不"),
}
CLEANING_STATES = {
    "queued": (gettext_lazy("排队中"), "wait"),
    "running": (gettext_lazy("清洗中"), "run"),
    "done": (pgettext_lazy("empi", "已完成"), "ok"),
    "stopped": (gettext_lazy("已停止"), "idle"),
    "failed": (gettext_lazy("失败"), "bad"),
}
COUNTS = {
    "registrations": pgettext_lazy("empi", "登记"),
    "persons": gettext_lazy("人"),
    "waiting": gettext_lazy("待核登记对"),
    "no_name": gettext_lazy("无姓名"),
    "no_birth": gettext_lazy("无出生日期"),
    "no_number": gettext_lazy("无证号"),
    "bad_number": gettext_lazy("证号校验不通过"),
    "doubtful_number": gettext_lazy("证号与生日或性别矛盾"),
    "shared_number": gettext_lazy("证号多人共用"),
    "no_phone": gettext_lazy("无电话"),
}
SHARES = {
    "precision": (gettext_lazy("自动合并的精确率"), gettext_lazy("次自动归入或合并，未被撤回")),
    "recall": (gettext_lazy("自动合并的召回率"), gettext_lazy("次成立的合并，由模型完成")),
    "agreement": (gettext_lazy("人机一致率"), gettext_lazy("对已答，答案与得分正负一致")),
}


def chinese() -> bool:
    """Whether the reader reads Chinese."""
    return (get_language() or "zh").startswith("zh")


def ethnic_group(code: str) -> str:
    """The name of an ethnic group (GB/T 3304); the code itself where it has none."""
    found = load().value_sets["GB/T 3304"].codes.get(code.zfill(2))
    return (found.name_zh if chinese() else found.name_en or found.name_zh) if found else code


def half(number: str | None) -> str:
    """An identity number without its place: enough to compare, too little to use."""
    return f"{number[:3]}***{number[6:]}" if number and len(number) > 9 else number or ""
