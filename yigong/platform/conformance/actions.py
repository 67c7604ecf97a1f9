"""The acts of this module."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {"conformance.view": _("查看符合性测试"), "conformance.run": _("进行符合性测试")}
