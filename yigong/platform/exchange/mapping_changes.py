"""What the pages of a mapping change: one line, a table of codes, the filter, the text; publish, give up, go back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import editing, mappings, selectors
from yigong.platform.exchange.mapping_views import SURE, sample
from yigong.platform.exchange.models import Feed
from yigong.security.api import action


@require_POST
@action("exchange.map")
def change(request: HttpRequest, feed_id: int, verb: str) -> HttpResponse:
    """One change of the draft, or its end: published, given up, gone back to an old version."""
    ctx = request.ctx  # type: ignore[attr-defined]
    feed = selectors.feed(ctx, feed_id)
    if verb not in CHANGES:
        raise Refused("not_found")
    side = CHANGES[verb](request, ctx, feed)
    return redirect(f"{reverse('exchange:mapping', args=[feed.pk])}?tab={side}")


def _set_line(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    given = request.POST
    how = given.get("how", "")
    source = (
        ", ".join(given.getlist("column")) if how == "from" else given.get("value" if how == "value" else "expr", "")
    )
    gone = "remove" in given
    line = editing.Line(
        given.get("name", ""), "" if gone else how, source.strip(), given.get("codes", "").strip(), given.get("parse", "").strip(),
        given.get("default", "").strip(), given.get("kind", ""), "lenient" in given,
    )  # fmt: skip
    mappings.save_draft(ctx, feed, editing.put(mappings.draft_of(feed), given.get("section", ""), line))
    return "fields"


def _accept(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    """A suggestion that a person confirmed: this column holds this field."""
    line = editing.Line(request.POST.get("name", ""), "from", request.POST.get("column", ""))
    mappings.save_draft(ctx, feed, editing.put(mappings.draft_of(feed), "fields", line))
    return "fields"


def _set_plain(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    draft = mappings.draft_of(feed)
    if name := request.POST.get("data_set", ""):
        draft = editing.put_plain(draft, "data_set", mappings.data_set(name).identifier)
    for part in ("key", "group", "encounter"):
        if part in request.POST:
            draft = editing.put_plain(draft, part, [c for c in request.POST.getlist(part) if c])
    if "source_system" in request.POST:
        draft = editing.put_plain(draft, "source_system", request.POST["source_system"].strip())
    mappings.save_draft(ctx, feed, draft)
    return "fields"


def _set_codes(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    """Values that a person gave a code, or whose suggestion a person confirmed."""
    name, section = request.POST.get("name", ""), request.POST.get("section", "fields")
    draft = mappings.draft_of(feed)
    line = editing.line(name, (draft.get(section) or {}).get(name))
    table = line.codes if line.codes and line.codes != "names" else name
    codes = {
        k.removeprefix("code:"): v for k, v in request.POST.items() if k.startswith("code:") and isinstance(v, str)
    }
    if "sure" in request.POST:
        frame, _trouble = sample(ctx, feed)
        words = mappings.words(feed, line, frame)
        codes = {w.value: w.hints[0].target for w in words if not w.code and w.hints and w.hints[0].score >= SURE}
    if line.codes != table:
        parts = editing.Line(name, line.how, line.source, table, line.parse, line.default, line.kind, line.lenient)
        draft = editing.put(draft, section, parts)
    mappings.save_draft(ctx, feed, editing.put_codes(draft, table, codes))
    messages.success(request, _("已确认 %(n)s 个值") % {"n": sum(1 for v in codes.values() if v)})
    return f"values&field={name}"


def _set_rules(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    given = request.POST
    names, whens, thens = given.getlist("rule_name"), given.getlist("rule_when"), given.getlist("rule_then")
    rules = [{"name": n.strip(), "when": w.strip(), "then": t} for n, w, t in zip(names, whens, thens, strict=False)]
    mappings.save_draft(ctx, feed, editing.put_rules(mappings.draft_of(feed), rules, given.get("otherwise", "pass")))
    return "filter"


def _set_text(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    mappings.save_text(ctx, feed, request.POST.get("text", ""))
    return "text"


def _publish(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    made = mappings.publish(ctx, feed)
    messages.success(request, _("已发布为第 %(n)s 版，下次运行起用") % {"n": made.version})
    return "versions"


def _discard(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    mappings.discard_draft(ctx, feed)
    return "fields"


def _back(request: HttpRequest, ctx: Ctx, feed: Feed) -> str:
    number = request.POST.get("version", "")
    made = mappings.go_back(ctx, feed, int(number) if number.isdigit() else 0)
    messages.success(request, _("第 %(old)s 版的内容已成为第 %(n)s 版") % {"old": number, "n": made.version})
    return "versions"


CHANGES: Mapping[str, Callable[[HttpRequest, Ctx, Feed], str]] = {
    "line": _set_line, "accept": _accept, "plain": _set_plain, "codes": _set_codes, "rules": _set_rules, "text": _set_text,
    "publish": _publish, "discard": _discard, "back": _back,
}  # fmt: skip
