"""Template tags of the house: one for each component. ``/_ui/`` shows them all with all their states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from yigong.web import kept, links, marks, said, words
from yigong.web import timeline as timelines
from yigong.web import waterfall as waterfalls

register = template.Library()
register.tag("yg_keep", kept.keep)
register.tag("translate", said.translate)
Context = dict[str, Any]


# ---- marks ----


@register.simple_tag
def yg_icon(name: str) -> SafeString:
    """{% yg_icon "clock" %}: always with a word beside it."""
    return marks.icon(name)


@register.simple_tag
def yg_state(tone: str, word: object, icon: str = "", bare: bool = False) -> SafeString:
    """{% yg_state "wait" "待接收" %}: tones idle wait run ok warn bad hold unk crit."""
    return marks.state(tone, word, icon_name=icon, bare=bare)


@register.simple_tag
def yg_inst(institution: object, word: object = "") -> SafeString:
    """{% yg_inst institution %}: an Institution, a dictionary, or its organisation code."""
    return marks.institution(institution, word=word)


@register.simple_tag
def yg_tag(word: object, on: bool = False, icon: str = "", href: str = "") -> SafeString:
    """{% yg_tag "高血压 3 级" %}."""
    return marks.tag(word, on=on, icon_name=icon, href=href)


@register.simple_tag
def yg_btn(
    word: object, kind: str = "", key: str = "", icon: str = "", href: str = "", off: object = "", **more: Any
) -> SafeString:
    """{% yg_btn "接收" kind="p" key="A" hx_post=url %}: kinds p d s l g w, several by space; off="原因" stands as its text."""
    return marks.button(word, kind=kind, key=key, icon_name=icon, href=href, off=off, **more)


@register.simple_tag
def yg_bar(percent: float, tone: str = "", word: object = "", thick: bool = False) -> SafeString:
    """{% yg_bar 62 "run" %}: a bar beside its number."""
    return marks.bar(percent, tone, thick=thick, word=word)


@register.simple_tag
def yg_waiting(nav: Iterable[object] | None) -> dict[str, Any]:
    """What waits for the actor, from the badges of the navigation."""
    entries = [e for e in nav or () if marks.fact(e, "badge", 0)]
    return {"entries": entries, "total": sum(int(marks.fact(e, "badge", 0)) for e in entries)}


@register.simple_tag
def yg_limit_words() -> dict[str, str]:
    """The sentences that the page's script counts on with."""
    return {
        "left": _("还剩 %(span)s"),
        "over": _("超时 %(span)s"),
        "d": _("%(d)s 天"),
        "dh": _("%(d)s 天 %(h)s 小时"),
        "hm": _("%(h)s 小时 %(m)02d 分"),
        "m": _("%(m)s 分"),
    }


# ---- links of the page ----


@register.simple_tag(takes_context=True)
def yg_query(context: Context, **changes: Any) -> str:
    """{% yg_query state="sent" %}: the address of this page with query parameters changed; None takes one away."""
    return links.with_query(context["request"], **changes)


@register.inclusion_tag("web/ui/seg.html", takes_context=True)
def yg_seg(
    context: Context, name: str, options: Iterable[Sequence[Any]], default: str = "", label: object = ""
) -> Context:
    """{% yg_seg "period" options %}: options are (value, word); the choice stands in the URL."""
    return {"tabs": links.tabs(context["request"], name, (tuple(o) for o in options), default=default), "label": label}


@register.inclusion_tag("web/ui/tabs.html")
def yg_tabs(tabs: Iterable[object], label: object = "", target: str = "") -> Context:
    """{% yg_tabs tabs %}: parts.Tab, see links.tabs; target loads into a region by htmx."""
    return {"tabs": tabs, "label": label, "target": target}


@register.inclusion_tag("web/ui/chips.html")
def yg_chips(chips: Iterable[object], clear: str = "") -> Context:
    """{% yg_chips chips clear_url %}: the filters that are set, each with its way out."""
    return {"chips": chips, "clear": clear}


@register.inclusion_tag("web/ui/sort.html", takes_context=True)
def yg_sort(context: Context, name: str, word: object, num: bool = False, target: str = "") -> Context:
    """{% yg_sort "sent_at" "送出" %}: a table head that sorts; the order stands in the URL as sort=-sent_at."""
    keys = [k for k in context["request"].GET.get("sort", "").split(",") if k]
    now = next((k for k in keys if k.lstrip("-") == name), "")
    url = links.with_query(context["request"], sort=f"-{name}" if now == name else name)
    way = "" if not now else "descending" if now.startswith("-") else "ascending"
    return {"word": word, "num": num, "url": url, "way": way, "target": target}


@register.inclusion_tag("web/ui/pager.html", takes_context=True)
def yg_pager(context: Context, page: object, target: str = "") -> Context:
    """{% yg_pager page %}: where we are in the list; a lists.Page or a page of Django's paginator."""
    request = context["request"]
    number, pages = int(marks.fact(page, "number", 1)), _pages(page)
    return {
        "page": page,
        "number": number,
        "pages": pages,
        "first": marks.fact(page, "start_index")() if callable(marks.fact(page, "start_index")) else 0,
        "last": marks.fact(page, "end_index")() if callable(marks.fact(page, "end_index")) else 0,
        "total": _total(page),
        "estimated": marks.fact(page, "estimated", False),
        "before": links.with_query(request, page=number - 1) if number > 1 else "",
        "after": links.with_query(request, page=number + 1) if number < pages else "",
        "target": target,
    }


def _pages(page: object) -> int:
    return int(marks.fact(marks.fact(page, "paginator", page), "num_pages", 1))


def _total(page: object) -> int:
    return int(marks.fact(marks.fact(page, "paginator", page), "count", 0))


# ---- blocks ----


@register.simple_block_tag
def yg_card(
    content: str,
    title: object = "",
    note: object = "",
    tone: str = "",
    more: object = "",
    href: str = "",
    id: str = "",
    flush: bool = False,
) -> SafeString:
    """{% yg_card "病历包" note="12 份" more="全部打开" href=url %}…{% endyg_card %}: flush for tables without padding."""
    link = format_html('<span class="r"><a href="{}">{}</a></span>', href, more) if more else ""
    small = format_html("<small>{}</small>", note) if note else ""
    head = format_html('<header class="yg-hd"><h2>{}</h2>{}{}</header>', title, small, link) if title else ""
    inner = "yg-flush" if flush else "yg-pd"
    place = marks.attributes({"id": id})
    return format_html(
        '<section class="yg-card {}"{}>{}<div class="{}">{}</div></section>',
        tone,
        place,
        head,
        inner,
        SafeString(content),
    )


@register.simple_block_tag
def yg_table(content: str, two: bool = False, cards: bool = True, label: object = "") -> SafeString:
    """{% yg_table %}<thead>…<tbody>…{% endyg_table %}: scrolls inside its panel; on phones rows become cards."""
    name = " ".join(["yg-table", *(["two"] if two else []), *(["cards"] if cards else [])])
    said = marks.attributes({"aria_label": label})
    return format_html('<div class="yg-scroll"><table class="{}"{}>{}</table></div>', name, said, SafeString(content))


@register.simple_block_tag
def yg_doc(content: str, title: object = "", meta: object = "", institution: object = None) -> SafeString:
    """{% yg_doc "出院小结" meta="心内科 · 9 天" institution=inst %}…{% endyg_doc %}: a document as on paper."""
    mark = marks.institution(institution) if institution else ""
    head = format_html('<div class="title">{} {}</div><div class="meta">{}</div>', title, mark, meta)
    return format_html('<article class="yg-doc">{}{}</article>', head, SafeString(content))


# ---- components with a template of their own ----


@register.inclusion_tag("web/ui/person.html")
def yg_person(person: object, slim: bool = False) -> Context:
    """{% yg_person person slim=True %}: a parts.Person; first on every page about a person."""
    return {"person": person, "slim": slim}


@register.inclusion_tag("web/ui/allergy.html")
def yg_allergy(allergies: Sequence[object] | None) -> Context:
    """{% yg_allergy person.allergies %}: None is 未询问, empty is 本人述无."""
    return {"allergies": allergies}


@register.inclusion_tag("web/ui/empty.html")
def yg_empty(
    title: object, reason: object = "", action: object = "", href: str = "", icon: str = "inbox", tone: str = "idle"
) -> Context:
    """{% yg_empty "没有等您处理的转诊" reason="…" action="清除筛选" href=url %}: why it is empty and the next step."""
    return {"title": title, "reason": reason, "action": action, "href": href, "icon": icon, "tone": tone}


@register.inclusion_tag("web/ui/error.html")
def yg_error(
    title: object,
    happened: object = "",
    safe: object = "",
    steps: Sequence[object] = (),
    number: object = "",
    again: str = "",
    icon: str = "plug-x",
) -> Context:
    """{% yg_error title happened safe steps number again %}: what happened, what is safe, what to do, the number."""
    return {
        "title": title,
        "happened": happened,
        "safe": safe,
        "steps": steps,
        "number": number,
        "again": again,
        "icon": icon,
    }


@register.inclusion_tag("web/ui/refused.html")
def yg_refused(
    title: object,
    sentence: object = "",
    ways: Sequence[object] = (),
    number: object = "",
    icon: str = "lock",
    tone: str = "hold",
) -> Context:
    """{% yg_refused title sentence ways %}: what is missing, and parts.Way: who can give it."""
    return {"title": title, "sentence": sentence, "ways": ways, "number": number, "icon": icon, "tone": tone}


@register.inclusion_tag("web/ui/progress.html")
def yg_progress(
    title: object,
    done: int,
    total: int,
    counted: object = "",
    rest: object = "",
    stages: Sequence[object] = (),
    note: object = "",
) -> Context:
    """{% yg_progress title done total "条" "约剩 2 分" stages %}: long work with real counts; parts.Stage."""
    share = done / total if total else 0.0
    return {
        "title": title,
        "done": done,
        "total": total,
        "counted": counted,
        "rest": rest,
        "stages": stages,
        "note": note,
        "share": share,
        "percent": share * 100,
    }


@register.inclusion_tag("web/ui/lifecycle.html")
def yg_lifecycle(steps: Sequence[object], side: Sequence[object] = (), consequence: object = "") -> Context:
    """{% yg_lifecycle steps side consequence %}: parts.Step, side exits as words, what happens when the limit runs out."""
    return {"steps": steps, "side": side, "consequence": consequence}


@register.inclusion_tag("web/ui/limit.html")
def yg_limit(due_at: datetime | None, since: datetime | None = None, bar: bool = True) -> Context:
    """{% yg_limit referral.due_at since=referral.sent_at %}: what is left, as word and bar; the page counts on."""
    if due_at is None:
        return {"left": None}
    return {"left": words.left(due_at, since), "due_at": due_at, "since": since, "bar": bar and since is not None}


@register.simple_tag
def yg_waterfall(steps: Sequence[object], thresholds: Sequence[object] = (), total: object = "") -> SafeString:
    """{% yg_waterfall weights thresholds %}: parts.Weight and parts.Threshold."""
    return waterfalls.waterfall(steps, thresholds, total_word=total or _("合计"))


@register.inclusion_tag("web/ui/figure.html")
def yg_figure(figure: object) -> Context:
    """{% yg_figure figure %}: a parts.Figure; withheld with its reason when there is no value."""
    return {"f": figure, "has_value": marks.fact(figure, "value", None) is not None}


@register.inclusion_tag("web/ui/diff.html")
def yg_diff(rows: Sequence[object], a: object = "", b: object = "") -> Context:
    """{% yg_diff rows a_head b_head %}: parts.Comparison; two records with the verdict between."""
    return {"rows": rows, "a": a, "b": b}


@register.inclusion_tag("web/ui/evidence.html")
def yg_evidence(sides: Sequence[object]) -> Context:
    """{% yg_evidence sides %}: parts.Evidence for and against."""
    return {"sides": sides}


@register.inclusion_tag("web/ui/reconcile.html")
def yg_reconcile(rows: Sequence[object], total: object = None) -> Context:
    """{% yg_reconcile rows total %}: parts.Account; read = filtered + rejected + loaded + withdrawn is checked in each row."""
    sourced = any(marks.fact(r, "source", None) is not None for r in rows)
    withdrawing = any(marks.fact(r, "withdrawn", 0) for r in rows)
    return {"rows": rows, "total": total, "sourced": sourced, "withdrawing": withdrawing}


@register.simple_tag
def yg_timeline(
    lanes: Sequence[Any],
    start: date,
    end: date,
    today: date | None = None,
    supplies: Sequence[Any] = (),
    target: str = "",
    width: int = 868,
) -> SafeString:
    """{% yg_timeline lanes start end today supplies target="#preview" %}: parts.Lane and parts.Supply."""
    return timelines.timeline(lanes, start=start, end=end, today=today, supplies=supplies, target=target, width=width)


@register.inclusion_tag("web/ui/toast.html", takes_context=True)
def yg_toast(context: Context, text: object, tone: str = "", undo: str = "") -> Context:
    """{% yg_toast "已接收 周桂英" undo=url %}: undo is an address that takes the act back by POST."""
    return {"text": text, "tone": tone, "undo": undo, "csrf_token": context.get("csrf_token", "")}


@register.inclusion_tag("web/ui/keys.html")
def yg_keys(*keys: str) -> Context:
    """{% yg_keys "A:接收" "M:改投" %}: the keys of this page, after the ones every page has."""
    own = [{"keys": k.partition(":")[0].split(), "word": k.partition(":")[2]} for k in keys]
    return {"own": own}


@register.inclusion_tag("web/ui/node_legend.html")
def yg_node(tone: str, word: object, count: object = None, href: str = "", on: bool = False) -> Context:
    """{% yg_node "late" "迟到" 3 href=url %}: a shape of the map with its word; the legend counts and filters."""
    return {"tone": tone, "word": word, "count": count, "href": href, "on": on}
