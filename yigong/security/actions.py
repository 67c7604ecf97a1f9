"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "home.view": _("打开工作台"),
    "account.manage": _("管理用户与角色"),
    "audit.view": _("查看审计记录"),
    "audit.export": _("导出审计记录"),
}
