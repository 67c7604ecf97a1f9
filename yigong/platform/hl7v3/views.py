"""Pages of the services: one service with its try form, applications, their secrets."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Refused
from yigong.platform.bus import api as bus
from yigong.platform.hl7v3 import applications, carrying, declared, lists, message, selectors
from yigong.platform.hl7v3.examples import example
from yigong.platform.hl7v3.models import Application, ApplicationState
from yigong.platform.registry import api as registry
from yigong.security.api import action, audit
from yigong.web.forms import Form
from yigong.web.http import page, say, sentence

LIMIT = 400_000  # signs of a message tried on a page
services = action("hl7v3.view")(lists.ServiceList().view)
calls = action("hl7v3.view")(lists.CallList().view)
application_list = action("hl7v3.view")(lists.ApplicationList().view)


def _spec(key: str) -> declared.Spec:
    spec = declared.specs().get(key)
    if spec is None:
        raise Refused("v3.no_service", action=key[:60])
    return spec


def _facts(request: HttpRequest, spec: declared.Spec) -> dict[str, Any]:
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    standing = next(s for s in selectors.services(ctx) if s.key == spec.key)
    address = request.build_absolute_uri(reverse("hip:one", args=[spec.key]))
    return {
        "spec": spec,
        "title": spec.action if get_language() == "en" else spec.service.name_zh, "standing": standing, "state": lists.STATES[standing.state], "edition": lists.EDITIONS[spec.edition],
        "address": address, "wsdl": f"{address}?wsdl", "accepting": spec.answer(True), "refusing": spec.answer(False),
        "fields": spec.request, "certainty": spec.service.certainty, "may_try": ctx.may("hl7v3.try"),
        "may_manage": ctx.may("hl7v3.manage"), "calls": selectors.calls(ctx, service=spec.key).order_by("-id")[:10],
        "answers": lists.ANSWERS, "command": f"yigong hl7v3 call {spec.key} request.xml --url {address.rpartition('/ws/')[0]}",
    }  # fmt: skip


@action("hl7v3.view")
def service(request: HttpRequest, key: str) -> HttpResponse:
    """One service: address, WSDL, messages, fields, calls, and a request to try."""
    spec = _spec(key)
    text = example(spec, f"TRY-{secrets.token_hex(4).upper()}", now())
    return page(request, "hl7v3/service.html", {**_facts(request, spec), "text": text})


@require_POST
@action("hl7v3.try")
def try_it(request: HttpRequest, key: str) -> HttpResponse:
    """Carry a request out in the sandbox: everything is done and nothing stays, the journal included."""
    spec, ctx = _spec(key), request.ctx  # type: ignore[attr-defined]
    text = request.POST.get("message", "")[:LIMIT]
    found, reply = carrying.sandboxed(_visitor(ctx), spec, text.encode())
    audit(ctx, "hl7v3.try", "hl7v3_service", spec.key, after={"answer": found.type_code, "code": found.code})
    tone, word = lists.ANSWERS[found.type_code]
    context = {"text": text, "reply": _indented(reply), "tone": tone, "word": word, "detail": found.detail}
    return page(request, "hl7v3/service.html", {**_facts(request, spec), **context})


def _visitor(ctx: Ctx) -> Application:
    """An application that stands for the person at the page; it is never saved."""
    org_code = (
        ctx.org_code if registry.institution(ctx.org_code) else next((i.code for i in registry.institutions()), "")
    )
    return Application(
        code="sandbox", name=ctx.actor_name, org_code=org_code, orgs=[], aliases={}, source_system="SANDBOX", services=["*"], sandbox=True,
    )  # fmt: skip


def _indented(text: str) -> str:
    from lxml import etree

    tree = message.open_tree(text.encode())
    etree.indent(tree)
    return etree.tostring(tree, encoding="unicode")


@require_POST
@action("hl7v3.manage")
def switch(request: HttpRequest, key: str) -> HttpResponse:
    """Close a service, or open it again."""
    spec = _spec(key)
    standing = next(s for s in selectors.services(request.ctx) if s.key == key)  # type: ignore[attr-defined]
    state = "open" if standing.state == "closed" else "closed"
    bus.save_endpoint(system(), f"v3/{key}", kind="hl7v3", version=f"SOAP 1.2 · {spec.edition}", state=state)
    audit(request.ctx, "hl7v3.manage", "hl7v3_service", key, before={"state": standing.state}, after={"state": state})  # type: ignore[attr-defined]
    words = gettext("服务 %(key)s 已开放") if state == "open" else gettext("服务 %(key)s 已停用")
    return say(request, redirect("hl7v3:service", key=key), words % {"key": key})


class ApplicationForm(Form):
    """An application as an administrator fills it in."""

    code = forms.SlugField(label=_("应用名（英文、数字、连字符）"), max_length=40)
    name = forms.CharField(label=_("名称"), max_length=60)
    org_code = forms.ChoiceField(label=_("所属机构"))
    orgs = forms.MultipleChoiceField(
        label=_("另可代表的机构"), required=False, widget=forms.SelectMultiple({"size": 5})
    )
    source_system = forms.CharField(
        label=_("来源系统"), max_length=40, required=False, help_text=_("与其他采集方式相同时患者号相通，如 HIS-QH")
    )
    services = forms.CharField(
        label=_("可调用的服务"),
        initial="EHR-PL-* H0*",
        help_text=_("编号或通配，以空格分开，如 EHR-PL-* H02* YG-EHR-*"),
        max_length=400,
    )
    aliases = forms.CharField(
        label=_("机构代码对照"), required=False, max_length=2000, widget=forms.Textarea({"rows": 2}),
        help_text=_("每行一对：消息中的代码=已注册的机构代码"),
    )  # fmt: skip
    per_minute = forms.IntegerField(label=_("每分钟至多调用"), min_value=1, max_value=60_000, initial=600)
    sandbox = forms.BooleanField(label=_("沙箱：照常应答，什么也不留下"), required=False)
    pairs = (("code", "name"), ("source_system", "per_minute"))

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(i.code, i.name) for i in registry.institutions()]
        self.fields["org_code"].choices = self.fields["orgs"].choices = choices  # type: ignore[attr-defined]
        self.fields["code"].disabled = not new

    def clean_aliases(self) -> dict[str, str]:
        """The pairs as a dictionary."""
        lines = [line.strip() for line in self.cleaned_data["aliases"].splitlines() if line.strip()]
        pairs = [line.partition("=") for line in lines]
        if any(not theirs.strip() or not ours.strip() for theirs, _sign, ours in pairs):
            raise forms.ValidationError(_("每行写成：消息中的代码=已注册的机构代码"))
        return {theirs.strip(): ours.strip() for theirs, _sign, ours in pairs}


@never_cache
@action("hl7v3.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Register an application; its secret is shown once."""
    form = ApplicationForm(request.POST or None, new=True)
    if request.method == "POST" and form.is_valid():
        try:
            found, secret = _saved(request, form, new=True)
        except Refused as refused:
            form.add_error("code", sentence(refused))
        else:
            return _secret(request, found, secret)
    return _form_page(request, form, None)


@action("hl7v3.manage")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, application_id: int) -> HttpResponse:
    """Change an application."""
    row = selectors.application(request.ctx, application_id)  # type: ignore[attr-defined]
    initial = {
        f: getattr(row, f) for f in ("code", "name", "org_code", "orgs", "source_system", "per_minute", "sandbox")
    }
    initial |= {"services": " ".join(row.services), "aliases": "\n".join(f"{k}={v}" for k, v in row.aliases.items())}
    form = ApplicationForm(request.POST or None, initial=initial, new=False)
    if request.method == "POST" and form.is_valid():
        _saved(request, form, new=False)
        return say(
            request,
            redirect("hl7v3:application", application_id=row.pk),
            gettext("已保存 %(name)s") % {"name": row.name},
        )
    return _form_page(request, form, row)


def _saved(request: HttpRequest, form: ApplicationForm, *, new: bool) -> tuple[Application, str]:
    given = {n: v for n, v in form.cleaned_data.items() if n not in ("code", "services")}
    return applications.save_application(
        request.ctx,  # type: ignore[attr-defined]
        form.cleaned_data["code"],
        services=form.cleaned_data["services"].split(),
        new=new,
        **given,
    )


def _form_page(request: HttpRequest, form: ApplicationForm, row: Application | None) -> HttpResponse:
    back = reverse("hl7v3:application", args=[row.pk]) if row else reverse("hl7v3:applications")
    response = page(request, "hl7v3/application_edit.html", {"form": form, "row": row, "back": back})
    response.status_code = 200 if request.method == "GET" else 422
    return response


def _secret(request: HttpRequest, row: Application, secret: str) -> HttpResponse:
    response = page(request, "hl7v3/secret.html", {"row": row, "secret": secret})
    response["Cache-Control"] = "no-store"
    return response


@action("hl7v3.view")
def application(request: HttpRequest, application_id: int) -> HttpResponse:
    """One application: what it may, how often it called."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    row = selectors.application(ctx, application_id)
    context = {
        "row": row, "institution": registry.institution(row.org_code), "state": lists.APPLICATION_STATES[row.state],
        "others": [registry.institution(code) for code in row.orgs], "may_manage": ctx.may("hl7v3.manage"),
        "calls": selectors.calls(ctx, application=row.code).order_by("-id")[:20], "answers": lists.ANSWERS,
    }  # fmt: skip
    return page(request, "hl7v3/application.html", context)


@never_cache
@require_POST
@action("hl7v3.manage")
def renew(request: HttpRequest, application_id: int) -> HttpResponse:
    """A new secret, shown once; the old one is void."""
    row, secret = applications.renew_secret(request.ctx, application_id)  # type: ignore[attr-defined]
    return _secret(request, row, secret)


@require_POST
@action("hl7v3.manage")
def steer(request: HttpRequest, application_id: int, state: str) -> HttpResponse:
    """Suspend, resume or revoke."""
    if state not in ApplicationState.values:
        raise Refused("v3.no_application")
    row = applications.set_state(request.ctx, application_id, ApplicationState(state))  # type: ignore[attr-defined]
    words = gettext("%(name)s：%(state)s") % {"name": row.name, "state": row.get_state_display()}
    return say(request, redirect("hl7v3:application", application_id=row.pk), words)
