"""Pages of where alarms are told: mailboxes and webhooks, role by role."""

from __future__ import annotations

from typing import Any

from django import forms as fields
from django.db.models import Count, Max, Q
from django.db.models.functions import Concat, Greatest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import notices
from yigong.platform.exchange.account_views import KIND_WORDS
from yigong.platform.exchange.models import Channel
from yigong.platform.registry import api as registry
from yigong.security.api import action, role_names
from yigong.web.forms import Form
from yigong.web.http import page, say

#: what a channel may be told of: alarms, and news of data quality
NEWS = {**{k: word for k, (word, _tone) in KIND_WORDS.items()}, "quality": gettext_lazy("数据质量")}
WAYS = [("mail", gettext_lazy("邮件")), ("webhook", gettext_lazy("网络回调"))]


class ChannelForm(Form):
    """Who is told, how, of what."""

    role = fields.ChoiceField(label=gettext_lazy("角色"))
    org_code = fields.ChoiceField(label=gettext_lazy("机构"), required=False)
    way = fields.ChoiceField(label=gettext_lazy("方式"), choices=WAYS)
    address = fields.CharField(
        label=gettext_lazy("地址"), max_length=300,
        help_text=gettext_lazy("邮箱可填几个，逗号分隔；网络回调填 https 地址。"),
    )  # fmt: skip
    kinds = fields.MultipleChoiceField(
        label=gettext_lazy("告警种类"), required=False, choices=list(NEWS.items()),
        widget=fields.CheckboxSelectMultiple, help_text=gettext_lazy("不选为全部。"),
    )  # fmt: skip
    active = fields.BooleanField(label=gettext_lazy("启用"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_names()  # type: ignore[attr-defined]
        found = [(i.code, i.name) for i in registry.institutions()]
        self.fields["org_code"].choices = [("", _("全部机构")), *found]  # type: ignore[attr-defined]


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


def _count(state: str) -> Any:
    """Notices in a state: of alarms and of data quality."""
    alarms = Count("notices", filter=Q(notices__state=state), distinct=True)
    return alarms + Count("quality_notices", filter=Q(quality_notices__state=state), distinct=True)


@action("exchange.configure")
def channels(request: HttpRequest) -> HttpResponse:
    """All channels, with what was sent over each and what could not be."""
    names = dict(role_names())
    found = Channel.objects.annotate(
        sent=_count("sent"),
        waiting=_count("waiting"),
        failed=_count("failed"),
        last_at=Greatest(Max("notices__sent_at"), Max("quality_notices__sent_at")),
        last_error=Concat(
            Max("notices__error", filter=~Q(notices__state="sent")),
            Max("quality_notices__error", filter=~Q(quality_notices__state="sent")),
        ),
    ).order_by("role", "id")
    lines = [(c, names.get(c.role, c.role), [NEWS[k] for k in c.kinds if k in NEWS]) for c in found]
    return page(request, "exchange/channels.html", {"lines": lines})


@action("exchange.configure")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, channel_id: int | None = None) -> HttpResponse:
    """A channel made or changed."""
    found = Channel.objects.filter(pk=channel_id).first() if channel_id is not None else None
    if channel_id is not None and found is None:
        raise Refused("not_found")
    names = ("role", "org_code", "way", "address", "kinds", "active")
    form = ChannelForm(request.POST or None, initial={n: getattr(found, n) for n in names} if found else None)
    if request.method == "POST" and form.is_valid():
        notices.save_channel(_ctx(request), channel_id, **form.cleaned_data)
        return say(request, redirect(reverse("exchange:channels")), _("已保存"))
    key = notices.key_of(found) if found and found.way == "webhook" else ""
    return page(request, "exchange/channel.html", {"form": form, "channel": found, "key": key})


@require_POST
@action("exchange.configure")
def act(request: HttpRequest, channel_id: int, verb: str) -> HttpResponse:
    """Send a trial, or remove the channel."""
    if verb not in ("test", "remove"):
        raise Refused("not_found")
    ctx = _ctx(request)
    if verb == "test":
        notices.test(ctx, channel_id)
    else:
        notices.remove(ctx, channel_id)
    word = _("测试通知已发出") if verb == "test" else _("已删除")
    return say(request, redirect(reverse("exchange:channels")), word)
