"""What a page of a person draws many times over: marks of the timeline, persons found, cells of a record.

Put together as text, for a template would take some ten nodes for each mark; every value is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.platform.registry import api as registry
from yigong.sharing import domain
from yigong.web.words import month_word

#: group of a kind of event -> its shape around the middle of the mark
SHAPES = {
    "visit": '<circle class="ps-solid" r="6"/>',
    "laboratory": '<rect class="ps-open" x="-5.5" y="-5.5" width="11" height="11"/>',
    "imaging": '<path class="ps-open" d="M0-7.5L7.5 0 0 7.5-7.5 0Z"/>',
    "follow_up": '<path class="ps-solid" d="M-6.5 5.5L0-6.5 6.5 5.5Z"/>',
    "medication": '<rect class="ps-solid" x="-7" y="-4" width="14" height="8" rx="4"/>',
    "document": '<path class="ps-open" d="M-5-7H2L6-3V7H-5Z"/>',
}
ALARM = '<circle class="ps-alarm" cx="7" cy="-7" r="3.5"/>'


def institution_kind(code: str) -> str:
    """The kind of an institution, for the colour of a mark or bar."""
    found = registry.institution(code)
    return found.kind if found else "other"


def lanes(
    rows: Iterable[tuple[int, domain.Lane]],
    *,
    here: str,
    query: str,
    opened: int | None,
    opaque: Callable[[int], str],
    title: Callable[[domain.Mark], str],
) -> SafeString:
    """The marks of all lanes: *rows* are heights and lanes, *here* the address of the person, *opened* the open event."""
    asked = escape(query)
    drawn = []
    for height, lane in rows:
        marks = "".join(_mark(m, height, here, asked, opened, opaque, title) for m in lane.marks)
        drawn.append(f'<g class="ps-l {institution_kind(lane.key)}">{marks}</g>')
    return SafeString("".join(drawn))


def _mark(
    mark: domain.Mark, height: int, here: str, asked: str, opened: int | None, opaque: Callable[[int], str],
    title: Callable[[domain.Mark], str],
) -> str:  # fmt: skip
    first = mark.first
    public = opaque(first.id)
    body = _stay(mark, first, height) if mark.width else _point(mark, first, height)
    return (
        f'<a class="ps-m{" on" if first.id == opened else ""}" href="{here}?event={public}&amp;{asked}"'
        f' hx-get="{here}events/{public}/?{asked}" hx-target="#dock" data-event="{public}">'
        f"<title>{escape(title(mark))}</title>{body}</a>"
    )


def _stay(mark: domain.Mark, first: domain.Happening, y: int) -> str:
    days = max((first.until - first.at).days, 1) if first.until else 0
    words = escape(_("住院 %(n)s天") % {"n": days})
    return (
        f'<rect class="ps-stay" x="{mark.left}%" y="{y - 10}" width="{mark.width}%" height="20" rx="3"/>'
        f'<rect class="ring" x="{mark.left}%" y="{y - 12}" width="{mark.width}%" height="24" rx="4"/>'
        f'<text class="strong" x="{mark.left}%" dx="-14" y="{y + 4}" text-anchor="end">{words}</text>'
    )


def _point(mark: domain.Mark, first: domain.Happening, y: int) -> str:
    if mark.count > 1:
        shape = (
            '<rect class="ps-solid" x="-10" y="-9" width="20" height="18" rx="9"/>'
            f'<text class="ps-n" text-anchor="middle" y="4">{mark.count}</text>'
        )
    else:
        shape = SHAPES[domain.GROUP_OF.get(first.kind, "visit")]
    alarm = ALARM if first.flag in domain.SERIOUS else ""
    return (
        f'<svg x="{mark.left}%" y="{y + mark.rise}" overflow="visible"><circle class="hit" r="11"/>'
        f'<circle class="ring" r="10"/>{shape}{alarm}</svg>'
    )


def cells(found: Sequence[Any]) -> SafeString:
    """The cells of a standard record: label, value, code; a long value takes the width."""
    english = get_language() == "en"
    parts = []
    for c in found:
        value, label = str(c.value), c.label_en if english else c.label_zh
        code = f' <span class="yg-hint">{escape(str(c.code))}</span>' if c.code else ""
        lines = escape(value).replace("\r\n", "\n").replace("\n", "<br>")
        wide = ' class="wide"' if len(value) > 24 else ""
        parts.append(f"<div{wide}><dt>{escape(label)}</dt><dd>{lines}{code}</dd></div>")
    return SafeString("".join(parts))


def hits(found: Iterable[Any], *, address: Callable[[int], str], mark: Callable[[str], str], words: Any) -> SafeString:
    """Persons found, a row each. *words* holds the words of this module's tags: day, minute, age, sex."""
    absent = {k: escape(v) for k, v in _absent().items()}
    return SafeString("".join(_hit(h, address, mark, words, absent) for h in found))


def _absent() -> dict[str, str]:
    return {
        "name": _("姓名未记录"),
        "sex": _("性别未记录"),
        "id": _("身份证号未记录"),
        "address": _("住址未记录"),
        "seen": _("尚无诊疗记录"),
        "last": _("最近"),
    }


def _hit(h: Any, address: Callable[[int], str], mark: Callable[[str], str], words: Any, absent: dict[str, str]) -> str:
    who = escape(h.full_name) or absent["name"]
    sex = escape(str(words.sex(h.sex_code))) if h.sex_code else absent["sex"]
    number = escape(h.id_masked) or absent["id"]
    orgs = " ".join(mark(o) for o in h.orgs)
    last = (
        f"{absent['last']} {words.day(h.seen_at)} {mark(h.seen_org)}"
        if h.seen_at
        else f'<span class="ps-dim">{absent["seen"]}</span>'
    )
    why = escape(str(h.why)) if h.why else escape(_("您 %(at)s 看过") % {"at": words.minute(h.when)}) if h.when else ""
    return (
        f'<li><a class="ps-hit" href="{address(h.person_id)}">'
        f'<span class="ps-who"><b class="ps-name">{who}</b> <span>{sex} {escape(words.age(h.age))}</span>'
        f' <span class="ps-dim">{number}</span></span>'
        f'<span class="ps-where">{escape(h.address) or absent["address"]}</span>'
        f'<span class="ps-orgs">{orgs}</span><span class="ps-last">{last}</span>'
        f'<span class="ps-why">{why}</span></a></li>\n'
    )


def phone_events(events: Iterable[Any], *, tab: str, opaque: Callable[[int], str], mark: Callable[[str], str], words: Any) -> SafeString:  # fmt: skip
    """The events of a person as the rows of a phone."""
    days = escape(_("天"))
    parts = []
    for e in events:
        serious = " ps-serious" if e.flag in domain.SERIOUS else ""
        stay = f" {max((e.ended_at - e.event_at).days, 1)} {days}" if e.ended_at and e.kind == "inpatient" else ""
        parts.append(
            f'<a class="ps-p-e{serious}" href="?tab={tab}&amp;event={opaque(e.id)}#opened">'
            f"<span>{words.day(e.event_at)}<br>{mark(e.org_code)}</span>"
            f'<span><b><i class="ti ti-{words.icon(e.kind)}" aria-hidden="true"></i> {escape(e.title)}</b>'
            f"<small>{escape(str(words.kind(e.kind)))}{stay}</small></span></a>"
        )
    return SafeString("".join(parts))


def laboratory_rows(items: Iterable[Any], *, here: str, chosen: str, mark: Callable[[str], str], words: Any) -> SafeString:  # fmt: skip
    """The newest result of each item as the rows of a table; a row opens the history of its item."""
    parts, on = [], ' class="on"'
    for r in items:
        asked = escape(quote(r.item_code))
        parts.append(
            f'<tr{on if r.item_code == chosen else ""}><td><a href="{here}?tab=laboratory&amp;item={asked}"'
            f' hx-get="{here}trend/?item={asked}" hx-target="#trend"><b>{escape(r.name)}</b></a></td>'
            f'<td class="yg-num">{words.result(r)}</td><td>{escape(r.unit or "")}</td>'
            f'<td class="yg-num">{escape(words.range(r))}</td><td>{words.day(r.at)}</td>'
            f'<td>{mark(r.source.org_code)}</td><td class="yg-num">{r.series}</td></tr>'
        )
    return SafeString("".join(parts))


def grid(ticks: Iterable[Any], heights: Iterable[int], bottom: int) -> SafeString:
    """The lines of a timeline: one down at each tick with its word, one across for each lane."""
    down = "".join(
        f'<line x1="{t.left}%" x2="{t.left}%" y1="20" y2="{bottom}" class="ps-s-line"/>'
        f'<text x="{t.left}%" dx="3" y="14">{escape(t.label if isinstance(t.label, str) else month_word(t.label))}</text>'
        for t in ticks
    )
    across = "".join(f'<line x1="0" x2="100%" y1="{y}" y2="{y}" class="ps-s-lane"/>' for y in heights)
    return SafeString(down + across)
