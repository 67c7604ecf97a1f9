"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "registry.view": _("查看机构注册"),
    "registry.export": _("导出机构注册"),
    "registry.save": _("登记与修改机构、人员"),
    "terms.view": _("查看术语注册"),
    "terms.edit": _("编辑术语版本"),
    "terms.submit": _("提交术语版本"),
    "terms.return": _("退回术语版本"),
    "terms.publish": _("发布术语版本"),
    "terms.retire": _("停用术语版本"),
    "standards.view": _("查看标准"),
    "standards.download": _("下载标准"),
}
