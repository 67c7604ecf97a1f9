"""Pages of the register of terms: catalogues, versions with their codes, writing, review and publishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.registry import changes, imports, term_domain, terms
from yigong.platform.registry.models import TermKind, TermSet, TermState, TermVersion
from yigong.platform.registry.term_domain import LIFE, Side
from yigong.security.api import action
from yigong.web.forms import Form
from yigong.web.http import page, say, sentence
from yigong.web.lists import Choice, Code, Inst, ListPage, Moment, Number, Text
from yigong.web.parts import Tab

TONES = {TermState.DRAFT: "idle", TermState.SUBMITTED: "wait", TermState.PUBLISHED: "ok", TermState.RETIRED: "hold"}
STATES = {s.value: (TONES[s], s.label) for s in TermState}
VERBS = {
    "submit": _("提交审核"),
    "return": _("退回"),
    "publish": _("审核并发布"),
    "retire": _("停用日期"),
    "replace": _("被新版本代替"),
    "codes": _("写入代码"),
}
SIDES = {"submit": Side.EDITOR, "return": Side.REVIEWER, "publish": Side.REVIEWER, "retire": Side.REVIEWER}
COLUMNS = {"代码": "code", "名称": "name", "上级代码": "parent_code", "状态": "active"}


class TermList(ListPage):
    """Catalogues and dictionaries (A34)."""

    name, title = "terms", _("术语注册")
    template = "registry/terms/list.html"
    search = _("名称或代码")
    columns = (
        Text("name", _("名称"), order="name", lead=True),
        Text("code", _("代码"), order="code"),
        Code("kind", _("类别"), dict(TermKind.choices)),
        Inst("org_code", _("登记机构")),
        Number("count", _("版本数")),
        Moment("created_at", _("登记时间"), order="created_at"),
    )
    filters = (Choice("kind", _("类别"), TermKind.choices), Choice("state", _("状态"), TermState.choices))
    order = ("name", "id")
    empty_title = _("还没有登记术语")
    empty_reason = _("可在此登记，也可由机构的系统通过术语注册服务提交。")

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Term sets."""
        return terms.term_sets(**filters)

    def row_url(self, row: Any) -> str:
        """The newest version of the set."""
        return reverse("terms:one", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """All, and those that wait for a reviewer."""
        here, waiting = reverse("terms:list"), request.GET.get("state") == TermState.SUBMITTED
        return [
            Tab(_("全部目录"), here, None, not waiting),
            Tab(_("待审核"), f"{here}?state={TermState.SUBMITTED}", terms.waiting_count(ctx), waiting),
        ]

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Whether the reader may add."""
        return {"may_save": ctx.may("terms.edit")}


class VersionForm(Form):
    """A new version of a set: new codes by text, or by file."""

    code = forms.CharField(label=_("目录代码"), max_length=50)
    name = forms.CharField(label=_("目录名称"), max_length=100)
    kind = forms.ChoiceField(label=_("类别"), choices=TermKind.choices)
    version = forms.CharField(label=_("版本号"), max_length=50)
    codes = forms.CharField(
        label=_("代码（每行：代码 制表符或逗号 名称）"),
        widget=forms.Textarea({"rows": 8}),
        required=False,
        max_length=400_000,
    )
    file = forms.FileField(label=_("或 CSV / XLSX 文件（列：代码、名称、上级代码、状态）"), required=False)
    pairs = (("code", "name"), ("kind", "version"))


@action("terms.view")
def one(request: HttpRequest, term_set_id: int) -> HttpResponse:
    """One set: its versions, the codes of the one chosen, what may be done with it, its history."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    found = TermSet.objects.filter(pk=term_set_id).first()
    if found is None:
        raise Refused("registry.no_such_version", number="", version="")
    versions = list(found.versions.order_by("-id"))
    chosen = next((v for v in versions if v.code == request.GET.get("version")), None) or terms.find_version(found.code)
    q = request.GET.get("q", "").strip()[:50]
    context = {
        "set": found, "versions": [(v, *STATES[v.state]) for v in versions], "chosen": chosen, "q": q,
        "codes": terms.codes_of(chosen, q=q, limit=500) if chosen else [], "total": chosen.terms.count() if chosen else 0,
        "state": STATES[chosen.state] if chosen else ("unk", ""), "moves": _moves(ctx, chosen),
        "history": [(c, VERBS.get(c.verb, c.verb)) for c in changes.history("term_set", found.code)],
        "may_save": ctx.may("terms.edit"), "own": chosen is not None and chosen.submitted_by == ctx.actor_name,
        "kind": dict(TermKind.choices).get(found.kind, found.kind),
    }  # fmt: skip
    return page(request, "registry/terms/one.html", context)


def _moves(ctx: Ctx, version: TermVersion | None) -> list[tuple[str, object, bool]]:
    """What the reader may do with a version: verb, words, whether it asks for a reason."""
    if version is None:
        return []
    found = {m.verb: m for m in LIFE.verbs(term_domain.TermState(version.state)) if m.side != Side.PLATFORM}
    return [(verb, VERBS[verb], "reason" in m.needs) for verb, m in found.items() if ctx.may(f"terms.{verb}")]


@action("terms.edit")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Write a version as a draft."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    form = VersionForm(
        request.POST or None, request.FILES or None, initial={"kind": "dictionary", **request.GET.dict()}
    )
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            codes = _codes(given["codes"], given["file"])
            row = terms.register_terms(
                ctx, given["code"], given["name"], given["version"], codes, kind=given["kind"], submit=False
            )
        except Refused as refused:
            form.add_error(None, sentence(refused))
        else:
            url = f"{reverse('terms:one', args=[row.term_set_id])}?version={row.code}"
            return say(request, redirect(url), gettext("已保存草稿，%(n)s 个代码") % {"n": len(codes)})
    response = page(request, "registry/terms/edit.html", {"form": form, "back": reverse("terms:list")})
    response.status_code = 200 if request.method == "GET" else 422
    return response


def _codes(text: str, file: Any) -> list[terms.Code]:
    """Codes from a file or from lines. Raises Refused registry.no_rows, registry.bad_code."""
    if file is not None:
        rows = imports.read_table(file.name, file.read(), {**COLUMNS, **{n: n for n in COLUMNS.values()}})
        return [
            terms.Code(
                r.get("code", ""),
                r.get("name", ""),
                r.get("active", "") not in ("0", "停用", "否"),
                r.get("parent_code", ""),
            )
            for r in rows
        ]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise Refused("registry.no_rows")
    parts = [line.replace("，", ",").split("\t" if "\t" in line else ",", 1) for line in lines]
    return [terms.Code(p[0].strip(), p[1].strip() if len(p) > 1 else "") for p in parts]


@require_POST
def move(request: HttpRequest, version_id: int, verb: str) -> HttpResponse:
    """Submit, return, publish, retire."""
    return action(f"terms.{verb}")(_move)(request, version_id, verb)


move.action = "terms.view"  # type: ignore[attr-defined]  # each verb asks for its own permission inside


def _move(request: HttpRequest, version_id: int, verb: str) -> HttpResponse:
    row = terms.move(request.ctx, version_id, verb, side=SIDES[verb], reason=request.POST.get("reason", "").strip())  # type: ignore[attr-defined]
    url = f"{reverse('terms:one', args=[row.term_set_id])}?version={row.code}"
    return say(
        request, redirect(url), gettext("%(verb)s：版本 %(version)s") % {"verb": VERBS[verb], "version": row.code}
    )


app_name = "terms"
urlpatterns = [
    path("", action("terms.view")(TermList().view), name="list"),
    path("new/", new, name="new"),
    path("<opaque:term_set_id>/", one, name="one"),
    path("version/<opaque:version_id>/<slug:verb>/", move, name="move"),
]
