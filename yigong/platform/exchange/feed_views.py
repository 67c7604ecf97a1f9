"""Pages of feeds: the list, setting one up, what it does and when, capture of changes, running again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from yigong.edge.extract.api import open_source
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange import (
    account,
    alarms,
    asides,
    beats,
    nodes,
    running,
    schedule,
    selectors,
    services,
    worker,
)
from yigong.platform.exchange.edge.api import ask_probe, last_probe
from yigong.platform.exchange.edge.api import state_words as node_words
from yigong.platform.exchange.forms import ENCODINGS, OPTIONS, SEPARATORS, SHORT_LINES, WAYS, FeedForm
from yigong.platform.exchange.lists import FeedList
from yigong.platform.exchange.models import Feed
from yigong.platform.exchange.readers import EXTRACTED
from yigong.platform.exchange.sentences import sentence
from yigong.platform.registry import api as registry
from yigong.security.api import action, audit
from yigong.standards.api import load as standards
from yigong.web.http import page

VERBS = {"run": services.start, "whole": services.start_whole, "pause": services.pause, "resume": services.resume}
CAPTURED = ("trigger", "log")
feeds = action("exchange.view")(FeedList().view)


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


def _english() -> bool:
    return get_language() == "en"


def data_set_word(identifier: str) -> str:
    """The name of a data set in the language of the page."""
    found = standards().data_sets.get(identifier)
    if found is None:
        return identifier or _("文档")
    return found.name_en if _english() else found.name_zh


@action("exchange.view")
def feed(request: HttpRequest, feed_id: int) -> HttpResponse:
    """One feed: where it reads, when, by which mapping; its days, alarms and runs."""
    ctx = _ctx(request)
    found = selectors.feed(ctx, feed_id)
    newest = found.mappings.order_by("-version").first()
    jobs = list(selectors.jobs(ctx, feed_id=feed_id)[:15])
    context = {
        "feed": found,
        "institution_of": registry.institution(found.org_code),
        "facts": _facts(found),
        "way": _way(found),
        "plan": schedule.words(found.schedule, english=_english()),
        "needs": found.needs.all(),
        "waits_for": worker.waits_for(found),
        "newest": newest,
        "jobs": [(j, *nodes.progress(j)) for j in jobs],
        "sheets": account.sheets(ctx, feed_id=feed_id)[:14],
        "alarms": [a for a in alarms.open_alarms(ctx) if a.feed_id == found.pk],
        "asides": asides.of(found),
        "data_set": data_set_word(found.data_set),
        "may_run": ctx.may("exchange.run"),
        "worker": beats.standing(),
        "may_map": ctx.may("exchange.map") and found.reader in (*EXTRACTED, "edge"),
        "may_configure": ctx.may("exchange.configure") and found.reader in (*EXTRACTED, "edge"),
        "mapped": found.reader in (*EXTRACTED, "edge"),
        **_edge(found),
        "probe": last_probe(found) if found.reader == "edge" else None,
        "reached": _reached(found.watermark),
        "captured": found.config.get("way") in CAPTURED and found.reader != "edge",
        "ranged": bool(found.config.get("since_column")),
        "wholly": found.reader == "edge" or (found.reader in EXTRACTED and found.mode == "incremental"),
        "english": _english(),
    }
    return page(request, "exchange/feed.html", context)


def _edge(found: Feed) -> dict[str, Any]:
    """The node that reads a feed, with its state in words."""
    if found.reader != "edge":
        return {"edge": None}
    return {"edge": found.edge, "edge_state": node_words(found.edge.node.state), "again": _again(found.edge)}


def _again(line: Any) -> dict[str, Any] | None:
    """The range of dates last ordered of a node, and what the node says of it."""
    if not line.again:
        return None
    told: dict[str, Any] = next(
        (f for f in line.node.facts.get("feeds") or () if f.get("name") == str(line.feed_id)), {}
    )
    done = told.get("again") or {}
    if done.get("number", 0) < line.again["number"]:
        return {**line.again, "waits": True}
    return {**line.again, "rows": done.get("rows", 0), "error": done.get("error")}


def _way(found: Feed) -> str:
    way = found.config.get("way") or (
        "timestamp" if found.config.get("since_column") and found.mode == "incremental" else "full"
    )
    return str(dict(WAYS).get(way, way))


def _facts(found: Feed) -> list[tuple[str, str]]:
    """What the configuration says, in words; passwords hidden."""
    words = {
        "url": _("地址"), "table": _("表或视图"), "query": _("语句"), "path": _("文件"), "folder": _("文件夹"), "pattern": _("文件名样式"), "key": _("主键列"),
        "since_column": _("时间列"), "overlap_seconds": _("回看（秒）"), "deleted_when": _("作废标志"),
        **{name: str(FeedForm.base_fields[name].label) for name in OPTIONS},
    }  # fmt: skip
    return [(words[k], _option_word(k, v)) for k, v in selectors.shown_config(found) if k in words]


def _option_word(name: str, value: str) -> str:
    """A value of the configuration; a choice of the form by its word."""
    choices = {"encoding": ENCODINGS, "separator": SEPARATORS, "short_lines": SHORT_LINES}.get(name, ())
    return str(dict(choices).get("tab" if value == "\t" else value, _plain(value)))


def _reached(watermark: str) -> str:
    """How far a source is read, as its values alone; the counters of some ways of reading have names."""
    try:
        state = json.loads(watermark or "{}")
    except ValueError:
        return watermark
    if not isinstance(state, dict):
        return str(state)
    return (
        str(state["mark"])
        if set(state) == {"mark"}
        else " · ".join(_counter(k, v) for k, v in state.items() if k not in ("aside", "columns"))
    )


def _counter(name: str, value: Any) -> str:
    """A counter of a way of reading; of files how many, and the last of them."""
    if name != "files" or not isinstance(value, dict):
        return f"{name} {value}"
    last = max(value, key=lambda n: (value[n] or {}).get("changed", 0), default="")
    return _("%(n)s 个文件，最近一个 %(name)s") % {"n": len(value), "name": last}


def _plain(value: str) -> str:
    return value.strip("[]{}").replace("'", "")


@action("exchange.configure")
def edit(request: HttpRequest, feed_id: int | None = None) -> HttpResponse:
    """Set a feed up, or change it."""
    ctx = _ctx(request)
    found = selectors.feed(ctx, feed_id) if feed_id else None
    form = FeedForm(request.POST or None, ctx=ctx, feed=found)
    if request.method == "POST" and form.is_valid():
        made = services.configure(ctx, form.cleaned_data["name"], **form.facts())
        messages.success(request, _("已保存 %(name)s") % {"name": made.name})
        return redirect("exchange:feed", feed_id=made.pk)
    return page(request, "exchange/feed_form.html", {"form": form, "feed": found}, status=400 if form.errors else 200)


@require_POST
@action("exchange.run")
def steer(request: HttpRequest, feed_id: int, verb: str) -> HttpResponse:
    """Run, pause or resume a feed; read a range of dates again; ask whether the source answers."""
    ctx = _ctx(request)
    found = selectors.feed(ctx, feed_id)
    match verb:
        case "range":
            services.start_range(ctx, found, request.POST.get("start", ""), request.POST.get("end", ""))
            messages.success(
                request, _("已下发，节点下次心跳时生效") if found.reader == "edge" else _("已开始按日期重采")
            )
        case "probe":
            _probe(request, ctx, found)
        case _ if verb in VERBS:
            VERBS[verb](ctx, found)
            if found.reader == "edge":
                messages.success(request, _("已下发，节点下次心跳时生效"))
            elif verb == "whole":
                messages.success(request, _("已开始从头读整个来源"))
        case _:
            raise Refused("not_found")
    return redirect(
        request.POST.get("next", "")
        if request.POST.get("next", "").startswith("/platform/exchange/")
        else f"/platform/exchange/feeds/{feed_id}/"
    )


def _probe(request: HttpRequest, ctx: Ctx, found: Feed) -> None:
    """Whether the source answers, with its own count, or the sentence why not."""
    if found.reader == "edge":
        probe = ask_probe(ctx, found)
        said = _("已请节点“%(node)s”去看来源，它下次心跳时回报在本页")
        messages.success(request, said % {"node": probe.node.name})
        return
    audit(ctx, "exchange.run", "feed", found.pk, after={"probe": True})
    try:
        with open_source({**running.config_of(found), "kind": found.reader}) as source:
            columns = source.columns()
            rows = source.expected({})
    except (Refused, Fault) as error:
        messages.error(request, sentence(error.code, error.facts)[1 if _english() else 0])
        return
    told = {"columns": len(columns), "rows": rows if rows is not None else "—"}
    messages.success(request, _("来源有回应：%(columns)s 列，%(rows)s 行") % told)


@require_POST
@action("exchange.run")
def again(request: HttpRequest, job_id: int) -> HttpResponse:
    """Process again what a run left in the buffer."""
    ctx = _ctx(request)
    found = selectors.job(ctx, job_id)
    if not found.buffered.exists():
        raise Refused("exchange.buffer_empty")
    services.start(ctx, found.feed, "--buffered", str(job_id))
    messages.success(request, _("已开始用缓冲重新处理，不再读源库"))
    return redirect("exchange:feed", feed_id=found.feed_id)


@action("exchange.configure")
def capture(request: HttpRequest, feed_id: int) -> HttpResponse:
    """The statements of change capture for the hospital's administrator to read, and running them once they are agreed to."""
    ctx = _ctx(request)
    found = selectors.feed(ctx, feed_id)
    if request.method == "POST":
        return _captured(request, ctx, found)
    return page(request, "exchange/capture.html", {"feed": found, "way": _way(found), **_statements(found)})


def _statements(found: Feed) -> Mapping[str, Any]:
    try:
        with open_source({**running.config_of(found), "kind": found.reader}) as source:
            told = [sentence(*said)[1 if _english() else 0] for said in source.warnings()]
            return {"make": source.preparation(), "unmake": source.removal(), "warnings": told}
    except (Refused, Fault) as error:
        return {"make": [], "unmake": [], "trouble": sentence(error.code, error.facts)[1 if _english() else 0]}


def _captured(request: HttpRequest, ctx: Ctx, found: Feed) -> HttpResponse:
    unmake = request.POST.get("verb") == "remove"
    if not unmake and "agreed" not in request.POST:
        raise Refused("exchange.not_agreed")
    audit(ctx, "exchange.configure", "feed", found.pk, after={"capture": "removed" if unmake else "made"})
    try:
        with open_source({**running.config_of(found), "kind": found.reader}) as source:
            source.remove() if unmake else source.prepare()
    except Fault as fault:
        raise Refused(fault.code, **fault.facts) from fault
    messages.success(request, _("变化捕获已撤除") if unmake else _("变化捕获已建立，下次运行先读全表，再只读变化"))
    return redirect("exchange:feed", feed_id=found.pk)
