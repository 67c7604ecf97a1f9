"""Forms of the register, of routes and of processes."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from yigong.platform.bus.models import PRIORITIES, SENDS, Endpoint, Process, Route, Service
from yigong.platform.bus.register import ADDRESSES
from yigong.platform.bus.steps_field import Steps
from yigong.platform.bus.words import KINDS
from yigong.web.forms import Form

WAYS = 4  # targets offered by the form of a route
CODE = _("英文、数字、连字符")


class Json(forms.CharField):
    """JSON written by hand; an empty one is *empty*."""

    widget = forms.Textarea

    def __init__(self, *args: Any, empty: Any, rows: int = 5, **kwargs: Any) -> None:
        super().__init__(*args, required=False, max_length=20_000, **kwargs)
        self.empty = empty
        self.widget.attrs |= {"rows": rows, "spellcheck": "false"}

    def to_python(self, value: Any) -> Any:
        """What is written. Raises ValidationError with line and column."""
        text = str(super().to_python(value) or "").strip()
        try:
            return json.loads(text) if text else self.empty
        except json.JSONDecodeError as error:
            place = {"line": error.lineno, "column": error.colno}
            raise forms.ValidationError(_("第 %(line)s 行第 %(column)s 列不是正确的 JSON。"), params=place) from error

    def prepare_value(self, value: Any) -> Any:
        """As it is shown."""
        if isinstance(value, str) or value is None:
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""


class ServiceForm(Form):
    """A service as it is registered."""

    code = forms.SlugField(label=_("服务代码"), help_text=CODE, max_length=60)
    version = forms.CharField(label=_("版本"), max_length=20, initial="1.0")
    name = forms.CharField(label=_("名称"), max_length=100)
    name_en = forms.CharField(label=_("英文名称"), max_length=100, required=False)
    summary = forms.CharField(label=_("服务说明"), max_length=500, required=False, widget=forms.Textarea({"rows": 3}))
    kind = forms.ChoiceField(label=_("协议"), choices=list(KINDS.items()), initial="http")
    quota_per_minute = forms.IntegerField(
        label=_("每个调用方每分钟配额"), min_value=0, initial=600, help_text=_("0 为不限")
    )
    pairs = (("code", "version"), ("name", "name_en"), ("kind", "quota_per_minute"))

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("code", "version"):
            self.fields[name].disabled = not new


class SubscriptionForm(Form):
    """A system that wants to call a service or be told of it."""

    caller = forms.CharField(label=_("系统"), max_length=100, help_text=_("系统的名称，如 县医院 LIS"))
    reason = forms.CharField(label=_("用途"), max_length=300, widget=forms.Textarea({"rows": 2}))
    endpoint = forms.ChoiceField(label=_("推送到端点"), required=False, help_text=_("不选则由对方调用，批准后得到密钥"))
    condition = forms.CharField(label=_("只推送符合条件的"), max_length=1000, required=False)
    quota_per_minute = forms.IntegerField(label=_("每分钟配额"), min_value=0, initial=0, help_text=_("0 为服务的配额"))
    pairs = (("endpoint", "quota_per_minute"),)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        out = Endpoint.objects.filter(direction=SENDS, state="open").order_by("name")
        self.fields["endpoint"].choices = [("", "—"), *((e.code, e.name) for e in out)]  # type: ignore[attr-defined]


class OutwardForm(Form):
    """An endpoint that messages are sent to."""

    code = forms.SlugField(label=_("端点代码"), help_text=CODE, max_length=40)
    name = forms.CharField(label=_("名称"), max_length=100)
    kind = forms.ChoiceField(label=_("协议"), choices=[(k, KINDS[k]) for k in ADDRESSES])
    address = forms.CharField(
        label=_("地址"),
        max_length=300,
        help_text=_("HTTP、SOAP、FHIR 写网址，MLLP 写主机:端口，Kafka 写主题，文件写目录"),
    )
    state = forms.ChoiceField(label=_("状态"), choices=[("open", _("开放")), ("closed", _("关闭"))])
    service = forms.ChoiceField(label=_("所属服务"), required=False)
    concurrency = forms.IntegerField(label=_("同时投递"), min_value=1, max_value=64, initial=4)
    per_minute = forms.IntegerField(label=_("每分钟至多"), min_value=0, initial=0, help_text=_("0 为不限"))
    timeout_seconds = forms.IntegerField(label=_("超时"), min_value=1, max_value=60, initial=10)
    keep_trying_hours = forms.IntegerField(label=_("无应答时持续重试"), min_value=1, max_value=720, initial=72)
    options = Json(
        label=_("协议选项（JSON）"), empty={}, rows=3,
        help_text=_("headers、method、action、auth（basic 或 bearer）、login、verify；口令放在环境变量 YIGONG_SECRET_BUS_代码"),
    )  # fmt: skip
    units = {"timeout_seconds": _("秒"), "keep_trying_hours": _("小时")}
    pairs = (
        ("code", "name"), ("kind", "state"), ("concurrency", "per_minute"), ("timeout_seconds", "keep_trying_hours"),
    )  # fmt: skip

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].disabled = not new
        self.fields["service"].choices = services()  # type: ignore[attr-defined]


class InwardForm(Form):
    """What may be changed of a place where messages arrive."""

    name = forms.CharField(label=_("名称"), max_length=100, required=False)
    state = forms.ChoiceField(label=_("状态"), choices=[("open", _("开放")), ("closed", _("关闭"))])
    service = forms.ChoiceField(label=_("所属服务"), required=False)
    keep_days = forms.IntegerField(label=_("原件保存"), min_value=1, max_value=36500)
    quota = forms.IntegerField(label=_("同时连接"), min_value=0, help_text=_("0 为不限"))
    takes_tests = forms.BooleanField(
        label=_("测试端点"), required=False,
        help_text=_("只用于测试环境：MSH-11 或 processingCode 为 T、D 的消息照常处理，会成为记录；不选则只保存并标记为测试"),
    )  # fmt: skip
    paths = Json(
        label=_("另按这些位置提取业务号（JSON）"), empty={}, rows=3,
        help_text=_('如 {"order": ["//request/id/@extension"], "patient": ["PID-4"]}；种类：patient、order、visit、document'),
    )  # fmt: skip
    units = {"keep_days": _("天")}
    pairs = (("name", "state"), ("keep_days", "quota"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = services()  # type: ignore[attr-defined]


def services() -> list[tuple[str, str]]:
    """Services to choose from, none first."""
    found = Service.objects.exclude(state="retired").order_by("name")
    return [("", "—"), *((str(s.pk), f"{s.title} {s.version}") for s in found)]


def aims() -> list[tuple[Any, Any]]:
    """Where a route may lead."""
    out = Endpoint.objects.filter(direction=SENDS).order_by("name")
    told = Service.objects.exclude(state="retired").order_by("name")
    run = Process.objects.filter(is_active=True).order_by("name")
    return [
        ("", "—"),
        (_("端点"), [(f"endpoint:{e.code}", e.name) for e in out]),
        (_("服务的全部订阅方"), [(f"service:{s.code}", s.title) for s in told]),
        (_("发起编排"), [(f"process:{p.code}", p.name) for p in run]),
    ]


class RouteForm(Form):
    """A route with up to four targets."""

    code = forms.SlugField(label=_("路由代码"), help_text=CODE, max_length=60)
    name = forms.CharField(label=_("名称"), max_length=100)
    position = forms.IntegerField(label=_("询问次序"), min_value=0, max_value=32000, initial=100)
    priority = forms.ChoiceField(label=_("优先级"), choices=PRIORITIES, initial=1)
    condition = forms.CharField(
        label=_("条件"), max_length=2000, required=False, widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
        help_text=_("不填则全部消息。如：类型 = 'ORU^R01' 且 [PV1-2] = 'E'"),
    )  # fmt: skip
    is_last = forms.BooleanField(label=_("符合的消息不再询问其后的路由"), required=False)
    pairs = (("code", "name"), ("position", "priority"))

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].disabled = not new
        for number in range(1, WAYS + 1):
            label = _("去向 %(number)s") % {"number": number}
            self.fields[f"aim_{number}"] = forms.ChoiceField(label=label, choices=aims(), required=False)
            self.fields[f"steps_{number}"] = Steps(label=_("转换步骤"))
        from yigong.web.forms import dress

        for name, field in self.fields.items():
            dress(self, name, field)

    def targets(self) -> list[dict[str, Any]]:
        """The targets as the register wants them."""
        found = []
        for number in range(1, WAYS + 1):
            kind, _sep, code = self.cleaned_data.get(f"aim_{number}", "").partition(":")
            if code:
                found.append({kind: code, "steps": self.cleaned_data.get(f"steps_{number}") or []})
        return found

    @staticmethod
    def initial_of(route: Route) -> dict[str, Any]:
        """The facts of a route as the form shows them."""
        shown: dict[str, Any] = {
            f: getattr(route, f) for f in ("code", "name", "position", "priority", "condition", "is_last")
        }
        targets = route.targets.filter(is_active=True).select_related("endpoint", "service", "process").order_by("pk")
        for number, target in enumerate(targets[:WAYS], start=1):
            kind = next(k for k in ("endpoint", "service", "process") if getattr(target, f"{k}_id"))
            shown |= {f"aim_{number}": f"{kind}:{getattr(target, kind).code}", f"steps_{number}": target.steps}
        return shown


class ReasonForm(Form):
    """Why."""

    reason = forms.CharField(label=_("原因"), max_length=300, widget=forms.Textarea({"rows": 3}))


class RevealForm(Form):
    """Why somebody has to read the persons in a message."""

    reason = forms.ChoiceField(
        label=_("为什么需要查看"),
        choices=[("fault", _("排查接口故障")), ("identity", _("核对患者身份")), ("complaint", _("处理投诉")), ("audit", _("安全审计"))],
    )  # fmt: skip
    note = forms.CharField(label=_("补充说明"), max_length=200, required=False)
