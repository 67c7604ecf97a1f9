"""How quality is shown: words beside codes, lines of a life, figures with what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.kit.ctx import Ctx
from yigong.platform.registry import api as registry
from yigong.quality import domain, words
from yigong.quality.domain import LIFE, Score, Side, State
from yigong.quality.models import QualityIssue, QualityMove
from yigong.quality.scores import Window
from yigong.standards.quality import api as quality
from yigong.web import parts

LINE = (State.OPEN, State.ASSIGNED, State.FIXED, State.CLOSED)


def english() -> bool:
    """Whether the page speaks English."""
    return get_language() == "en"


def said(words_: quality.Said) -> str:
    """The words in the language of the page."""
    return words_.en if english() else words_.zh


def data_set(identifier: str) -> str:
    """The name of a data set."""
    found = quality.subject(identifier)
    return found.name_en if english() else found.name_zh


def field(data_set_: str, name: str) -> str:
    """The name of a field."""
    found = quality.subject(data_set_).words.get(name)
    if found is None:
        return name.partition(".")[2].replace("_", " ") or name
    return found[1] if english() else found[0]


def institution(code: str) -> str:
    """The name of an institution."""
    found = registry.institution(code)
    return found.name if found else code


def rule_name(code: str) -> str:
    """The name of a rule; its code when it is no longer declared."""
    try:
        return said(quality.rule(code).name)
    except KeyError:
        return code


def figure(name: object, score: Score, w: Window, version: str, **more: Any) -> parts.Figure:
    """A score as a figure: passed / judged, window, version of the rules; withheld with its reason."""
    if score.value is None:
        return parts.Figure(name, withheld=words.WITHHELD[score.reason], **more)
    return parts.Figure(
        name, value=f"{score.value:.1f}", unit=_("分"), numerator=score.passed, denominator=score.judged,
        counted=_("个判定"), definition=f"{w.words} · {_('规则集')} {version}", **more,
    )  # fmt: skip


def score_cell(score: Score) -> SimpleNamespace:
    """A score in a table."""
    known = score.value is not None
    return SimpleNamespace(
        known=known,
        text=f"{score.value:.1f}" if known else "",
        reason=words.WITHHELD.get(score.reason, ""),
        passed=score.passed,
        judged=score.judged,
        percent=score.value or 0,
        tone="bad"
        if known and float(score.value or 0) < 80
        else "warn"
        if known and float(score.value or 0) < 95
        else "ok",
    )


def change(now: Score, before: Score) -> str:
    """The change of a score in points; — when one of both is withheld."""
    if now.value is None or before.value is None:
        return "—"
    points = round(now.value - before.value, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "0.0"


def limits(rule: quality.Rule) -> list[SimpleNamespace]:
    """The thresholds of a rule with what they may be."""
    found = (("least", rule.least), ("most", rule.most))
    return [
        SimpleNamespace(name=n, word=words.LIMITS[n], at=f"{x.at:g}", lowest=f"{x.lowest:g}", highest=f"{x.highest:g}", unit=said(rule.unit))
        for n, x in found
        if x is not None
    ]  # fmt: skip


def steps(issue: QualityIssue, moves: Sequence[QualityMove]) -> list[parts.Step]:
    """The line of an issue's life."""
    state = State(issue.state)
    line = [*LINE[:2], state, *LINE[2:]] if state not in LINE else list(LINE)
    at = line.index(state)
    last = {m.target: m for m in moves}
    return [
        parts.Step(
            words.STATES[s][1], "now" if i == at else "done" if (i < at and s in last) or (i == 0 and at > 0) else "later",
            _who(last.get(s), issue, s),
        )
        for i, s in enumerate(line)
    ]  # fmt: skip


def _who(move: QualityMove | None, issue: QualityIssue, state: State) -> str:
    if move is None:
        return f"{localtime(issue.found_at):%m-%d}" if state is State.OPEN else ""
    return f"{move.by_name if move.by_id else _('平台')} {localtime(move.at):%m-%d}"


def consequence(issue: QualityIssue) -> str:
    """What happens next without anybody doing something."""
    match issue.state:
        case State.OPEN | State.ASSIGNED:
            return _("期限 %(day)s；到期未整改会计入月报。复核查不到时自动关闭。") % {"day": issue.due_on}
        case State.FIXED:
            return _("下一次检查后自动关闭；还查得到就退回待整改。")
        case State.WAIVED:
            return _("豁免到 %(day)s，到期自动恢复待整改。豁免期间仍然计数。") % {"day": issue.waived_until}
        case State.DISPUTED:
            return _("县数据办应在 5 天内答复。申诉成立的行以后不再计入这条规则。")
    return _("再查到时会自动重新打开。")


def buttons(issue: QualityIssue, ctx: Ctx) -> dict[str, list[dict[str, Any]]]:
    """What the actor may do now, and what others may do."""
    sides = issue.sides(ctx) - {Side.PLATFORM}
    possible = [m for m in LIFE.verbs(issue.state) if m.side is not Side.PLATFORM]
    mine = [m for m in possible if m.side in sides and ctx.may(f"quality.{m.verb}")]
    others = [m for m in possible if m not in mine]
    suspicion = issue.dimension == "fabrication"
    return {
        "mine": [_button(m, main=at == 0, suspicion=suspicion) for at, m in enumerate(sorted(mine, key=_rank))],
        "others": [_button(m, main=False, suspicion=suspicion) for m in others],
    }


#: verbs that may be the one solid button
MAIN = ("fix", "concede")
_RANK = ("fix", "concede", "assign", "uphold", "waive", "resume", "dispute", "withdraw", "unfix", "release", "reopen")


def _rank(move: Any) -> int:
    return _RANK.index(move.verb) if move.verb in _RANK else 99


def _button(move: Any, *, main: bool, suspicion: bool) -> dict[str, Any]:
    return {
        "verb": move.verb,
        "word": words.VERBS[move.verb],
        "side": words.SIDES[move.side],
        "key": words.KEYS.get(move.verb, ""),
        "asks": bool(move.needs),
        "is_main": (main and move.verb in MAIN) or (suspicion and move.verb == "dispute"),
    }


def moved(move: QualityMove) -> SimpleNamespace:
    """One move with its words."""
    facts = [(words.FACTS[k][0], v) for k, v in move.given.items() if k in words.FACTS]
    return SimpleNamespace(
        word=words.VERBS.get(move.verb, move.verb), at=move.at, facts=facts,
        who=f"{move.by_name} · {institution(move.org_code)}" if move.by_id else _("平台复核"),
    )  # fmt: skip


def cell(value: Any) -> str:
    """A value of a failing row as people read it."""
    if value is None or value == "":
        return _("未记录")
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    text = str(value)
    return text if len(text) <= 60 else text[:58] + "…"


def due_left(issue: QualityIssue, today: date) -> tuple[str, str]:
    """(tone, words) of what is left until the day on which an issue should be mended."""
    if issue.due_on is None or issue.state not in domain.WAITING:
        return "idle", "—"
    days = (issue.due_on - today).days
    if days < 0:
        return "bad", _("逾期 %(n)s 天") % {"n": -days}
    return ("warn" if days <= 3 else "idle"), _("还剩 %(n)s 天") % {"n": days}


def condition(rule: quality.Rule) -> list[tuple[str, str]]:
    """The parts of a rule's condition as written."""
    named = (
        (_("分组"), ", ".join(rule.per)), (_("适用于"), rule.when), (_("应满足"), rule.holds), (_("测量"), rule.measure),
        (_("组内至少"), str(rule.needs) if rule.needs else ""),
    )  # fmt: skip
    return [(word, " ".join(text.split())) for word, text in named if text]
