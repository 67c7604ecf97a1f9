"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "supervision.view": _("查看运行总览"),
    "supervision.drill": _("下钻到指标背后的记录"),
    "supervision.export": _("导出指标与记录"),
}
