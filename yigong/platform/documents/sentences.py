"""The sentences of this module."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "documents.no_such_event": _("没有这条记录，或不在您的数据范围内。请从患者时间线重新打开。"),
    "documents.not_made_of_this": _(
        "这条记录不能生成 %(document)s：本次就诊没有该文档所用数据集的记录。请另选文档类型。"
    ),
    "documents.other_institution": _(
        "文档须由记录所在的机构（%(org)s）生成和签名，您不在该机构。请联系该机构的病案管理员。"
    ),
    "documents.unchanged": _("与第 %(version)s 版内容相同，没有生成新版本。记录更正后可再次生成。"),
    "documents.has_errors": _(
        "文档有 %(errors)s 处错误（例如“%(first)s”），没有签发。请更正记录后再生成；确需签发的，由病案管理员写明理由。"
    ),
    "documents.no_institution": _("机构代码“%(org_code)s”不能用于签名：请先在机构目录中登记。"),
    "documents.key_open": _(
        "机构 %(org_code)s 的签名私钥文件可被其他用户读取，已拒绝签名。请系统管理员把权限改为 600。"
    ),
    "documents.key_broken": _("机构 %(org_code)s 的签名私钥文件损坏。请系统管理员从备份恢复。"),
}
