"""Pages that make a shared document of an event: choose its kind, look at it with its findings, issue it signed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from yigong.kit.ctx import Ctx
from yigong.platform.documents import api as documents
from yigong.platform.records.rendering import view
from yigong.sharing import selectors, services, tabs
from yigong.sharing.access import person_page
from yigong.standards.api import DataSet, Field
from yigong.standards.api import load as standards
from yigong.web.http import page, say

ORDER = ("error", "warning", "info")


@require_http_methods(["GET", "POST"])
@person_page("document.issue")
def compose(request: HttpRequest, person_id: int, event_id: int) -> HttpResponse:
    """The document that an event would make, with findings and losses; POST issues it and opens it."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    who = selectors.banner(ctx, person_id)
    if request.method == "POST":
        document_id = documents.issue(
            ctx, person_id, event_id, request.POST.get("code", ""), reason=request.POST.get("reason", "")
        )
        there = redirect(reverse("sharing:document", args=[person_id, document_id]))
        return say(request, there, _("已生成并签名"))
    event = documents.event_of(ctx, person_id, event_id)
    kinds = documents.kinds(ctx, person_id, event)
    code = request.GET.get("code", "") or (kinds[0].code if kinds else "")
    context: dict[str, Any] = {"event": event, "kinds": kinds, "code": code, "tab": "documents", **tabs.head(who)}
    if kinds:
        context |= _preview(ctx, documents.compose(ctx, person_id, event_id, code))
    services.record_reading(ctx, "person.event", person_id, who.anchor, event=event_id, preview=code)
    return page(request, "sharing/compose.html", context)


def _preview(ctx: Ctx, draft: documents.Draft) -> dict[str, Any]:
    findings = sorted(draft.report.findings, key=lambda f: (ORDER.index(f.severity), f.line))
    return {
        "draft": draft,
        "view": view(draft.data, standards()),
        "findings": findings,
        "counts": {severity: draft.report.count(severity) for severity in ORDER},
        "lost": [(names(loss.data_set, loss.field), loss.value, loss.because) for loss in draft.losses],
        "borrowed": [(name, names(data_set, "")[0], value) for name, data_set, value in draft.borrowed],
        "may_issue": draft.event.org_code in ctx.orgs,
        "may_overrule": ctx.may("document.overrule"),
    }


def names(data_set: str, field: str) -> tuple[str, str]:
    """What the standard calls a data set and a field of it, in the reader's language; a sender's own words stay."""
    declared = standards().data_sets.get(data_set)
    found = next((f for f in declared.fields if f.identifier == field), None) if declared else None
    return (_name(declared) if declared else data_set), (_name(found) if found else field.removeprefix("extra."))


def _name(declared: DataSet | Field) -> str:
    return declared.name_en if get_language() == "en" and declared.name_en else declared.name_zh
