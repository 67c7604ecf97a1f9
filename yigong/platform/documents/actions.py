"""The acts of this module."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "document.issue": _("生成共享文档并签名"),
    "document.overrule": _("说明理由后签发有错误的共享文档"),
}
