"""The acts of this module: name -> words. Permission, audit line and button bear the same name."""

from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, object] = {
    "fhir.read": _("经 FHIR 读取资源"),
    "fhir.search": _("经 FHIR 检索资源"),
    "fhir.write": _("经 FHIR 写入资源"),
    "fhir.delete": _("经 FHIR 删除资源"),
    "fhir.export": _("经 FHIR 批量导出"),
    "fhir.publish": _("把平台的记录发布为 FHIR 资源"),
    "fhir.applications": _("查看接入应用"),
    "fhir.register": _("登记接入应用"),
    "fhir.revoke": _("停用接入应用"),
}
