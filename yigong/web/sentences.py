"""What the refusals of the house's own rules say; each module has such a table for its own."""

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "not_permitted": _("您的角色缺少“%(action)s”权限，所以没有打开，也没有改动任何内容。"),
    "not_found": _("这里没有您要找的内容：可能已被移走，或者您所在的机构看不到它。请从列表重新打开。"),
    "wrong_state": _("当前状态是“%(state)s”，不能做“%(verb)s”。内容没有改动；请刷新看最新状态。"),
    "wrong_side": _("“%(verb)s”由另一方办理（%(allowed)s），您这一方不能做。内容没有改动。"),
    "missing": _("请先补上：%(fields)s。已填的内容都还在。"),
    "invalid": _("请改正：%(fields)s。已填的内容都还在。"),
    "conflict": _("您打开之后别人先改了这一条。您填的没有覆盖他的改动；请刷新对照后再提交。"),
    "too_many_rows": _("筛选出 %(rows)s 条，一次最多导出 %(limit)s 条。请缩小时间或机构范围再导出。"),
    "outbox.channel_odd": _("地址“%(address)s”不能使用：邮箱用逗号分隔；网络回调须为 https 地址，不带用户名和密码。"),
    "outbox.channel_away": _("通知没有送到 %(address)s：%(reason)s。请检查地址和邮件服务器设置（YIGONG_SMTP）。"),
    "no_cjk_font": _(
        "本机没有中文字体（%(families)s），PDF 没有生成。请管理员安装 fonts-noto-cjk 后再试；Excel 可以照常下载。"
    ),
}
