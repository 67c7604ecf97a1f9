"""What the refusals of this module say."""

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "not_related": _("本机构与这位患者没有诊疗关系，也没有收到授权。确有需要，请说明理由后打开，24 小时内有效并留痕。"),
    "sharing.no_original": _(
        "这份文书的原始文件不在存储中，页面上的内容取自入库记录。请把文书编号告诉数据管理员核对。"
    ),
    "sharing.reason_needed": _("请选择理由；选“其他”时写明至少 4 个字。"),
}
