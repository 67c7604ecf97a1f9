"""News of data quality told outside the pages, over the channels of the exchange: new issues to the institution, disputes to
the county, answers to the institution. Never personal data, never a value of a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import override

from yigong.kit.clock import now
from yigong.outbox import api as letters
from yigong.platform.exchange import api as exchange
from yigong.platform.registry import api as registry
from yigong.quality import rulebook, words
from yigong.quality.models import QualityIssue, QualityNotice

KIND = "quality"
#: moves that the institution is told of, and those that only who hears of all institutions is told of
ANSWERS, APPEALS = ("uphold", "concede", "waive", "resume", "reopen"), ("dispute",)


def found(event_id: int, facts: dict[str, Any]) -> None:
    """An institution has new issues, or some are back (event ``quality.issues_found``)."""
    org = str(facts["org_code"])
    issues = list(QualityIssue.everything.filter(pk__in=facts["issue_ids"]).exclude(state="closed"))
    if issues:
        url = f"{reverse('quality:issues')}?tab=todo&org_code={org}"
        _write(
            event_id,
            org,
            f"{len(issues)} 个数据质量问题",
            f"{len(issues)} issues of data quality",
            _listed(issues),
            url,
        )


def moved(event_id: int, facts: dict[str, Any]) -> None:
    """An issue was disputed, or the county answered, waived or opened it again (event ``quality.issue_moved``)."""
    verb = str(facts["verb"])
    issue = QualityIssue.everything.filter(pk=facts["issue_id"]).first()
    if issue is None or verb not in (*ANSWERS, *APPEALS):
        return
    rule = rulebook.of(issue).name
    zh, en = _both(words.VERBS[verb])
    said = (f"{rule.zh}（{issue.rule}）", f"{rule.en} ({issue.rule})")
    url = reverse("quality:issue", args=[issue.pk])
    _write(event_id, issue.org_code, zh, en, said, url, county_only=verb in APPEALS)


def work() -> int:
    """Send what is due; how many were tried."""
    return letters.send_due(QualityNotice.objects.all(), lambda n: exchange.send_letter(n.channel, n.letter))


def _both(word: Any) -> tuple[str, str]:
    with override("zh-hans"):
        zh = str(word)
    with override("en"):
        return zh, str(word)


def _listed(issues: Sequence[QualityIssue]) -> tuple[str, str]:
    """How many of each severity, and which rules."""
    rules = [rulebook.of(i).name for i in sorted(issues, key=lambda i: (i.due_on is None, i.due_on, i.pk))[:5]]
    sums = [(_both(words.SEVERITIES[s][1]), n) for s, n in Counter(i.severity for i in issues).most_common()]
    more_zh, more_en = ("等", ", …") if len(issues) > len(rules) else ("", "")
    return (
        "、".join(f"{zh} {n}" for (zh, _en), n in sums) + "：" + "、".join(r.zh for r in rules) + more_zh,
        ", ".join(f"{n} {en}" for (_zh, en), n in sums) + ": " + ", ".join(r.en for r in rules) + more_en,
    )


def _write(
    event_id: int, org: str, zh: str, en: str, said: tuple[str, str], url: str, *, county_only: bool = False
) -> None:
    home = registry.institution(org)
    name = home.name if home else org
    letter = {
        "event": KIND, "kind": KIND, "title": f"[Yigong] {name}：{zh} / {en}", "institution": name, "feed": "",
        "zh": f"{zh}。{said[0]}", "en": f"{en}. {said[1]}", "link": f"{settings.CSRF_TRUSTED_ORIGINS[0]}{url}",
    }  # fmt: skip
    moment = now()
    QualityNotice.objects.bulk_create(
        [
            QualityNotice(channel=c, event_id=event_id, letter=letter, due_at=moment, created_at=moment)
            for c in exchange.channels(KIND, "" if county_only else org)
        ],
        ignore_conflicts=True,
    )
