"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "person.search": _("检索患者"),
    "person.view": _("查看患者全景"),
    "person.open": _("说明理由后打开无诊疗关系的患者"),
    "person.original": _("下载原始文档"),
    "person.export": _("导出或打印患者资料"),
    "person.ledger": _("查看患者的访问记录"),
}
