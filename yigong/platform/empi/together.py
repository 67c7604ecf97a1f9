"""Two persons found by search, laid side by side and joined by hand."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from yigong.kit.errors import Refused
from yigong.platform.empi import joining, review, shown, shown_pair
from yigong.platform.empi.search import search
from yigong.platform.empi.selectors import golden
from yigong.security.api import action, opaque_id, revealed
from yigong.web.http import page, say

Request = Any  # HttpRequest with ctx

#: persons that a search shows
SHOWN = 8


@require_GET
@action("empi.decide")
def together(request: Request) -> HttpResponse:
    """Two searches, and the two persons that were chosen, side by side."""
    one, other = (_chosen(request.GET.get(name, "")) for name in ("one", "other"))
    context: dict[str, Any] = {"sides": [_side(request, "a", "one", one), _side(request, "b", "other", other)]}
    if one and other:
        context |= shown_pair.pair(review.beside(request.ctx, one, other), request.ctx)
        context |= {"one": opaque_id(one), "other": opaque_id(other)}
    return page(request, "empi/together.html", context | shown.desk(request))


def _chosen(text: str) -> int:
    """The person of an opaque id, 0 for none."""
    try:
        return revealed(text) if text else 0
    except ValueError:
        raise Refused("empi.no_such_person") from None


def _side(request: Request, field: str, chosen_as: str, person: int) -> dict[str, Any]:
    """One of the two columns: what was searched, who was found, who is chosen."""
    asked = request.GET.get(field, "").strip()[:60]
    found = search(request.ctx, asked, size=SHOWN) if asked and not person else None
    kept = {name: value for name in ("a", "b", "one", "other") if (value := request.GET.get(name, ""))}
    links = []
    for hit in found.rows if found else []:
        query = {**kept, chosen_as: opaque_id(hit.person_id)}
        links.append({"hit": hit, "query": urlencode(query)})
    return {
        "field": field,
        "chosen_as": chosen_as,
        "word": _("第一人") if field == "a" else _("第二人"),
        "asked": asked,
        "found": links,
        "more": bool(found and found.more),
        "searched": found is not None,
        "person": golden(request.ctx, person) if person else None,
        "kept": {name: value for name, value in kept.items() if name not in (field, chosen_as)},
    }


@require_POST
@action("empi.decide")
def join(request: Request) -> HttpResponse:
    """They are one person; a grave merge waits for a second person."""
    one, other = (_chosen(request.POST.get(name, "")) for name in ("one", "other"))
    for person in (one, other):
        golden(request.ctx, person)  # within reach, or refused
    done = joining.join(request.ctx, one, other, reason=str(request.POST.get("reason", "")).strip()[:200])
    undo = reverse("empi:undo", args=[done.decision]) if request.ctx.may("empi.undo") else ""
    if done.waits:
        place, words = reverse("empi:review"), _("已提议合并，待另一位专员复核")
    else:
        place, words = reverse("empi:person", args=[min(one, other)]), _("已合并为同一人")
    return say(request, HttpResponseRedirect(place), words, undo=undo)
