"""The acts on nodes: name -> words."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "exchange.edge.view": _("查看边缘节点"),
    "exchange.edge.invite": _("邀请边缘节点接入"),
    "exchange.edge.order": _("配置边缘节点"),
    "exchange.edge.confirm": _("代表机构签认日对账"),
    "exchange.edge.revoke": _("注销边缘节点"),
}
