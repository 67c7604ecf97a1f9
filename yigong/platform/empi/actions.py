"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "empi.view": _("查看疑似同人队列"),
    "empi.lookup": _("按标识或信息查找身份"),
    "empi.decide": _("核对是否同一人"),
    "empi.export": _("导出事件索引日志"),
    "empi.undo": _("撤销主索引决定"),
    "empi.attest": _("核验身份属实"),
    "empi.decease": _("登记死亡"),
    "empi.revive": _("撤回死亡登记"),
    "empi.cancel": _("注销身份"),
    "empi.restore": _("恢复身份"),
    "empi.rules": _("编辑主索引规则"),
    "empi.publish": _("发布主索引规则"),
    "empi.clean": _("清洗历史身份数据"),
}
