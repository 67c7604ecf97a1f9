"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "exchange.view": _("查看数据采集交换"),
    "exchange.run": _("运行、暂停采集任务"),
    "exchange.configure": _("新建、修改采集任务"),
    "exchange.map": _("修改映射、过滤规则"),
    "exchange.ingest": _("采集文件"),
    "exchange.mend": _("修正或弃用隔离行"),
    "exchange.resend": _("重送隔离行"),
}
