"""The board and the rows behind its figures."""

from __future__ import annotations

import csv
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from yigong.kit.clock import now, today
from yigong.kit.errors import Refused
from yigong.platform.registry import api as registry
from yigong.platform.warehouse import api as warehouse
from yigong.security import api as security
from yigong.security.api import action
from yigong.supervision import board, charts, periods, shown
from yigong.web.http import page

ROWS_ON_A_PAGE = 50
EXPORT_LIMIT = 50_000


def _window(request: HttpRequest) -> tuple[str, warehouse.Period, list[str] | None]:
    name = request.GET.get("period", "month")
    name = name if name in periods.NAMES else "month"
    org = request.GET.get("org", "")
    known = [org] if org and registry.institution(org) else None
    return name, periods.period(name, today()), known


@action("supervision.view")
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Figures, charts, map and institutions of a period."""
    name, window, orgs = _window(request)
    context = {
        "period_name": name,
        "period_options": periods.WORDS.items(),
        "window": window,
        "org": registry.institution(orgs[0]) if orgs else None,
        "org_options": [
            ("", _("全部机构")),
            *((i.code, i.name) for i in registry.institutions(*board.INSTITUTION_KINDS)),
        ],
        "figures": [shown.figure(f, name, orgs) for f in board.figures(window, orgs)],
        "visits": charts.visits(board.visits_by_month(today(), orgs)),
        "referrals": charts.referrals(board.referrals_by_month(today(), orgs)),
        "map": charts.county_map(board.by_division(window)),
        "heads": shown.heads(),
        "rows": [shown.institution_row(r, name) for r in board.institutions(window)],
        "refreshed_at": warehouse.refreshed_at(),
    }
    return page(request, "supervision/board.html", context)


@action("supervision.drill")
@require_GET
def rows(request: HttpRequest, measure_id: str) -> HttpResponse:
    """The rows behind a figure: numerator or denominator, a page at a time, or as a file."""
    if measure_id not in warehouse.measures():
        raise Refused("not_found", what="measure")
    name, window, orgs = _window(request)
    part = "numerator" if request.GET.get("part") == "numerator" else "denominator"
    as_file = request.GET.get("as") == "csv"
    number = request.GET.get("page", "1")
    current = max(1, int(number)) if number.isdigit() else 1
    limit, offset = (EXPORT_LIMIT, 0) if as_file else (ROWS_ON_A_PAGE, (current - 1) * ROWS_ON_A_PAGE)
    names, found, total = warehouse.rows(measure_id, period=window, part=part, orgs=orgs, limit=limit, offset=offset)
    if as_file:
        return _file(request, measure_id, names, found)
    measure = warehouse.measures()[measure_id]
    context = {
        "measure": measure,
        "words": board.words_of(measure),
        "value": warehouse.measure([measure_id], period=window, orgs=orgs)[0],
        "columns": [charts.COLUMN_WORDS.get(n, n) for n in names],
        "rows": [[charts.cell(n, c) for n, c in zip(names, r, strict=True)] for r in found],
        "pager": shown.pager(current, total, ROWS_ON_A_PAGE),
        "parts": shown.parts_of(measure),
        "may_export": request.ctx.may("supervision.export"),  # type: ignore[attr-defined]
        "period_name": name,
        "window": window,
        "org": registry.institution(orgs[0]) if orgs else None,
    }
    return page(request, "supervision/rows.html", context)


def _file(request: HttpRequest, measure_id: str, names: list[str], found: list[tuple[Any, ...]]) -> HttpResponse:
    ctx = request.ctx  # type: ignore[attr-defined]
    ctx.must("supervision.export")
    security.audit(ctx, "supervision.export", "measure", measure_id, after={"rows": len(found)})
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{measure_id}.csv"'
    out = csv.writer(response)
    out.writerow([f"{ctx.actor_name} {localtime(now()):%Y-%m-%d %H:%M} {ctx.request_id}"])
    out.writerow(names)
    out.writerows(found)
    return response


@action("supervision.view")
@require_GET
def definitions(request: HttpRequest) -> HttpResponse:
    """All measures as declared: definition, formula, source, version."""
    declared = [{"measure": m, **board.words_of(m)} for m in warehouse.measures().values()]
    return page(request, "supervision/definitions.html", {"measures": declared})
