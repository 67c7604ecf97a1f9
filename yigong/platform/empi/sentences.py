"""What the refusals of this module say: what, where, what to do."""

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "empi.columns_missing": _("登记数据缺少列：%(fields)s。没有登记任何人；请在映射里补上这些列后重发。"),
    "empi.key_empty": _("有登记没有机构代码、系统名或本地患者号（%(fields)s）。整批没有登记；请补齐后重发。"),
    "empi.no_reason": _("请写明理由：合并、拆分和撤销都会记入决定记录。内容没有改动。"),
    "empi.same_person": _("这两条登记已经是同一人，不需要再合并。"),
    "empi.no_such_person": _("没有这个人，或者您所在的机构看不到。可能已并入他人，请重新搜索。"),
    "empi.no_such_registration": _("没有这条登记。"),
    "empi.no_such_identifier": _("主索引不认识标识或条件 %(kind)s。没有查询；可用的有：%(known)s。"),
    "empi.no_facts": _(
        "没有查询条件。请至少给出姓名、出生日期、证号、电话、卡号、住址或机构中的一项；性别只能与它们同用。"
    ),
    "empi.no_such_pair": _("没有这一对待核登记，或者您看不到。请从队列重新打开。"),
    "empi.no_such_decision": _("没有这条决定。请从决定记录重新打开。"),
    "empi.two_trusted_numbers": _(
        "两个身份证号都可信且不同，不能合并：会把一人的病历记到另一人身上。请先更正有误的证号。"
    ),
    "empi.answered": _("这一对刚才已有人核对过。内容没有改动；请看下一对。"),
    "empi.not_a_part": _("拆分要选出一部分登记：本人有 %(held)s 条，您选了 %(given)s 条。请至少选一条、至少留一条。"),
    "empi.cannot_undo": _("这条决定不能撤销：它只是记下了新的登记。"),
    "empi.already_undone": _("这条决定已经撤销过。内容没有改动。"),
    "empi.moved_since": _(
        "此后又有人对这些人做过决定（记录 %(decision)s），不能先撤销这一条。内容没有改动；请先在决定记录里撤销较晚的那条。"
    ),
    "empi.second_person": _("这一对风险高，您已提议合并，须由另一位专员复核。内容没有改动。"),
    "empi.rule_wrong": _(
        "规则没有保存：%(field)s 不合规定。自动阈值不得低于复核阈值，分数在 −20 到 60 之间，风险为 1、2、3。"
    ),
    "empi.too_many": _("一次最多答 %(most)s 对，您选了 %(given)s 对。内容没有改动；请分几次。"),
    "empi.none_chosen": _("没有选中仍待核的登记对，或没有选答案。可能刚才已有人核对；请从列表重新选。"),
    "empi.no_draft": _("第 %(version)s 版已不是草稿，可能刚由别人发布或改过。规则没有改动；请重新打开规则页。"),
    "empi.cleaning_runs": _("已有一次清洗在进行。没有另外开始；请等它完成或先停止它。"),
    "empi.no_such_cleaning": _("这次清洗已经结束，不能再停止。"),
    "empi.no_token": _("没有有效的访问令牌，或令牌不许查找患者（须有 Patient.s）。没有查询；请先取得令牌再问。"),
    "empi.no_such_door": _("没有这个地址或方法：%(path)s。请用 POST /lookup/identifier 或 POST /lookup/match。"),
    "empi.question_wrong": _("问的内容不是一个 JSON 对象，或超过 64 KB。没有查询。"),
    "empi.match_wrong": _("facts 须为对象，least 为 auto、review 或 none，count 为 1 到 100。没有查询。"),
    "empi.busy": _("排队的查询太多，这一条没有查。请稍后再问。"),
    "empi.away": _("数据库暂时不可用，这一条没有查。请稍后再问。"),
    "empi.no_such_mark": _("没有这种身份操作。内容没有改动。"),
}
