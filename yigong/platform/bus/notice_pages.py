"""Pages of where the troubles of the bus are told: mailboxes and webhooks, role by role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import notices
from yigong.platform.bus.models import Channel, Notice
from yigong.platform.bus.words import TROUBLES
from yigong.security.api import action, role_names
from yigong.web.forms import Form
from yigong.web.http import page, say

LATEST = 20


class ChannelForm(Form):
    """Who is told, how, of what."""

    role = forms.ChoiceField(label=gettext_lazy("角色"))
    way = forms.ChoiceField(
        label=gettext_lazy("方式"), choices=[("mail", gettext_lazy("邮件")), ("webhook", gettext_lazy("网络回调"))]
    )
    address = forms.CharField(
        label=gettext_lazy("地址"), max_length=300,
        help_text=gettext_lazy("邮箱可填几个，逗号分隔；网络回调填 https 地址。"),
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("通知什么"), required=False, choices=list(TROUBLES.items()),
        widget=forms.CheckboxSelectMultiple, help_text=gettext_lazy("不选为全部。"),
    )  # fmt: skip
    active = forms.BooleanField(label=gettext_lazy("启用"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_names()  # type: ignore[attr-defined]


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


@action("bus.manage")
def channels(request: HttpRequest) -> HttpResponse:
    """All channels with what was sent over each, and the latest notices."""
    names = dict(role_names())
    found = Channel.objects.annotate(
        sent=Count("notices", filter=Q(notices__state="sent")),
        waiting=Count("notices", filter=Q(notices__state="waiting")),
        failed=Count("notices", filter=Q(notices__state="failed")),
        last_at=Max("notices__sent_at"),
        last_error=Max("notices__error", filter=~Q(notices__state="sent")),
    ).order_by("role", "id")
    lines = [(c, names.get(c.role, c.role), [TROUBLES[k] for k in c.kinds if k in TROUBLES]) for c in found]
    latest = Notice.objects.select_related("channel").order_by("-pk")[:LATEST]
    return page(request, "bus/channels.html", {"lines": lines, "latest": latest})


@action("bus.manage")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, channel_id: int | None = None) -> HttpResponse:
    """A channel made or changed."""
    found = notices.one(channel_id) if channel_id is not None else None
    names = ("role", "way", "address", "kinds", "active")
    form = ChannelForm(
        request.POST or None, initial={n: getattr(found, n) for n in names} if found else {"role": "data_clerk"}
    )
    if request.method == "POST" and form.is_valid():
        notices.save_channel(_ctx(request), channel_id, **form.cleaned_data)
        return say(request, redirect("bus:channels"), _("已保存"))
    key = notices.key_of(found) if found and found.way == "webhook" else ""
    return page(request, "bus/channel.html", {"form": form, "channel": found, "key": key})


@require_POST
@action("bus.manage")
def act(request: HttpRequest, channel_id: int, verb: str) -> HttpResponse:
    """Send a trial, or remove the channel."""
    if verb not in ("test", "remove"):
        raise Refused("not_found")
    if verb == "test":
        notices.test(_ctx(request), channel_id)
    else:
        notices.remove(_ctx(request), channel_id)
    return say(request, redirect("bus:channels"), _("测试通知已发出") if verb == "test" else _("已删除"))
