"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "empi.view": _("查看疑似同人队列"),
    "empi.decide": _("核对是否同一人"),
    "empi.undo": _("撤销主索引决定"),
}
