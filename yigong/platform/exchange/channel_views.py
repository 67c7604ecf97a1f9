"""Pages of where alarms are told."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from yigong.platform.exchange.account_views import KIND_WORDS
from yigong.platform.exchange.notices import DESK
from yigong.security.api import action, role_names
from yigong.web.channels import ChannelPages

channels, edit, act = ChannelPages(
    space="exchange",
    desk=DESK,
    guard=action("exchange.configure"),
    roles=role_names,
    role="data_clerk",
    kinds={**{kind: word for kind, (word, _tone) in KIND_WORDS.items()}, "quality": _("数据质量")},
    about=_("告警发生和解除时，按角色发邮件或网络回调"),
    silent=_("现在告警只在页面上显示；新建后会发到邮箱或网络回调。"),
    back=("exchange:alarms", _("采集告警")),
).views()
