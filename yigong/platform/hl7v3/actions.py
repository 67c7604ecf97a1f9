"""The acts of this module: name -> words. Permission, audit line and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "hl7v3.view": _("查看交互服务"),
    "hl7v3.try": _("试用交互服务"),
    "hl7v3.manage": _("管理接入应用与服务状态"),
    "hl7v3.call": _("调用交互服务"),
}
