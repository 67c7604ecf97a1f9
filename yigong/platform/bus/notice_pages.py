"""Pages of where the troubles of the bus are told."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from yigong.platform.bus.notices import DESK
from yigong.platform.bus.words import TROUBLES
from yigong.security.api import action, role_names
from yigong.web.channels import ChannelPages

channels, edit, act = ChannelPages(
    space="bus",
    desk=DESK,
    guard=action("bus.manage"),
    roles=role_names,
    role="data_clerk",
    kinds=TROUBLES,
    about=_("出现死信或端点熔断时，按角色发邮件或网络回调；同一原因每小时至多一次，解除时再通知一次"),
    silent=_("现在死信和熔断只在页面上显示；新建后会发到邮箱或网络回调。"),
    back=("bus:messages", _("服务总线")),
).views()
