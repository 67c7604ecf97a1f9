"""What the refusals of this module say."""

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "wrong_password": _("登录名或密码不对。请核对大小写后再试；连续错 5 次会锁定 30 分钟。"),
    "locked": _("这个账号因连续输错密码已锁定，到 %(until)s 自动解锁。急用请联系本机构的平台管理员解锁。"),
    "inactive": _("这个账号已停用。需要恢复请联系本机构的平台管理员。"),
    "no_membership": _("这个账号还没有分配机构和角色，暂时不能进入。请联系本机构的平台管理员。"),
    "no_actor": _("没有说明是谁在读取个人数据，已拒绝。"),
}
