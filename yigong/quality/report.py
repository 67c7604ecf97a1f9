"""The monthly report: facts once, as PDF and as a workbook."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import xlsxwriter
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from yigong.kit.clock import COUNTY_ZONE, today
from yigong.quality import closing, rulebook, scores, selectors, shown, words
from yigong.quality.domain import Score
from yigong.web import exports, pdf

TEMPLATE = Path(__file__).parent / "templates" / "quality" / "report.typ"


def synthetic() -> bool:
    """Whether the data are those of the demonstration."""
    return bool(getattr(settings, "SYNTHETIC", True))


def facts(month: date, orgs: list[str] | None) -> dict[str, Any]:
    """Everything the report of a month says, as plain texts in tables."""
    w = scores.report_window(month)
    total = scores.total(w, orgs)
    places = [p for p in scores.ranking(w) if orgs is None or p.org_code in orgs]
    return {
        "title": _("数据质量月报 %(month)s") % {"month": f"{month:%Y-%m}"},
        "scope": _("全县") if orgs is None else "、".join(shown.institution(o) for o in orgs),
        "version": _version(month),
        "lead": _lead(total, w),
        "ranking_title": _("机构得分"),
        "ranking_head": [_("名次"), _("机构"), _("得分"), _("环比"), _("合规"), _("已判定")],
        "ranking": [
            [str(p.place or "—"), shown.institution(p.org_code), _score(p.score), shown.change(p.score, p.before),
             f"{p.score.passed:,}", f"{p.score.judged:,}"] for p in places
        ],
        "dimension_title": _("维度"),
        "dimension_head": [_("维度"), _("得分"), _("合规"), _("已判定")],
        "dimensions": _scored(((str(w_), s) for w_, s in _dimensions(w, orgs))),
        "data_set_title": _("数据集"),
        "data_set_head": [_("数据集"), _("得分"), _("合规"), _("已判定")],
        "data_sets": _scored((shown.data_set(d), s) for d, s in sorted(scores.by_data_set(w, orgs).items(), key=_worst)),
        "rule_title": _("不合规最多的规则"),
        "rule_head": [_("规则"), _("维度"), _("不合规"), _("已判定"), _("占比")],
        "rules": _rules(w, orgs),
        "issue_title": _("问题处理"),
        "issue_head": [_("机构"), _("待整改"), _("逾期"), _("申诉中"), _("豁免中"), _("本月关闭")],
        "issues": _issues(month, orgs),
        "notes": _notes(),
    }  # fmt: skip


def _version(month: date) -> str:
    """With which rules, and whether the month stands or still moves."""
    found = closing.closed(month)
    if found is None:
        return _("规则集 %(version)s；本月未封账，数字会变") % {"version": rulebook.version(rulebook.rules())}
    return _("规则集 %(version)s；%(at)s 封账") % {"version": found[0], "at": f"{localtime(found[1]):%Y-%m-%d %H:%M}"}


def _lead(total: Score, w: scores.Window) -> str:
    if total.value is None:
        return _("本月数据不足，不显示总分：%(why)s（判定 %(n)s 个）。") % {
            "why": words.WITHHELD[total.reason],
            "n": f"{total.judged:,}",
        }
    return _("总分 %(score)s 分：%(rules)s 条规则共判定 %(judged)s 个值，合规 %(passed)s 个。统计窗口 %(window)s，按事件发生的月份。") % {
        "score": f"{total.value:.1f}", "rules": total.rules, "judged": f"{total.judged:,}", "passed": f"{total.passed:,}", "window": w.words,
    }  # fmt: skip


def _notes() -> list[str]:
    return [
        _("得分是各规则合规比例按权重的平均；没有判定的规则不计，判定不足 100 个或规则不足 3 条时不显示得分。"),
        _("问题处理一表为下载时的状态。"),
        _("造假筛查只提示需要核对，不计入得分；机构可以申诉，申诉成立的行不再计入。"),
    ]


def _score(score: Score) -> str:
    return _("数据不足") if score.value is None else f"{score.value:.1f}"


def _scored(found: Any) -> list[list[str]]:
    return [[name, _score(s), f"{s.passed:,}", f"{s.judged:,}"] for name, s in found]


def _worst(item: tuple[str, Score]) -> float:
    return item[1].value if item[1].value is not None else 101.0


def _dimensions(w: scores.Window, orgs: list[str] | None) -> list[tuple[object, Score]]:
    found = scores.by_dimension(w, orgs)
    nothing = Score(None, 0, 0, 0, "nothing")
    return [(word, found.get(code, nothing)) for code, word in words.DIMENSIONS.items()]


def _rules(w: scores.Window, orgs: list[str] | None, most: int = 15) -> list[list[str]]:
    sums: dict[str, list[int]] = {}
    for _by, code, _d, judged, failed in selectors.sums(
        start=w.start, end=w.end, by="rule", orgs=orgs, closed=w.closed
    ):
        line = sums.setdefault(code, [0, 0])
        line[0] += judged
        line[1] += failed
    known = closing.rules_of(w.start) if w.closed else {r.code: r for r in rulebook.rules()}
    told = sorted(((c, j, f) for c, (j, f) in sums.items() if f and c in known), key=lambda x: -x[2])[:most]
    return [
        [f"{shown.said(known[c].name)}（{c}）", str(words.DIMENSIONS[known[c].dimension]), f"{f:,}", f"{j:,}", f"{100 * f / j:.1f}%" if j else "—"]
        for c, j, f in told
    ]  # fmt: skip


def _issues(month: date, orgs: list[str] | None) -> list[list[str]]:
    """Issues by institution as they stand; days and months are those of the county."""
    narrow = "where org_code = any(%(orgs)s)" if orgs is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select org_code, count(*) filter (where state in ('open', 'assigned')),
                       count(*) filter (where state in ('open', 'assigned') and due_on < %(today)s),
                       count(*) filter (where state = 'disputed'), count(*) filter (where state = 'waived'),
                       count(*) filter (where closed_at >= %(start)s and closed_at < %(end)s)
                from quality_issue {narrow} group by 1 order by 2 desc, 1""",
            {"orgs": orgs, "today": today(), "start": _midnight(month), "end": _midnight(scores.back(month, -1))},
        )
        return [[shown.institution(row[0]), *(f"{n:,}" for n in row[1:])] for row in cursor.fetchall()]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), COUNTY_ZONE)


def as_pdf(told: dict[str, Any], mark: str) -> bytes:
    """The report on paper. Raises Refused no_cjk_font."""
    return pdf.pdf(TEMPLATE, told, title=told["title"], scope=told["scope"], mark=mark)


SHEETS = (
    ("ranking_title", "ranking_head", "ranking"),
    ("dimension_title", "dimension_head", "dimensions"),
    ("data_set_title", "data_set_head", "data_sets"),
    ("rule_title", "rule_head", "rules"),
    ("issue_title", "issue_head", "issues"),
)


def workbook(told: dict[str, Any], mark: str, name: str) -> HttpResponse:
    """The report as a workbook, one sheet for each table; the mark stands under each."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    foot = [told["lead"], told["version"], *told["notes"], mark]
    for title, head, rows in SHEETS:
        _sheet(book, told[title], told[head], told[rows], foot)
    book.close()
    response = HttpResponse(out.getvalue(), content_type=exports.KINDS["xlsx"])
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["Cache-Control"] = "no-store"
    return response


def _sheet(book: Any, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str]) -> None:
    bold, tenths = book.add_format({"bold": True}), book.add_format({"num_format": "0.0"})
    page = book.add_worksheet(str(title)[:31])
    page.freeze_panes(1, 1)
    page.set_column(0, len(head) - 1, 18)
    page.write_row(0, 0, [str(h) for h in head], bold)
    for at, row in enumerate(rows, 1):
        for column, text in enumerate(row):
            _cell(page, at, column, text, tenths)
    for offset, line in enumerate(foot):
        page.write_string(len(rows) + 2 + offset, 0, line)


def _cell(page: Any, row: int, column: int, text: str, tenths: Any) -> None:
    """A figure as a number that is shown as on paper, everything else as text."""
    plain = text.replace(",", "").replace("−", "-")
    if plain.replace(".", "", 1).lstrip("+-").isdigit():
        page.write_number(row, column, float(plain), *([tenths] if "." in plain else []))
    else:
        page.write_string(row, column, exports.safe(text))
