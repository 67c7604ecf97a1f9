"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "registry.view": _("查看机构注册"),
    "registry.export": _("导出机构注册"),
    "standards.view": _("查看标准"),
    "standards.download": _("下载标准"),
}
