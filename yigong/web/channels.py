"""Pages of where the troubles of a module are told: mailboxes and webhooks, by role and institution; one house for all modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.errors import Refused
from yigong.web.forms import Form
from yigong.web.http import page, say
from yigong.web.marks import institutions

LATEST = 20


class ChannelForm(Form):
    """Who is told, how, of what."""

    role = forms.ChoiceField(label=gettext_lazy("角色"))
    org_code = forms.ChoiceField(
        label=gettext_lazy("机构"), required=False, help_text=gettext_lazy("选一个机构，就只通知它的问题。")
    )
    way = forms.ChoiceField(label=gettext_lazy("方式"))
    address = forms.CharField(
        label=gettext_lazy("地址"), max_length=300,
        help_text=gettext_lazy("邮箱可填几个，逗号分隔；网络回调填 https 地址。"),
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("通知什么"), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=gettext_lazy("不选为全部。"),
    )  # fmt: skip
    active = forms.BooleanField(label=gettext_lazy("启用"), required=False, initial=True)

    def __init__(self, *args: Any, choices: Mapping[str, list[tuple[str, object]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, found in choices.items():
            self.fields[name].choices = found  # type: ignore[attr-defined]


@dataclass(frozen=True)
class ChannelPages:
    """The pages of one module's channels, under the names ``channels channel channel-new channel-act`` of its space."""

    space: str  # of its addresses
    desk: Any  # outbox.Desk
    guard: Callable[[Callable[..., HttpResponse]], Any]  # who may come in
    roles: Callable[[], list[tuple[str, str]]]
    role: str  # whose concern it is as a rule
    kinds: Mapping[str, object]  # of troubles, in words
    about: object  # when letters go out
    silent: object  # what happens as long as there is no channel
    back: tuple[str, object]  # name of the page of the troubles, its title

    def views(self) -> tuple[Any, Any, Any]:
        """The guarded views: the list, a channel, an act upon it."""
        return (
            self.guard(self._list),
            self.guard(require_http_methods(["GET", "POST"])(self._edit)),
            require_POST(self.guard(self._act)),
        )

    def _url(self, name: str, *args: Any) -> str:
        return reverse(f"{self.space}:{name}", args=args)

    def _list(self, request: HttpRequest) -> HttpResponse:
        """All channels with what was sent over each, and the latest notices."""
        names = dict(self.roles())
        lines = [
            {
                "channel": c, "role": names.get(c.role, c.role), "kinds": [self.kinds[k] for k in c.kinds if k in self.kinds],
                "url": self._url("channel", c.pk), "test_url": self._url("channel-act", c.pk, "test"),
            }
            for c in self.desk.listed()
        ]  # fmt: skip
        facts = {
            "lines": lines, "latest": self.desk.latest(LATEST), "new_url": self._url("channel-new"), "about": self.about,
            "silent": self.silent, "back_url": reverse(self.back[0]), "back": self.back[1],
        }  # fmt: skip
        return page(request, "web/channels.html", facts)

    def _edit(self, request: HttpRequest, channel_id: int | None = None) -> HttpResponse:
        """A channel made or changed."""
        found = self.desk.one(channel_id) if channel_id is not None else None
        names = ("role", "org_code", "way", "address", "kinds", "active")
        initial = {n: getattr(found, n) for n in names} if found else {"role": self.role}
        form = ChannelForm(request.POST or None, initial=initial, choices=self._choices())
        if request.method == "POST" and form.is_valid():
            self.desk.save(request.ctx, channel_id, **form.cleaned_data)  # type: ignore[attr-defined]
            return say(request, redirect(self._url("channels")), _("已保存"))
        facts = {
            "form": form, "channel": found, "back_url": self._url("channels"),
            "key": self.desk.key_of(found) if found and found.way == "webhook" else "",
            "remove_url": self._url("channel-act", found.pk, "remove") if found else "",
        }  # fmt: skip
        return page(request, "web/channel.html", facts)

    def _choices(self) -> dict[str, Any]:
        ways = self.desk.channels._meta.get_field("way").choices
        orgs = [("", _("全部机构")), *institutions()]
        return {"role": self.roles(), "org_code": orgs, "way": ways, "kinds": list(self.kinds.items())}

    def _act(self, request: HttpRequest, channel_id: int, verb: str) -> HttpResponse:
        """Send a trial, or remove the channel."""
        words = {"test": _("测试通知已发出"), "remove": _("已删除")}
        if verb not in words:
            raise Refused("not_found")
        (self.desk.test if verb == "test" else self.desk.remove)(request.ctx, channel_id)  # type: ignore[attr-defined]
        return say(request, redirect(self._url("channels")), words[verb])
