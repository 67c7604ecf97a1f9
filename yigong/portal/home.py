"""The blocks of the home page, by what the role may do: figures, what waits, and the newest of its work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.collaboration.referral import api as referral
from yigong.kit.clock import now, today
from yigong.kit.ctx import Ctx, Reach
from yigong.platform.bus import api as bus
from yigong.platform.empi import api as empi
from yigong.platform.exchange import api as exchange
from yigong.platform.exchange.edge import api as edge
from yigong.platform.registry import api as registry
from yigong.quality import api as quality
from yigong.security.models import Audit, Login, User
from yigong.sharing import api as sharing
from yigong.supervision import api as supervision
from yigong.web.parts import Figure
from yigong.web.words import number_words

Blocks = dict[str, list[Any]]


def blocks(ctx: Ctx) -> dict[str, list[Any]]:
    """Figures (at most six), to-dos by weight and lists of all parts of the house that the actor may use."""
    found: Blocks = {"figures": [], "todos": [], "lists": [], "beneath": []}
    for action, provider in PROVIDERS:
        if ctx.may(action):
            for kind, items in provider(ctx).items():
                found[kind] += items
    found["figures"] = found["figures"][:6]
    return found


def _figure(name: object, value: int, url: str = "", note: object = "") -> Figure:
    return Figure(name=name, value=number_words(value), definition=note, url=url)


def _todo(word: object, count: int, url: str, icon: str, tone: str = "wait", note: object = "") -> list[dict[str, Any]]:
    """One line of what waits; nothing when nothing waits."""
    if not count:
        return []
    return [{"word": word, "count_word": number_words(count), "url": url, "icon": icon, "tone": tone, "note": note}]


def _referrals(ctx: Ctx) -> Blocks:
    counts = referral.counts(ctx)
    inbox = reverse("referral:inbox")
    cases = referral.shown_cases(ctx, referral.Filters(tab="all", size=8))
    return {
        "figures": [
            _figure(_("转诊待我处理"), counts["todo"], inbox),
            _figure(_("已接收待到诊"), counts["waiting"], f"{inbox}?tab=waiting"),
            _figure(_("诊治中"), counts["treating"], f"{inbox}?tab=treating"),
            _figure(_("我方转出未结"), counts["sent"], f"{inbox}?tab=sent"),
        ],
        "todos": [
            *_todo(
                _("转诊申请等答复"),
                counts["todo"],
                inbox,
                "arrows-exchange",
                "warn",
                _("按答复时限排序，超时的在最上面"),
            ),
            *_todo(_("患者已约，等到诊登记"), counts["waiting"], f"{inbox}?tab=waiting", "user-check"),
            *_todo(_("草稿没有提交"), counts["drafts"], f"{inbox}?tab=drafts", "pencil", "idle"),
        ],
        "lists": [
            {
                "title": _("最近的转诊"),
                "url": f"{inbox}?tab=all",
                "empty": _("本机构还没有转诊。"),
                "rows": [
                    {
                        "url": reverse("referral:case", args=[c.id]),
                        "institution": c.sender,
                        "title": c.full_name,
                        "note": f"{c.direction_word} · {c.diagnosis_name}",
                        "tone": c.state_tone,
                        "state": c.state_word,
                    }
                    for c in cases
                ],
            }
        ],
    }


def _persons(ctx: Ctx) -> Blocks:
    """Whom the actor read last; none of them leaves the actor's reach."""
    rows = [
        {
            "url": reverse("sharing:person", args=[hit.person_id]),
            "institution": registry.institution(hit.seen_org) if hit.seen_org else None,
            "title": hit.full_name or _("姓名未记录"),
            "note": f"{localtime(hit.when):%m-%d %H:%M} · {hit.id_masked}" if hit.when else hit.id_masked,
        }
        for hit in sharing.recent(ctx, 8)
    ]
    title, empty = _("最近查看的患者"), _("还没有查看过患者；按 / 可以随时找人。")
    return {"beneath": [{"title": title, "url": reverse("sharing:search"), "empty": empty, "rows": rows}]}


def _told(alarm: exchange.Alarm) -> str:
    """The sentence of an alarm with its numbers, in the language of the page."""
    return alarm.en if get_language() == "en" else alarm.zh


def _exchange(ctx: Ctx) -> Blocks:
    counts = exchange.counts(ctx)
    monitor, waiting = reverse("exchange:monitor"), reverse("exchange:quarantine")
    failed = counts["states"].get("failed", 0)
    return {
        "figures": [
            _figure(_("今日读取（行）"), counts["today"].read, monitor),
            _figure(_("今日入库（行）"), counts["today"].loaded, monitor),
            _figure(_("隔离区待处理"), counts["waiting"], waiting),
            _figure(_("采集源失败"), failed, monitor),
        ],
        "todos": [
            *_todo(_("采集任务失败"), failed, monitor, "plug-x", "bad"),
            *[
                line
                for told in exchange.open_alarms(ctx)[:4]
                for line in _todo(
                    f"{told.feed.name}", 1, reverse("exchange:alarms"), "alert-triangle", "bad", _told(told)
                )
            ],
            *_todo(
                _("隔离的行等修正或重送"),
                counts["waiting"],
                waiting,
                "shield-x",
                "warn",
                _("每一行都写着原因，改好后可重送"),
            ),
        ],
        "lists": [
            {
                "title": _("最近的采集"),
                "note": _("异常的在前，其余按最近采集"),
                "url": reverse("exchange:feeds"),
                "empty": _("还没有采集源；在“交换 → 采集源”里新建。"),
                "rows": [_run(feed, job) for feed, job in exchange.latest_runs(ctx, 8)],
            }
        ],
    }


def _run(feed: exchange.Feed, job: exchange.Job | None) -> dict[str, Any]:
    """A feed and what its last run brought."""
    tone, word = exchange.FEED_STATES[exchange.FeedState(feed.state)]
    note = ""
    if job is not None and job.started_at:
        facts = {"at": f"{localtime(job.started_at):%m-%d %H:%M}", "rows": number_words(job.loaded)}
        note = _("%(at)s · 入库 %(rows)s 行") % facts
    return {
        "url": reverse("exchange:feed", args=[feed.pk]),
        "institution": registry.institution(feed.org_code) if feed.org_code else None,
        "title": feed.name,
        "note": note,
        "tone": tone,
        "state": word,
    }


def _nodes(ctx: Ctx) -> Blocks:
    return {
        "todos": _todo(
            _("边缘节点静默"), edge.silent_count(ctx), reverse("edge:nodes"), "server-off", "bad",
            _("数据留在医院的节点里；先看医院的网络和电源"),
        )
    }  # fmt: skip


def _bus(ctx: Ctx) -> Blocks:
    return {
        "todos": _todo(
            _("送不出去的消息和不应答的端点"), bus.dead_count(ctx), f"{reverse('bus:deliveries')}?state=dead",
            "mail-x", "bad", _("按原因归在一起；改好原因后可以一并重发"),
        )
    }  # fmt: skip


def _quality(ctx: Ctx) -> Blocks:
    """Issues that wait for the actor, and the institutions with the lowest scores of this month."""
    issues = reverse("quality:issues")
    disputed = ctx.reach == Reach.COUNTY
    todo = (
        _todo(_("数据质量问题的申诉等答复"), quality.waiting(ctx), f"{issues}?tab=disputed", "message-report", "warn")
        if disputed
        else _todo(_("本机构的数据质量问题"), quality.waiting(ctx), f"{issues}?tab=todo", "shield-exclamation", "warn")
    )
    seen = quality.may_see(ctx)
    places = [p for p in quality.ranking(quality.window("month")) if seen is None or p.org_code in seen]
    low = [p for p in reversed(places) if p.place is not None][:8]
    return {
        "todos": todo,
        "beneath": [
            {
                "title": _("数据质量"),
                "note": _("本月评分低的在前"),
                "url": reverse("quality:overview"),
                "empty": _("本月还没有足够的数据评分。"),
                "rows": [_place(p, f"{issues}?tab=todo&org_code={p.org_code}") for p in low],
            }
        ],
    }


def _place(place: quality.Place, url: str) -> dict[str, Any]:
    """An institution with its score."""
    home, cell = registry.institution(place.org_code), quality.score_cell(place.score)
    failed = number_words(cell.judged - cell.passed)
    note = _("判断 %(judged)s 次，%(failed)s 次不合格") % {"judged": number_words(cell.judged), "failed": failed}
    title = home.name if home else place.org_code
    return {"url": url, "institution": home, "title": title, "note": note, "tone": cell.tone, "state": cell.text}


def _identity(ctx: Ctx) -> Blocks:
    pairs = empi.review_count(ctx)
    queue = reverse("empi:review")
    return {
        "figures": [_figure(_("疑似同人待核"), pairs, queue)],
        "todos": _todo(
            _("疑似同人等核对"), pairs, queue, "fingerprint", "warn", _("先核风险高的；合并随时可以完整撤回")
        ),
    }


def _supervision(ctx: Ctx) -> Blocks:
    return {"figures": supervision.figures()}


def _platform(ctx: Ctx) -> Blocks:
    day = now() - timedelta(days=1)
    audit = reverse("security:audit")
    locked = User.objects.filter(unlocks_at__gt=now()).count()
    return {
        "figures": [
            _figure(_("在册机构"), len(registry.institutions()), reverse("institutions:list")),
            _figure(_("用户"), User.objects.filter(is_active=True).count()),
            _figure(
                _("近 24 小时登录"), Login.objects.filter(at__gte=day, outcome="in").count(), reverse("security:logins")
            ),
            _figure(_("近 24 小时审计"), Audit.objects.filter(at__gte=day).count(), audit, str(today())),
        ],
        "todos": _todo(_("账号因输错密码锁定"), locked, reverse("security:logins"), "lock", "warn", _("到时自动解锁")),
    }


#: who holds the action sees the block; the order is that of the page
PROVIDERS: tuple[tuple[str, Callable[[Ctx], Blocks]], ...] = (
    ("referral.view", _referrals),
    ("person.view", _persons),
    ("exchange.run", _exchange),
    ("exchange.edge.view", _nodes),
    ("bus.view", _bus),
    ("quality.view", _quality),
    ("empi.decide", _identity),
    ("supervision.view", _supervision),
    ("audit.view", _platform),
)
