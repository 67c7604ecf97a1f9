"""The sentences of the registers."""

from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, object] = {
    "registry.staff_known": _("身份证号 %(id_no)s 的人员已经注册，不能重复注册；要修改请用更新。"),
    "registry.no_such_staff": _("没有这位人员，或不在您的数据范围内。"),
    "registry.bad_id_no": _("身份证号码不正确：应为 18 位，出生日期存在，校验码相符。"),
    "registry.too_long": _("“%(field)s”太长，至多 %(limit)s 个字符。"),
    "registry.department_known": _("科室 %(number)s 已经注册，不能重复注册；要修改请用更新。"),
    "registry.no_such_department": _("科室 %(number)s 没有注册，请先注册。"),
    "registry.institution_known": _("机构 %(number)s 已经注册，不能重复注册；要修改请用更新。"),
    "registry.no_such_institution": _("机构 %(number)s 没有注册，请先注册。"),
    "registry.same_year": _("只能从较早的年度复制到较晚的年度（%(source)s → %(target)s）。"),
    "registry.empty_year": _("%(year)s 年度没有登记的机构。"),
    "registry.version_known": _("术语集 %(number)s 的版本 %(version)s 已经注册，不能重复注册；要修改请用更新。"),
    "registry.no_such_version": _("没有术语集 %(number)s 的版本 %(version)s，请先注册。"),
    "registry.version_closed": _("版本 %(version)s 已发布或停用，不能再改；请登记新版本。"),
    "registry.code_twice": _("代码 %(number)s 出现了两次，请去掉重复。"),
    "registry.bad_code": _("代码 %(number)s 缺少代码或名称，或超过长度（代码 50、名称 200 个字符）。"),
    "registry.own_review": _("提交人不能审核自己提交的版本，请由另一位审核。"),
    "registry.empty_version": _("这个版本还没有代码，不能发布。"),
    "registry.unreadable_file": _("文件不能读取：%(because)s。请用 CSV（UTF-8 或 GB18030）或 XLSX，第一行为列名。"),
    "registry.no_rows": _("文件里没有可用的行。"),
    "registry.bad_day": _("“%(field)s”的值 %(value)s 不是日期，请按 2026-01-31 填写。"),
    "registry.no_number": _("“%(field)s”的值 %(value)s 不是整数。"),
    "registry.not_in_list": _("“%(field)s”没有 %(value)s 这一项，请核对。"),
}
