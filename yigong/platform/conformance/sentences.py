"""The sentences of this module."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "conformance.no_such_run": _("没有这次测试。"),
    "conformance.no_files": _("请选择至少一份 XML 文档。"),
    "conformance.too_much": _(
        "一次最多 %(files)s 份、共 %(megabytes)s MB；请分几次上传，或用命令 yigong conformance documents。"
    ),
    "conformance.no_reply": _("服务 %(service)s 没有给出文档：%(why)s"),
    "conformance.cda_other_xml": _("不是共享文档：根元素不是 ClinicalDocument。请导出 WS/T 500 或 WS/T 483 的文档。"),
    "conformance.xml_broken": _("不是完整的 XML，读不下去。请重新导出，不要截断或改动文件。"),
    "conformance.xml_empty": _("文件没有内容。请重新导出。"),
    "conformance.xml_doctype": _("含有 DTD 或实体声明，出于安全不予读取。请去掉后重试。"),
    "conformance.xml_too_large": _("文件过大，不予读取。请检查是否导出了多份文档。"),
    "conformance.no_application": _("请填写应用名和密钥：在“接口 › 接入应用”登记后得到。"),
}
