"""The sentences of this module."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "conformance.no_such_run": _("没有这次测试。"),
    "conformance.no_files": _("请选择至少一份 XML 文档。"),
    "conformance.too_much": _(
        "一次最多 %(files)s 份、共 %(megabytes)s MB；请分几次上传，或用命令 yigong conformance documents。"
    ),
    "conformance.no_reply": _("服务 %(service)s 没有给出文档：%(why)s"),
    "conformance.no_application": _("请填写应用名和密钥：在“接口 › 接入应用”登记后得到。"),
}
