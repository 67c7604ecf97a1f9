"""Pages of the register of staff: list, one person of staff with history, adding, changing, import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
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
from yigong.kit.moments import NotAMoment, day
from yigong.platform.registry import changes, imports, staff
from yigong.platform.registry.institution_list import STATES
from yigong.platform.registry.models import Staff, State
from yigong.platform.registry.selectors import institution, institutions
from yigong.security.api import action, audit
from yigong.web.forms import Form, Identity
from yigong.web.http import page, say
from yigong.web.lists import Choice, Column, Inst, ListPage, Text
from yigong.web.lists import State as StateColumn
from yigong.web.parts import Tab

STANDING = {
    "over": ("bad", _("已过期")), "soon": ("warn", _("90 天内到期")), "good": ("ok", _("有效")), "unknown": ("unk", _("未登记")),
}  # fmt: skip
SEXES = [("", _("未登记")), ("1", _("男")), ("2", _("女")), ("9", _("未说明"))]
#: words of an import's first row -> name
COLUMNS = {
    "身份证号": "id_no", "姓名": "full_name", "性别代码": "sex_code", "出生日期": "born_on", "机构代码": "org_code", "科室": "department",
    "工号": "staff_no", "专业类别": "profession", "职称": "title", "职称有效期至": "title_ends_on", "执业证书号": "license_no",
    "执业有效期至": "license_ends_on", "电话": "phone",
}  # fmt: skip
WORDS = {
    **{name: word for word, name in COLUMNS.items()},
    "state": "状态",
    "sites": "多点执业",
    "title_code": "职称代码",
    "department_code": "科室代码",
}
DAYS = ("born_on", "title_ends_on", "license_ends_on")


class Ending(Column):
    """Until when a licence or title stands, and how that is today."""

    named = True

    def cell(self, row: object) -> object:
        from yigong.web.templatetags.yg import yg_state

        tone, word = STANDING[staff.standing(self.fact(row))]  # type: ignore[arg-type]
        return yg_state(tone, f"{self.plain(row)} {word}" if self.fact(row) else word)

    def plain(self, row: object) -> str:
        found = self.fact(row)
        return found.isoformat() if isinstance(found, date) else ""


class Masked(Column):
    """An identity number of which one sees only the ends."""

    def plain(self, row: object) -> str:
        return staff.masked(str(self.fact(row) or ""))


class StaffList(ListPage):
    """Staff in reach (A18)."""

    name, title = "staff", _("人员注册")
    template = "registry/staff/list.html"
    search = _("姓名、工号、证书号或完整身份证号")
    columns = (
        Text("full_name", _("姓名"), order="full_name", lead=True),
        Inst("org_code", _("机构")),
        Text("department", _("科室")),
        Text("title", _("职称")),
        Masked("id_no", _("身份证号")),
        Ending("license_ends_on", _("执业有效期"), order="license_ends_on"),
        Ending("title_ends_on", _("职称有效期"), order="title_ends_on"),
        StateColumn("state", _("状态"), STATES),
    )
    filters = (
        Choice("org_code", _("机构"), lambda _c: [(i.code, i.name) for i in institutions()]),
        Choice("state", _("状态"), State.choices),
        Choice("ending", _("到期"), [("over", _("已过期")), ("soon", _("90 天内到期"))]),
    )
    order = ("full_name", "id")
    export_action = "registry.export"
    empty_title = _("没有符合条件的人员")
    empty_reason = _("去掉筛选再看，或登记新的人员。")

    @staticmethod
    def exported(ctx: Ctx, name: str, filters: Mapping[str, Any], count: int) -> None:
        """Write the export down."""
        audit(ctx, "registry.export", "list", name, after={"rows": count})

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """Staff in reach."""
        return staff.staff_list(ctx, **filters)

    def row_url(self, row: Any) -> str:
        """The page of this member of staff."""
        return reverse("staff:one", args=[row.pk])

    def tabs(self, request: HttpRequest, ctx: Ctx) -> Sequence[Tab]:
        """All, those whose papers are over, those whose papers end soon."""
        here, which = reverse("staff:list"), request.GET.get("ending", "")
        counts = {w: staff.staff_list(ctx, ending=w).count() for w in ("over", "soon")}
        return [
            Tab(_("全部人员"), here, None, not which),
            Tab(_("已过期"), f"{here}?ending=over", counts["over"], which == "over"),
            Tab(_("即将到期"), f"{here}?ending=soon", counts["soon"], which == "soon"),
        ]

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """Whether the reader may add."""
        return {"may_save": ctx.may("registry.save")}


class StaffForm(Form):
    """A member of staff as a clerk fills it in."""

    id_no = Identity(label=_("身份证号"), max_length=22)
    full_name = forms.CharField(label=_("姓名"), max_length=50)
    sex_code = forms.ChoiceField(label=_("性别"), choices=SEXES, required=False)
    born_on = forms.DateField(label=_("出生日期"), required=False, widget=forms.DateInput())
    org_code = forms.ChoiceField(label=_("机构"))
    department = forms.CharField(label=_("科室"), max_length=50, required=False)
    staff_no = forms.CharField(label=_("工号"), max_length=50, required=False)
    profession = forms.CharField(label=_("专业类别"), max_length=20, required=False)
    title = forms.CharField(label=_("职称"), max_length=30, required=False)
    title_ends_on = forms.DateField(label=_("职称有效期至"), required=False, widget=forms.DateInput())
    license_no = forms.CharField(label=_("执业证书号"), max_length=30, required=False)
    license_ends_on = forms.DateField(label=_("执业有效期至"), required=False, widget=forms.DateInput())
    phone = forms.CharField(label=_("电话"), max_length=20, required=False)
    state = forms.ChoiceField(label=_("状态"), choices=State.choices)
    pairs = (
        ("sex_code", "born_on"), ("org_code", "department"), ("staff_no", "profession"), ("title", "title_ends_on"),
        ("license_no", "license_ends_on"), ("phone", "state"),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["org_code"].choices = [(i.code, i.name) for i in institutions()]  # type: ignore[attr-defined]


@action("registry.view")
def one(request: HttpRequest, staff_id: int) -> HttpResponse:
    """One member of staff: facts, papers, places of practice, history; the reading is audited."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    row = staff.one(ctx, staff_id)
    audit(ctx, "registry.view", "registry_staff", staff_id)
    papers = [(_("执业证书"), row.license_no, row.license_ends_on), (_("职称"), row.title, row.title_ends_on)]
    lines = [
        (c, [(WORDS.get(n, n), _shown(n, a), _shown(n, b)) for n, a, b in changes.differences(c)])
        for c in changes.history("staff", staff_id)
    ]
    context = {
        "row": row, "masked": staff.masked(row.id_no), "institution": institution(row.org_code), "history": lines,
        "papers": [(word, number, ends, *STANDING[staff.standing(ends)]) for word, number, ends in papers],
        "sites": [(institution(s.get("org_code", "")), s) for s in row.sites], "state": STATES[row.state],
        "may_save": ctx.may("registry.save"),
    }  # fmt: skip
    return page(request, "registry/staff/one.html", context)


def _shown(name: str, value: Any) -> Any:
    """A value of the history; what tells who somebody is stays masked."""
    if name in ("id_no", "phone"):
        return staff.masked(str(value or ""))
    return "、".join(str(s.get("org_code")) for s in value) if name == "sites" and value else value


@action("registry.save")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Register a member of staff."""
    return _edit(request, None)


@action("registry.save")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, staff_id: int) -> HttpResponse:
    """Change a member of staff."""
    return _edit(request, staff.one(request.ctx, staff_id))  # type: ignore[attr-defined]


def _edit(request: HttpRequest, row: Staff | None) -> HttpResponse:
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    initial = (
        {f: getattr(row, f) for f in StaffForm.base_fields}
        if row
        else {"state": State.ACTIVE, "org_code": ctx.org_code}
    )
    form = StaffForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            saved = (
                staff.update_staff(ctx, row.pk, form.cleaned_data)
                if row
                else staff.register_staff(ctx, form.cleaned_data)
            )
        except Refused as refused:
            from yigong.web.http import sentence

            form.add_error("id_no", sentence(refused))
        else:
            url = reverse("staff:one", args=[saved.pk])
            return say(request, redirect(url), gettext("已保存 %(name)s") % {"name": saved.full_name})
    back = reverse("staff:one", args=[row.pk]) if row else reverse("staff:list")
    status = 200 if request.method == "GET" else 422
    response = page(request, "registry/staff/edit.html", {"form": form, "row": row, "back": back})
    response.status_code = status
    return response


@action("registry.save")
@require_http_methods(["GET", "POST"])
def take(request: HttpRequest) -> HttpResponse:
    """Take a file in: good rows are saved, each bad row is listed with its number and reason."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    found = None
    if request.method == "POST":
        sent = request.FILES.get("file")
        if sent is None:
            raise Refused("registry.no_rows")
        rows = imports.read_table(str(sent.name), sent.read(), {**COLUMNS, **{n: n for n in COLUMNS.values()}})
        found = imports.take_rows(rows, lambda r: r.get("full_name", ""), lambda r: _save(ctx, r))
        audit(ctx, "registry.save", "registry_staff", "import", after={"rows": found.read, "errors": len(found.errors)})
    return page(request, "registry/import.html", {
        "found": found, "columns": list(COLUMNS), "title": _("人员导入"), "back": reverse("staff:list"), "template": reverse("staff:template"),
    })  # fmt: skip


def _save(ctx: Ctx, row: Mapping[str, str]) -> str:
    facts: dict[str, Any] = {n: v for n, v in row.items() if v}
    for name in DAYS:
        if name in facts:
            try:
                facts[name] = day(facts[name])
            except NotAMoment:
                raise Refused("registry.bad_day", field=WORDS[name], value=facts[name][:20]) from None
    if facts.get("org_code") and institution(facts["org_code"]) is None:
        raise Refused("registry.no_such_institution", number=facts["org_code"])
    facts["id_no"] = facts.get("id_no", "").upper()
    before = staff.staff_by_id_no(facts["id_no"])
    if before is None:
        staff.register_staff(ctx, facts, reason="导入")
        return "new"
    after = staff.update_staff(ctx, before.pk, facts, reason="导入")
    return "same" if after.version == before.version else "changed"


@action("registry.save")
def template(request: HttpRequest) -> HttpResponse:
    """An empty table with the names of its columns."""
    response = HttpResponse("\ufeff" + ",".join(COLUMNS) + "\r\n", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="staff.csv"'
    return response


app_name = "staff"
urlpatterns = [
    path("", action("registry.view")(StaffList().view), name="list"),
    path("new/", new, name="new"),
    path("import/", take, name="import"),
    path("import/template/", template, name="template"),
    path("<opaque:staff_id>/", one, name="one"),
    path("<opaque:staff_id>/edit/", edit, name="edit"),
]
__all__ = ["require_POST", "urlpatterns"]
