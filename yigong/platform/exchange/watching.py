"""When a feed is worrying: late, silent, off its trend, out of balance. Each judgement with its reason and numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median, median_high, median_low
from typing import Any

from yigong.kit.said import Said

#: a feed is late when its last good run lies further back than this many of its intervals, and at least LATE_LEAST
LATE_INTERVALS = 3
LATE_LEAST = timedelta(hours=1)
#: a feed is silent when the same weekday had at least so many new rows by this hour, in every one of the weeks looked at, and today has none
SILENT_LEAST = 10
#: a trend is broken when a day's new rows differ from the median of the same weekdays by more than this share, and by more than TREND_LEAST rows
TREND_SHARE = 0.6
TREND_LEAST = 50
WEEKS = 4
WEEKS_LEAST = 2  # fewer such days are no trend
KINDS = ("failed", "aside", "late", "silent", "trend", "uneven")


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something worrying: its kind, the sentence in both languages, the numbers behind it."""

    kind: str
    zh: str
    en: str
    facts: dict[str, Any] = field(default_factory=dict)


def failed(failures: int, code: str, zh: str, en: str) -> Alarm | None:
    """The last run failed."""
    if not failures:
        return None
    return Alarm(
        "failed",
        f"连续失败 {failures} 次：{zh}",
        f"failed {failures} times in a row: {en}",
        {"failures": failures, "code": code},
    )


def node_silent(name: str, since: str, minutes: int, rows: int) -> Alarm:
    """The node that reads a feed says nothing any more."""
    return Alarm(
        "silent",
        f"边缘节点“{name}”自 {since} 没有消息，已 {minutes} 分钟；当时待传 {rows} 行",
        f"edge node {name} has not been heard since {since}, for {minutes} minutes; {rows} rows waited then",
        {"minutes": minutes, "rows": rows},
    )


def node_gone(name: str) -> Alarm:
    """The node that read a feed was revoked, and nobody reads it."""
    return Alarm(
        "failed",
        f"边缘节点“{name}”已注销，没有人读取这个任务：请另派节点接替，或收回由平台读取",
        f"edge node {name} was revoked and nobody reads this feed: let another node take its place, or the centre read it",
    )


def node_twin(name: str) -> Alarm:
    """Two machines speak with the key of one node."""
    return Alarm(
        "failed",
        f"两台机器在用边缘节点“{name}”的密钥：数据不会重复入库，请停掉其中一台，再换密钥",
        f"two machines use the key of edge node {name}: no row goes in twice; stop one of them, then change the key",
    )


def bundle_stuck(attempts: int, code: str, zh: str, en: str) -> Alarm:
    """What a node sent waits at the centre because it cannot go in."""
    return Alarm(
        "failed",
        f"节点送来的数据包入库失败 {attempts} 次，后面的排队等待：{zh}",
        f"a bundle of the node failed to go in {attempts} times, those behind it wait: {en}",
        {"failures": attempts, "code": code},
    )


def node_failed(zh: str, en: str) -> Alarm:
    """The node that reads a feed cannot."""
    return Alarm("failed", f"边缘节点读取失败：{zh}", f"the edge node cannot read it: {en}")


def aside(files: Sequence[tuple[str, str, str]]) -> Alarm | None:
    """Files of a folder cannot be read as they are; each with its name and the sentence why, in both languages."""
    if not files:
        return None
    name, zh, en = files[0]
    more = (f"，另有 {len(files) - 1} 个", f", and {len(files) - 1} more") if len(files) > 1 else ("", "")
    return Alarm(
        "aside",
        f"{len(files)} 个文件搁置未读（{name}{more[0]}），其余照常。{zh}",
        f"files set aside unread: {len(files)} ({name}{more[1]}), the others go on. {en}",
        {"files": [f[0] for f in files]},
    )


def late(
    good_at: datetime | None, interval: timedelta | None, moment: datetime, *, quiet: timedelta | None = None
) -> Alarm | None:
    """No good run for longer than the schedule lets expect, or than *quiet* which somebody declared."""
    if good_at is None or interval is None:
        return None
    limit = (
        quiet or max(interval * LATE_INTERVALS, LATE_LEAST)
        if interval < timedelta(hours=8)
        else quiet or interval + timedelta(hours=2)
    )
    since = moment - good_at
    if since <= limit:
        return None
    facts = {"minutes": _minutes(since), "limit_minutes": _minutes(limit)}
    return Alarm(
        "late",
        f"{_span_zh(since)}没有成功采集，应不超过 {_span_zh(limit)}",
        f"no successful run for {_span_en(since)}; at most {_span_en(limit)} is expected",
        facts,
    )


def silent(today: int, same_hour: Sequence[int]) -> Alarm | None:
    """Runs succeed but bring nothing new, while the same weekdays had rows by this time of day."""
    if today or len(same_hour) < WEEKS_LEAST or min(same_hour) < SILENT_LEAST:
        return None
    usual = round(median(same_hour))
    return Alarm(
        "silent",
        f"今天到现在没有一行新数据；前 {len(same_hour)} 个同星期日子此时已有 {', '.join(map(str, same_hour))} 行",
        f"not one new row today; by this time the last {len(same_hour)} such weekdays had {', '.join(map(str, same_hour))}",
        {"today": 0, "usual": usual, "before": list(same_hour)},
    )


def trend(day: int, before: Sequence[int], *, word_zh: str = "昨天", word_en: str = "yesterday") -> Alarm | None:
    """A whole day brought far fewer or far more new rows than the same weekdays before it."""
    if len(before) < WEEKS_LEAST:
        return None
    # of an even number of days the nearer of the two in the middle: a first load of all history is no day like others
    usual = min(max(day, median_low(before)), median_high(before))
    if usual <= 0 or abs(day - usual) <= max(TREND_SHARE * usual, TREND_LEAST):
        return None
    share = (day - usual) / usual
    sign = "多" if share > 0 else "少"
    return Alarm(
        "trend",
        f"{word_zh}新数据 {day} 行，比前 {len(before)} 个同星期日子的中位数 {usual:g} 行{sign} {abs(share):.0%}（界限 {TREND_SHARE:.0%}）",
        f"{day} new rows {word_en}, {abs(share):.0%} {'more' if share > 0 else 'fewer'} than the median {usual:g} of the last {len(before)} such weekdays (limit {TREND_SHARE:.0%})",
        {"day": day, "usual": usual, "before": list(before), "share": round(share, 4)},
    )


def uneven(day: str, missing: int, trouble: Said) -> Alarm | None:
    """The account of a past day does not balance; *trouble* says why."""
    if not missing and not trouble.zh:
        return None
    zh = (
        f"{day} 对账不平：{'源库比读取多' if missing > 0 else '读取比源库多'} {abs(missing)} 行"
        if missing
        else f"{day} 对账未平：{trouble.zh}"
    )
    en = (
        f"the account of {day} does not balance: {missing} rows"
        if missing
        else f"the account of {day} is open: {trouble.en}"
    )
    return Alarm("uneven", zh, en, {"day": day, "missing": missing})


def disputed(day: str) -> Alarm:
    """The institution's side has other figures of a day that the centre closed."""
    return Alarm(
        "uneven",
        f"{day} 的关账凭证，机构一方的数字不同：请对照查清，再请它重新核对",
        f"the institution's side has other figures for {day} than the closing certificate: compare them, then ask it again",
        {"day": day},
    )


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def _span_zh(span: timedelta) -> str:
    hours, minutes = divmod(_minutes(span), 60)
    days, hours = divmod(hours, 24)
    return f"{days} 天 {hours} 时" if days else f"{hours} 时 {minutes} 分" if hours else f"{minutes} 分"


def _span_en(span: timedelta) -> str:
    hours, minutes = divmod(_minutes(span), 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min"
