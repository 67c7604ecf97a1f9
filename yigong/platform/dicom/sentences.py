"""The sentences of this module."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "dicom.no_such_study": _("没有这次影像检查，或不在您的数据范围内。"),
    "dicom.no_such_image": _("这次检查里没有这幅影像：归档可能已整理，请重新打开检查。"),
    "dicom.no_such_pacs": _("没有叫 %(name)s 的影像归档：先用 yigong dicom pacs 登记。"),
    "dicom.away": _("%(pacs)s没有应答（%(reason)s）。检查目录仍可查看，影像请稍后再开。"),
    "dicom.not_let_in": _("%(pacs)s不接受平台的用户名或密码：请信息科核对 YIGONG_SECRET_PACS_… 的设置。"),
    "dicom.too_large": _("%(pacs)s给出的影像过大，没有转发：请在影像科工作站上打开。"),
}
