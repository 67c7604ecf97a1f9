"""Template tags of the pages of persons: marks, dates, flags, words of kinds."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from yigong.kit.clock import COUNTY_ZONE, today
from yigong.kit.text import mask_id_no, mask_phone
from yigong.platform.exchange import api as exchange
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security.api import opaque_id
from yigong.sharing import domain, drawing, words
from yigong.standards.api import load as standards

register = template.Library()


@register.filter
def clash(contradiction: records.Contradiction) -> str:
    """What the records contradict each other about: 磺胺过敏, the dose of a medication."""
    return str(words.CONTRADICTIONS[contradiction.kind]) % {"subject": contradiction.subject}


@register.filter
def kind_word(kind: str) -> object:
    """The word of a kind of event."""
    return words.KINDS.get(kind, (kind, ""))[0]


@register.filter
def document_title(title: str) -> str:
    """The title of a document in the reader's language; titles that senders gave stay as they are."""
    return _standard_titles().get(title) or exchange.english_title(title) if get_language() == "en" else title


@cache
def _standard_titles() -> dict[str, str]:
    """The English of the titles that the standard itself gives."""
    return {
        name: d.name_en for d in standards().documents.values() for name in (d.name_zh, *d.name_variants) if d.name_en
    }


@register.filter
def kind_icon(kind: str) -> str:
    """The icon of a kind of event."""
    return words.KINDS.get(kind, ("", "point"))[1]


@register.filter
def group_of(kind: str) -> str:
    """The group of a kind: it decides the shape of the mark."""
    return domain.GROUP_OF.get(kind, "visit")


@register.filter
def word(code: object, table: str) -> object:
    """The word of a code in one of the tables of this module."""
    return getattr(words, table).get(str(code), code)


@register.filter
def short_day(moment: date | datetime | None) -> str:
    """11-22 within the year, else 2025-11-22; a dash where there is none."""
    day = _day(moment)
    if day is None:
        return "—"
    return day.strftime("%m-%d") if day.year == today().year else day.isoformat()


@register.filter
def long_day(moment: date | datetime | None) -> str:
    """2026-11-22; a dash where there is none."""
    day = _day(moment)
    return day.isoformat() if day else "—"


@register.filter
def minute(moment: datetime | None) -> str:
    """2026-11-22 14:20 on the clocks of the county."""
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M") if moment else "—"


@register.filter
def year(moment: date | datetime | None) -> str:
    """The year."""
    day = _day(moment)
    return str(day.year) if day else ""


def _day(moment: date | datetime | None) -> date | None:
    return moment.astimezone(COUNTY_ZONE).date() if isinstance(moment, datetime) else moment


@register.filter
def age_words(age: tuple[int, str] | None) -> str:
    """67岁, 7 个月, 3 天."""
    if age is None:
        return _("年龄未记录")
    number, unit = age
    if unit == "years":
        return ngettext("%(n)s岁", "%(n)s岁", number) % {"n": number}
    if unit == "months":
        return ngettext("%(n)s 个月", "%(n)s 个月", number) % {"n": number}
    return ngettext("%(n)s 天", "%(n)s 天", number) % {"n": number}


@register.filter
def org_name(code: str) -> str:
    """The full name of an institution."""
    found = registry.institution(code)
    return found.name if found else code


@register.simple_tag
def org_mark(code: str, label: str = "") -> SafeString:
    """The square mark of an institution: its level by colour, its two signs in words."""
    found = registry.institution(code)
    kind, short, name = (found.kind, found.short_name, found.name) if found else ("other", code[-4:], code)
    return _mark(kind, name, label or short)


@lru_cache(maxsize=2048)  # a page draws some hundred marks of some twenty institutions
def _mark(kind: str, name: str, text: str) -> SafeString:
    return format_html('<span class="yg-inst {}" title="{}">{}</span>', kind, name, text)


@register.simple_tag
def org_lane(code: str) -> SafeString:
    """The head of a lane: the mark of an institution as wide as the column."""
    found = registry.institution(code)
    kind = found.kind if found else "other"
    name = found.name if found else code
    short = found.short_name if found and kind.endswith("hospital") else _lane_name(name)
    return format_html('<span class="yg-inst {} ps-lane-head" title="{}">{}</span>', kind, name, short)


def _lane_name(name: str) -> str:
    for long, short in (("社区卫生服务中心", "社区"), ("中心卫生院", "卫生院"), ("村卫生室", "村卫")):
        name = name.replace(long, short)
    return name.replace("卫生院", "镇卫").replace("镇镇卫", "镇卫").replace("乡镇卫", "乡卫")


@register.simple_tag
def org_kind(code: str) -> str:
    """The kind of an institution, for the colour of a mark or bar."""
    return drawing.institution_kind(code)


@register.simple_tag
def timeline_marks(line: Any, here: str, event: Any) -> SafeString:
    """The marks of all lanes; *here* is the address of the person, *event* the one that is open."""
    opened = event.id if event else None
    return drawing.lanes(line.rows, here=here, query=line.query, opened=opened, opaque=opaque_id, title=mark_title)


@register.simple_tag
def record_cells(cells: Any) -> SafeString:
    """The cells of a standard record."""
    return drawing.cells(cells)


class _Words:
    """The words that drawings need, by short names."""

    day, minute, age, kind, icon = staticmethod(short_day), staticmethod(minute), staticmethod(age_words), staticmethod(kind_word), staticmethod(kind_icon)  # fmt: skip

    @staticmethod
    def sex(code: str) -> object:
        return words.SEXES.get(code, code)

    @staticmethod
    def result(result: records.LabResult) -> SafeString:
        return result_value(result)

    @staticmethod
    def range(result: records.LabResult) -> str:
        return reference_range(result)


def _person_url(person_id: int) -> str:
    return reverse("sharing:person", args=[person_id])


@register.simple_tag
def hit_rows(hits: Any) -> SafeString:
    """Persons found, a row each."""
    return drawing.hits(hits, address=_person_url, mark=org_mark, words=_Words)


@register.simple_tag
def phone_rows(events: Any, tab: str) -> SafeString:
    """The events of a person as the rows of a phone."""
    return drawing.phone_events(events, tab=tab, opaque=opaque_id, mark=org_mark, words=_Words)


@register.simple_tag
def laboratory_rows(items: Any, person_id: int, chosen: str) -> SafeString:
    """The newest result of each item as the rows of a table."""
    return drawing.laboratory_rows(items, here=_person_url(person_id), chosen=chosen, mark=org_mark, words=_Words)


@register.simple_tag
def timeline_grid(line: Any) -> SafeString:
    """The lines of months and lanes behind the marks."""
    return drawing.grid(line.ticks, [y for y, _lane in line.rows], line.height)


@register.simple_tag
def result_value(result: records.LabResult) -> SafeString:
    """A result with arrow and word where it lies outside its range."""
    value = records.plain(result.value) if result.value is not None else result.text or _("未记录")
    if not result.is_abnormal:
        return format_html('<span class="ps-value">{}</span>', value)
    arrow, said = words.FLAGS.get(result.flag, words.FLAGS["abnormal"])
    return format_html(
        '<b class="ps-value ps-out" aria-label="{} {}"><span aria-hidden="true">{}</span> {}</b>',
        value,
        said,
        arrow,
        value,
    )


@register.simple_tag
def reference_range(result: records.LabResult) -> str:
    """The reference range as it is read; a dash where the report gave none."""
    low, high = result.low, result.high
    if low is not None and high is not None:
        return f"{records.plain(low)}–{records.plain(high)}"
    if high is not None:
        return f"≤ {records.plain(high)}"
    return f"≥ {records.plain(low)}" if low is not None else "—"


@register.simple_tag
def left_days(medication: records.Medication) -> SafeString:
    """How many days a medication still lasts."""
    left = records.days_left(medication, today())
    if left is None:
        return format_html('<span class="ps-unknown">{}</span>', _("天数未记录"))
    return format_html("<b>{}</b>" if left <= 7 else "{}", ngettext("%(n)s天", "%(n)s天", left) % {"n": left})


@register.simple_tag
def dosage(medication: records.Medication) -> str:
    """5mg 每日1次; says so where the dose was not recorded."""
    dose, often = records.dose_text(medication), medication.frequency_code
    return " ".join(w for w in (dose or _("剂量未记录"), records.frequency_word(often) if often else "") if w)


@register.filter
def claim_word(value: str) -> object:
    """The word of a claim: an allergy is there or not, all else is said as it was written."""
    return words.CLAIMS.get(value, value)


@register.simple_tag
def mark_title(mark: domain.Mark) -> str:
    """What a mark says when it is read aloud or pointed at."""
    if mark.count > 1:
        return _("%(n)s 条：%(titles)s") % {"n": mark.count, "titles": "、".join(e.title for e in mark.events[-6:])}
    e = mark.first
    return f"{long_day(e.at)} {words.KINDS.get(e.kind, (e.kind, ''))[0]} {e.title}"


@register.simple_tag
def stay_days(event: Any) -> int:
    """Nights of a stay, at least one."""
    until = getattr(event, "until", None) or getattr(event, "ended_at", None)
    start = getattr(event, "at", None) or event.event_at
    return max((until - start).days, 1) if until else 0


@register.filter
def may(ctx: Any, action: str) -> bool:
    """Whether the actor holds an action."""
    return bool(ctx and ctx.may(action))


@register.filter
def mask_id(number: str) -> str:
    """An identity number as it may be shown."""
    return mask_id_no(number)


@register.filter
def mask_tel(number: str) -> str:
    """A telephone number as it may be shown."""
    return mask_phone(number)


@register.filter
def loss_word(because: str) -> object:
    """Why a document does not carry a value."""
    return words.LOSSES.get(because, because)
