"""Pages of a feed's mapping: fields, values, filter, test run, versions; the YAML behind them can be edited as text too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from yigong.edge.mapping.file import KINDS
from yigong.edge.mapping.plan import PERSON
from yigong.kit import expression, said
from yigong.kit.clock import COUNTY_ZONE
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange import editing, mappings, places, selectors, suggest
from yigong.platform.exchange.models import Feed
from yigong.platform.exchange.sentences import sentence
from yigong.platform.registry import api as registry
from yigong.security.api import action
from yigong.standards import api as standards
from yigong.web.http import page
from yigong.web.http import sentence as refusal_sentence

PERSON_WORDS = {
    "full_name": gettext_lazy("姓名"), "sex_code": gettext_lazy("性别"), "born_on": gettext_lazy("出生日期"), "id_type_code": gettext_lazy("证件类型"),
    "id_no": gettext_lazy("证件号码"), "phone": gettext_lazy("电话"), "address": gettext_lazy("住址"), "division_code": gettext_lazy("行政区划"),
    "health_card_no": gettext_lazy("健康卡号"), "contact_name": gettext_lazy("联系人"), "contact_phone": gettext_lazy("联系人电话"),
    "ethnic_group_code": gettext_lazy("民族"), "registered_at": gettext_lazy("登记时间"), "facts": gettext_lazy("其他"),
}  # fmt: skip
WAIST_WORDS = {"event_at": gettext_lazy("发生时间"), "local_id": gettext_lazy("患者号")}


def _ctx(request: HttpRequest) -> Ctx:
    return request.ctx  # type: ignore[attr-defined,no-any-return]


def english() -> bool:
    """Whether the page is in English."""
    return get_language() == "en"


def tabs(feed: Feed, chosen: str) -> list[dict[str, Any]]:
    """The pages of a mapping."""
    named = (
        ("fields", _("结构映射")),
        ("values", _("值映射")),
        ("filter", _("过滤规则")),
        ("trial", _("试运行")),
        ("text", _("文本")),
        ("versions", _("历次版本")),
    )
    url = reverse("exchange:mapping", args=[feed.pk])
    return [{"label": word, "url": f"{url}?tab={name}", "active": name == chosen} for name, word in named]


@action("exchange.map")
def mapping(request: HttpRequest, feed_id: int) -> HttpResponse:
    """The mapping of a feed under work, by one of its sides."""
    ctx = _ctx(request)
    feed = selectors.feed(ctx, feed_id)
    side = request.GET.get("tab", "fields")
    if side not in SIDES:
        raise Refused("not_found")
    text = mappings.text_of(feed)
    draft = mappings.draft_of(feed)
    context = {
        "feed": feed,
        "side": side,
        "tabs": tabs(feed, side),
        "draft": bool(feed.draft),
        "mistakes": said.read(mappings.mistakes(text), english=english()),
        "data_set": _set_word(str(draft.get("data_set", ""))),
        "english": english(),
        **SIDES[side](request, ctx, feed, draft, text),
    }
    return page(request, f"exchange/mapping_{side}.html", context)


def _set_word(name: str) -> str:
    found = standards.load().data_sets.get(name)
    return "" if found is None else found.name_en if english() else found.name_zh


def sample(ctx: Ctx, feed: Feed) -> tuple[pl.DataFrame, str]:
    """Sample rows, or the sentence why there are none."""
    try:
        return mappings.kept_sample(ctx, feed), ""
    except Refused as refused:
        return pl.DataFrame(), refusal_sentence(refused)
    except Fault as fault:
        return pl.DataFrame(), sentence(fault.code, fault.facts)[1 if english() else 0]


def _fields(request: HttpRequest, ctx: Ctx, feed: Feed, draft: editing.Draft, text: str) -> dict[str, Any]:
    frame, trouble = sample(ctx, feed)
    columns = [c for c in frame.columns if not c.startswith("_")]
    name, section = request.GET.get("field", ""), request.GET.get("section", "fields")
    known = standards.load().data_sets.get(str(draft.get("data_set", "")))
    hints = mappings.field_hints(feed, columns) if known else {}
    used = _used(draft)
    names = {f.identifier: f.name_en for f in known.fields} if known and english() else {}
    return {
        "lines": _lines(draft),
        "columns": [_column(c, frame, hints.get(c, []), c in used, names) for c in columns],
        "trouble": trouble,
        "chosen": _chosen(draft, section, name) if name else None,
        "section": section,
        "choice": columns,
        "kinds": KINDS,
        "tables": sorted({"names", *(draft.get("codes") or {})}),
        "functions": [(f.form, f.en if english() else f.zh) for f in expression.FUNCTIONS.values()],
        "q": request.GET.get("q", ""),
        "found": [] if known is None else mappings.found_fields(known.identifier, request.GET.get("q", ""))[:40],
        "sets": mappings.found_data_sets(request.GET.get("q", "")) if known is None else [],
        "plain": {n: editing.names(draft.get(n)) for n in ("key", "group")}
        | {"source_system": draft.get("source_system", "")},
        "persons": [(p, PERSON_WORDS[p]) for p in PERSON],
        "set_up": known is not None,
    }


def _used(draft: editing.Draft) -> set[str]:
    """Source columns that a field is taken from; a column of the key may be a field as well."""
    found: set[str] = set()
    for one in [*_specs(draft), *(("", draft.get(w)) for w in editing.WAIST)]:
        line = editing.line(one[0], one[1])
        if line.how == "from":
            found |= {c.strip() for c in line.source.split(",")}
    return found


def _specs(draft: editing.Draft) -> list[tuple[str, Any]]:
    return [item for part in ("fields", "person", "extra") for item in (draft.get(part) or {}).items()]


def _column(
    name: str, frame: pl.DataFrame, hints: list[suggest.Hint], used: bool, names: Mapping[str, str]
) -> dict[str, Any]:
    values = frame.get_column(name).drop_nulls().unique(maintain_order=True)
    return {
        "name": name,
        "examples": values[:3].to_list(),
        "hints": [] if used else [_hint(h, names) for h in hints],
        "used": used,
    }


def _hint(hint: suggest.Hint, names: Mapping[str, str]) -> dict[str, Any]:
    zh, en = suggest.WHY[hint.why]
    name = names.get(hint.target) or hint.name
    return {"target": hint.target, "name": name, "percent": round(100 * hint.score), "why": en if english() else zh}


def _lines(draft: editing.Draft) -> list[dict[str, Any]]:
    known = standards.load().data_sets.get(str(draft.get("data_set", "")))
    names = {f.identifier: f for f in known.fields} if known else {}
    found = [_line(w, str(WAIST_WORDS[w]), editing.line(w, draft.get(w)), w) for w in editing.WAIST]
    found += [
        _line("person", str(PERSON_WORDS.get(n, n)), editing.line(n, given), n)
        for n, given in (draft.get("person") or {}).items()
    ]
    for name, given in (draft.get("fields") or {}).items():
        field = names.get(name)
        word = name if field is None else field.name_en if english() else field.name_zh
        found.append(_line("fields", word, editing.line(name, given), name, coded=bool(field and field.value_set_id)))
    return [*found, *(_line("extra", n, editing.line(n, given), n) for n, given in (draft.get("extra") or {}).items())]


def _line(section: str, word: str, line: editing.Line, name: str, *, coded: bool = False) -> dict[str, Any]:
    return {"section": section, "word": word, "line": line, "name": name, "coded": coded}


def _chosen(draft: editing.Draft, section: str, name: str) -> dict[str, Any]:
    given = draft.get(name) if section in editing.WAIST else (draft.get(section) or {}).get(name)
    word = next((ln["word"] for ln in _lines(draft) if ln["section"] == section and ln["name"] == name), "")
    if not word and section == "fields":
        field = next((f for f in mappings.data_set(str(draft.get("data_set"))).fields if f.identifier == name), None)
        if field is None:
            raise Refused("exchange.draft_wrong", part=name)
        word = field.name_en if english() else field.name_zh
    line = editing.line(name, given)
    return {
        "section": section,
        "name": name,
        "word": word or str(PERSON_WORDS.get(name, name)),
        "line": line,
        "columns": [c.strip() for c in line.source.split(",")] if line.how == "from" else [],
    }


def _values(request: HttpRequest, ctx: Ctx, feed: Feed, draft: editing.Draft, text: str) -> dict[str, Any]:
    coded = [
        ln
        for ln in _lines(draft)
        if (ln["line"].codes and ln["line"].codes != "names") or ln["coded"] or ln["name"].endswith("_unit")
    ]
    name = request.GET.get("field", "")
    one = next((ln for ln in coded if ln["name"] == name), coded[0] if coded else None)
    if one is None:
        return {"coded": []}
    frame, trouble = sample(ctx, feed)
    targets, unit = mappings.targets_of(str(draft.get("data_set")), one["name"])
    words = mappings.words(feed, one["line"], frame)
    names = {t.key: t.english for t in targets} if english() else {}
    return {
        "coded": coded,
        "one": one,
        "trouble": trouble,
        "words": [(w, [_hint(h, names) for h in w.hints]) for w in words],
        "targets": [(t.key, (t.english if english() and t.english else t.name)) for t in targets],
        "unit": unit,
        "open": sum(1 for w in words if not w.code),
        "sure": sum(1 for w in words if not w.code and w.hints and w.hints[0].score >= SURE),
        "sure_percent": round(100 * SURE),
    }


SURE = 0.9  # suggestions from here on can be confirmed together


def _filter(request: HttpRequest, ctx: Ctx, feed: Feed, draft: editing.Draft, text: str) -> dict[str, Any]:
    given = editing.rules(draft)
    frame, trouble = sample(ctx, feed)
    counts = mappings.filter_counts(text, frame) if frame.height else {}
    return {
        "rules": [{**r, "count": counts.get(r["name"])} for r in given],
        "blank": range(len(given) + 1, len(given) + 3),
        "otherwise": (draft.get("filter") or {}).get("otherwise", "pass"),
        "rest": counts.get(""),
        "looked": frame.height,
        "trouble": trouble,
        "columns": [c for c in frame.columns if not c.startswith("_")],
        "functions": [(f.form, f.en if english() else f.zh) for f in expression.FUNCTIONS.values()],
    }


def _trial(request: HttpRequest, ctx: Ctx, feed: Feed, draft: editing.Draft, text: str) -> dict[str, Any]:
    frame, trouble = sample(ctx, feed)
    if trouble or mappings.mistakes(text):
        return {"trouble": trouble, "trial": None}
    try:
        tried = mappings.trial(ctx, feed, text, frame)
    except Refused as refused:
        return {"trouble": refusal_sentence(refused), "trial": None}
    names = {
        f.identifier: (f.name_en if english() else f.name_zh) for f in mappings.data_set(str(draft["data_set"])).fields
    }
    if not tried.rows:
        return {"trial": None}
    at = min(_number(request, "row", 0), len(tried.rows) - 1)
    one = tried.rows[at]
    after = [
        (names.get(k) or _waist(k), _shown(k, v))
        for k, v in one.after.items()
        if v is not None and not k.startswith("extra.")
    ]
    return {
        "trial": tried,
        "one": one,
        "place": places.said(one.place),
        "at": at,
        "after": after,
        "rows": list(enumerate(tried.rows)),
    }


def _number(request: HttpRequest, name: str, otherwise: int) -> int:
    """A number of the address, or another where there is none."""
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() else otherwise


def _shown(name: str, value: Any) -> Any:
    """A value as people read it: moments in the county's time, an institution by its name, what is beside the standard by column."""
    if isinstance(value, datetime):
        return f"{value.astimezone(COUNTY_ZONE):%Y-%m-%d %H:%M:%S}"
    if name == "extra":
        return " · ".join(f"{k} {v}" for k, v in json.loads(value).items())
    found = registry.institution(str(value)) if name == "org_code" else None
    return found.name if found else value


def _waist(name: str) -> str:
    words = {
        "source_key": _("主键"), "group_key": _("分组"), "event_at": _("发生时间"), "local_id": _("患者号"), "source_system": _("来源系统"),
        "person_system": _("患者来源系统"), "encounter_key": _("就诊号"), "org_code": _("机构"), "extra": _("标准之外"),
    }  # fmt: skip
    return words.get(name, name)


def _text(request: HttpRequest, ctx: Ctx, feed: Feed, draft: editing.Draft, text: str) -> dict[str, Any]:
    return {"text": text, "lines": text.count("\n") + 3}


def _versions(request: HttpRequest, ctx: Ctx, feed: Feed, draft: editing.Draft, text: str) -> dict[str, Any]:
    versions = list(feed.mappings.order_by("-version"))
    numbers = [v.version for v in versions]
    new = _number(request, "new", numbers[0] if numbers else 0)
    old = _number(request, "old", numbers[1] if len(numbers) > 1 else new)
    by_number = {v.version: v.text for v in versions}
    return {
        "versions": versions,
        "old": old,
        "new": new,
        "lines": editing.difference(by_number.get(old, ""), by_number.get(new, "")) if versions else [],
    }


Side = Callable[[HttpRequest, Ctx, Feed, editing.Draft, str], dict[str, Any]]
SIDES: Mapping[str, Side] = {
    "fields": _fields, "values": _values, "filter": _filter, "trial": _trial, "text": _text, "versions": _versions,
}  # fmt: skip
