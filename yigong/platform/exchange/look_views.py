"""What stands in a source whose feed is being written down: its tables to choose from, its columns, its key."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_POST

from yigong.edge.extract.api import look_into
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange.forms import DATABASES, FeedForm, bares_password
from yigong.platform.exchange.sentences import sentence
from yigong.security.api import action, audit
from yigong.web.http import page


@require_POST
@action("exchange.configure")
def look(request: HttpRequest) -> HttpResponse:
    """Connect as the form says, list the tables, and take over the one that was picked with its key; nothing is kept."""
    ctx: Ctx = request.ctx  # type: ignore[attr-defined]
    given = {name: request.POST.get(name, "").strip() for name in ("kind", "url", "table", "picked", "key")}
    audit(ctx, "exchange.configure", "feed", "", after={"look": given["kind"]})
    return page(request, "exchange/look.html", {"is_database": given["kind"] in DATABASES, **_found(ctx, given)}, part="exchange/_look.html")  # fmt: skip


def _found(ctx: Ctx, given: dict[str, str]) -> dict[str, Any]:
    if given["kind"] not in DATABASES or not given["url"]:
        return {"asked": False}
    if bares_password(given["url"]):
        return {"asked": True, "bare": True}
    table = given["picked"] or given["table"]
    try:
        found = look_into(given["kind"], given["url"], table)
    except (Refused, Fault) as error:
        return {"asked": True, "trouble": sentence(error.code, error.facts)[1 if get_language() == "en" else 0]}
    taken = FeedForm(ctx=ctx, initial={"table": table, "key": ",".join(found.key)}) if given["picked"] else None
    return {
        "asked": True,
        "found": found,
        "table": table,
        "times": [name for name, kind in found.columns if kind == "time"],
        "table_field": taken["table"].as_widget(attrs={"hx-swap-oob": "true"}) if taken else "",
        "key_field": taken["key"].as_widget(attrs={"hx-swap-oob": "true"}) if taken else "",
    }
