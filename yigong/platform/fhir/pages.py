"""Pages of the applications that may ask: list, register, one, revoke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused
from yigong.platform.fhir import access, applications
from yigong.platform.fhir.models import Application
from yigong.platform.fhir.publish_pages import tabs
from yigong.platform.registry import api as registry
from yigong.security.api import action
from yigong.web.forms import Form
from yigong.web.http import page, sentence
from yigong.web.lists import Inst, ListPage, Moment, State, Text
from yigong.web.parts import Tab

STATES = {"active": ("ok", _("在用")), "revoked": ("idle", _("已停用"))}
REACHES = {Reach.OWN: _("本机构患者及已授权患者"), Reach.COUNTY: _("全县"), Reach.NONE: _("不含患者数据")}
PRESETS = "system/*.rs"


class ApplicationList(ListPage):
    """Applications, the newest first."""

    name, title = "fhir-applications", _("接入应用")
    template = "fhir/applications.html"
    search = _("应用名称或标识")
    columns = (
        State("state", _("状态"), STATES),
        Text("name", _("应用"), lead=True),
        Inst("org_code", _("机构")),
        Text("scopes", _("授权范围")),
        Text("source_system", _("来源系统")),
        Moment("last_used_at", _("最近取令牌")),
        Moment("made_at", _("登记时间")),
    )
    empty_title = _("还没有接入应用")
    empty_reason = _("登记后，应用凭密钥或公钥取得令牌，经 FHIR 接口读写资源。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The register is small: it is filtered in hand."""
        text = filters.get("q", "").lower()
        names = (
            "id",
            "name",
            "org_code",
            "scopes",
            "source_system",
            "last_used_at",
            "made_at",
            "client_id",
            "revoked_at",
        )
        return [
            {**row, "state": "revoked" if row["revoked_at"] else "active"}
            for row in Application.objects.order_by("-id").values(*names)
            if text in row["name"].lower() or text in row["client_id"].lower()
        ]

    def row_url(self, row: Any) -> str:
        """The application."""
        return reverse("fhir-pages:application", args=[row["id"]])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> list[Tab]:
        """Beside it what is published."""
        return tabs("applications")

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Whether to offer registering."""
        return {"may_register": ctx.may("fhir.register")}


applications_list = action("fhir.applications")(ApplicationList().view)


class Register(Form):
    """What has to be said of an application."""

    name = forms.CharField(label=_("应用名称"), max_length=80)
    org_code = forms.ChoiceField(label=_("机构"))
    source_system = forms.CharField(label=_("来源系统"), max_length=40, initial="FHIR")
    held = forms.CharField(label=_("授权范围"), initial=PRESETS, widget=forms.Textarea(attrs={"rows": 3}),
                           help_text=_("以空格分隔，如 system/Patient.rs system/Observation.cruds"))  # fmt: skip
    identifier_system = forms.CharField(label=_("患者标识系统"), required=False,
                                        help_text=_("Patient.identifier 中作本机构病人号的 system；留空则用资源 id"))  # fmt: skip
    jwks = forms.CharField(label=_("公钥（JWKS）"), required=False, widget=forms.Textarea(attrs={"rows": 4}),
                           help_text=_("填写后以签名断言取令牌，不再生成密钥"))  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["org_code"].choices = [(i.code, i.name) for i in registry.institutions()]  # type: ignore[attr-defined]


@action("fhir.register")
def register(request: HttpRequest) -> HttpResponse:
    """The form, and after it the application with its secret, shown once."""
    form = Register(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = applications.register(request.ctx, **form.cleaned_data)  # type: ignore[attr-defined]
        except Refused as refused:
            form.add_error("jwks" if refused.code == "fhir.key_wrong" else "held", sentence(refused))
        else:
            return _shown(request, made, secret)
    return page(request, "fhir/register.html", {"form": form}, status=200 if request.method == "GET" else 400)


@action("fhir.applications")
def application(request: HttpRequest, number: int) -> HttpResponse:
    """One application."""
    return _shown(request, applications.application(request.ctx, number))  # type: ignore[attr-defined]


def _shown(request: HttpRequest, found: Application, secret: str = "") -> HttpResponse:
    tone, word = STATES["revoked" if found.revoked_at else "active"]
    institution = registry.institution(found.org_code)
    context = {
        "application": found,
        "secret": secret,
        "tone": tone,
        "word": word,
        "institution_name": institution.name if institution else "",
        "method": _("签名断言（公钥）") if found.jwks else _("密钥"),
        "scopes": found.scopes.split(),
        "reach": REACHES[Reach(found.reach)],
        "token_url": access.token_url(request),
        "may_revoke": request.ctx.may("fhir.revoke") and not found.revoked_at,  # type: ignore[attr-defined]
    }
    response = page(request, "fhir/application.html", context)
    if secret:
        response["Cache-Control"] = "no-store"
    return response


@require_POST
@action("fhir.revoke")
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """End an application's access."""
    found = applications.revoke(request.ctx, number)  # type: ignore[attr-defined]
    messages.success(request, str(_("已停用 %(name)s") % {"name": found.name}))
    return redirect("fhir-pages:application", number=number)
