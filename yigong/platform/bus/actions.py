"""The acts of this module: name -> words. Permission, audit line and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "bus.view": _("查看服务总线消息"),
    "bus.replay": _("重新处理总线消息"),
    "bus.manage": _("管理总线端点、清理期满消息"),
}
