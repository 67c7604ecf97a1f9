"""The acts of this module."""

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "dicom.view": _("查看影像"),
    "dicom.list": _("查看影像归档与检查目录"),
    "dicom.manage": _("登记影像归档、立即同步"),
}
