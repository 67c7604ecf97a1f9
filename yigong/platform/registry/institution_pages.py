"""Pages of one institution, of the years, and of import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.registry import changes, departments, imports
from yigong.platform.registry.institution_list import STATES
from yigong.platform.registry.models import Division, Institution, Kind, State
from yigong.platform.registry.selectors import division_names, institution, institutions
from yigong.security.api import action, audit
from yigong.web.forms import Form
from yigong.web.http import page, say, sentence

COLUMNS = {
    "组织机构代码": "code", "名称": "name", "简称": "short_name", "类别": "kind", "级别": "level", "上级机构代码": "parent_code",
    "行政区划代码": "division_code", "地址": "address", "电话": "phone", "床位": "beds", "状态": "state",
}  # fmt: skip
WORDS = {name: word for word, name in COLUMNS.items()} | {"year": "年度", "name_en": "英文名称", "departments": "科室"}


class InstitutionForm(Form):
    """An institution as a clerk fills it in."""

    code = forms.CharField(label=_("组织机构代码"), max_length=10)
    name = forms.CharField(label=_("名称"), max_length=70)
    short_name = forms.CharField(label=_("简称"), max_length=8, help_text=_("两个字，作机构标记"))
    name_en = forms.CharField(label=_("英文名称"), max_length=120, required=False)
    kind = forms.ChoiceField(label=_("类别"), choices=Kind.choices)
    level = forms.CharField(label=_("级别"), max_length=20, required=False)
    parent_code = forms.ChoiceField(label=_("上级机构"), required=False)
    division_code = forms.ChoiceField(label=_("行政区划"), required=False)
    address = forms.CharField(label=_("地址"), max_length=120, required=False)
    phone = forms.CharField(label=_("电话"), max_length=20, required=False)
    beds = forms.IntegerField(label=_("床位"), required=False, min_value=0, max_value=20_000)
    state = forms.ChoiceField(label=_("状态"), choices=State.choices)
    pairs = (("code", "short_name"), ("kind", "level"), ("parent_code", "division_code"), ("phone", "beds"))

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        none = [("", _("没有"))]
        self.fields["parent_code"].choices = none + [(i.code, i.name) for i in institutions()]  # type: ignore[attr-defined]
        self.fields["division_code"].choices = none + list(division_names().items())  # type: ignore[attr-defined]
        self.fields["code"].disabled = not new


def _newest(code: str) -> Institution:
    found = Institution.objects.filter(code=code).order_by("-year").first()
    if found is None:
        raise Refused("registry.no_such_institution", number=code)
    return found


@action("registry.view")
def one(request: HttpRequest, code: str) -> HttpResponse:
    """One institution: facts by year, departments, history."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    row = _newest(code)
    history = [
        (c, [(WORDS.get(n, n), a, b) for n, a, b in changes.differences(c)])
        for c in changes.history("institution", code)
    ]
    context = {
        "row": row,
        "title": (row.name_en or row.code) if get_language() == "en" else row.name, "parent": institution(row.parent_code), "division": division_names().get(row.division_code, row.division_code),
        "years": list(Institution.objects.filter(code=code).order_by("-year")), "departments": departments.departments(code),
        "history": history, "state": STATES[row.state], "may_save": ctx.may("registry.save"),
    }  # fmt: skip
    return page(request, "registry/institutions/one.html", context)


@action("registry.save")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Register an institution."""
    return _edit(request, None)


@action("registry.save")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, code: str) -> HttpResponse:
    """Change an institution as it stands in its newest year."""
    return _edit(request, _newest(code))


def _edit(request: HttpRequest, row: Institution | None) -> HttpResponse:
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    initial = {f: getattr(row, f) for f in InstitutionForm.base_fields} if row else {"state": State.ACTIVE}
    form = InstitutionForm(request.POST or None, initial=initial, new=row is None)
    if request.method == "POST" and form.is_valid():
        facts = {n: v for n, v in form.cleaned_data.items() if n != "code"}
        try:
            saved = departments.save_institution(ctx, form.cleaned_data["code"], facts, new=row is None)
        except Refused as refused:
            form.add_error("code", sentence(refused))
        else:
            url = reverse("institutions:one", args=[saved.code])
            return say(request, redirect(url), gettext("已保存 %(name)s") % {"name": saved.name})
    back = reverse("institutions:one", args=[row.code]) if row else reverse("institutions:list")
    response = page(request, "registry/institutions/edit.html", {"form": form, "row": row, "back": back})
    response.status_code = 200 if request.method == "GET" else 422
    return response


@action("registry.save")
@require_http_methods(["GET", "POST"])
def years(request: HttpRequest) -> HttpResponse:
    """The years of the register, and copying one forward."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    counts = list(Institution.objects.values("year").annotate(rows=Count("id")).order_by("-year"))
    if request.method == "POST":
        source, target = (int(request.POST.get(n, "") or 0) for n in ("source", "target"))
        copied = departments.copy_year(ctx, source, target)
        return say(
            request,
            redirect("institutions:years"),
            gettext("已复制 %(n)s 家机构到 %(year)s 年度") % {"n": copied, "year": target},
        )
    newest = counts[0]["year"] if counts else today().year
    context = {"counts": counts, "source": newest, "target": max(newest + 1, today().year), "may_save": True}
    return page(request, "registry/institutions/years.html", context)


@action("registry.save")
@require_http_methods(["GET", "POST"])
def take(request: HttpRequest) -> HttpResponse:
    """Take a file in: good rows are saved for this year, each bad row is listed with its number and reason."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    found = None
    if request.method == "POST":
        sent = request.FILES.get("file")
        if sent is None:
            raise Refused("registry.no_rows")
        rows = imports.read_table(str(sent.name), sent.read(), {**COLUMNS, **{n: n for n in COLUMNS.values()}})
        found = imports.take_rows(rows, lambda r: r.get("name", ""), lambda r: _save(ctx, r))
        audit(
            ctx,
            "registry.save",
            "registry_institution",
            "import",
            after={"rows": found.read, "errors": len(found.errors)},
        )
    context = {
        "found": found, "columns": list(COLUMNS), "title": _("机构导入"), "back": reverse("institutions:list"),
        "template": reverse("institutions:template"),
    }  # fmt: skip
    return page(request, "registry/import.html", context)


def _save(ctx: Ctx, row: Mapping[str, str]) -> str:
    facts: dict[str, Any] = {n: v for n, v in row.items() if v}
    if missing := [WORDS[n] for n in ("code", "name") if not facts.get(n)]:
        raise Refused("missing", fields=missing)
    for name, choices in (("kind", Kind), ("state", State)):
        if given := facts.get(name):
            facts[name] = _choice(name, given, choices)
    if given := facts.get("beds"):
        if not given.isdigit():
            raise Refused("registry.no_number", field=WORDS["beds"], value=given[:20])
        facts["beds"] = int(given)
    if (given := facts.get("division_code")) and not Division.objects.filter(code=given).exists():
        raise Refused("registry.not_in_list", field=WORDS["division_code"], value=given[:20])
    code = facts.pop("code")
    before = Institution.objects.filter(code=code).order_by("-year").first()
    if before is None:
        facts.setdefault("short_name", facts["name"][:2])
        facts.setdefault("kind", Kind.OTHER.value)
        departments.save_institution(ctx, code, facts, new=True, reason="导入")
        return "new"
    said = changes.facts(before)
    after = departments.save_institution(ctx, code, facts, new=False, reason="导入")
    return "same" if changes.facts(after) == said else "changed"


def _choice(name: str, given: str, choices: Any) -> str:
    """A choice by its value or its word. Raises Refused registry.not_in_list."""
    for value, word in choices.choices:
        if given in (value, str(word)):
            return str(value)
    raise Refused("registry.not_in_list", field=WORDS[name], value=given[:20])


@action("registry.save")
def template(request: HttpRequest) -> HttpResponse:
    """An empty table with the names of its columns."""
    response = HttpResponse("\ufeff" + ",".join(COLUMNS) + "\r\n", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="institutions.csv"'
    return response
