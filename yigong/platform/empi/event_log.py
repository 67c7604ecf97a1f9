"""The log of the event index: which decision moved which registrations, and how many documents, orders and events went with
them, counted when it was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.kit.text import pinyin
from yigong.platform.empi import shown, shown_words
from yigong.platform.empi.search import plain
from yigong.security.api import action, audit, persons_in_reach
from yigong.web.lists import Choice, Days, ListPage, Moment, Number, Sql, State, Text

WORDS = {
    "link": ("run", shown_words.VERBS["link"]), "join": ("run", shown_words.VERBS["join"]), "part": ("warn", _("自动拆分")),
    "confirm": ("ok", shown_words.VERBS["confirm"]), "merge": ("ok", shown_words.VERBS["merge"]),
    "split": ("warn", shown_words.VERBS["split"]), "undo": ("hold", shown_words.VERBS["undo"]), "new": ("idle", _("首次登记")),
}  # fmt: skip
SOURCES = {"people": _("专员"), "machine": _("模型"), "systems": _("机构系统")}
#: actors: people have ids above 0, the platform 0, applications of institutions ids below
_BY = {"people": "d.by_id > 0", "machine": "d.by_id = 0", "systems": "d.by_id < 0"}


def _rows_sql(conditions: list[str], reach: str) -> str:
    where = " and ".join(["d.moved", *conditions])
    return f"""select d.id, d.at, d.verb, d.score, d.from_person, d.to_person, cardinality(m.moved) as registrations,
            case d.by_name when 'system' then %(machine)s else d.by_name end as by_said,
            case when d.reason in ('', 'auto') and d.by_name = 'system' then %(automatic)s
                when d.reason = '' then '—' else d.reason end as reason,
            case when d.from_person is null then %(arrived)s else coalesce(f.golden->'full_name'->>'value',
                (select x.full_name from empi_registration x where x.id = m.moved[1]), '') end as from_name,
            coalesce(t.golden->'full_name'->>'value', '') as to_name,
            (d.carried->>'documents')::int as documents,
            case when d.carried is not null then coalesce((d.carried->'events'->>'order')::int, 0)
                + coalesce((d.carried->'events'->>'prescription')::int, 0) end as orders,
            case when d.carried is not null then coalesce((d.carried->'events'->>'appointment')::int, 0) end
                as appointments,
            case when d.carried is not null then (select coalesce(sum(e.value::int), 0)
                from jsonb_each_text(d.carried->'events') e) end as events
        from empi_decision d
            cross join lateral (select array_agg(v::bigint) as moved
                from jsonb_array_elements_text(d.registration_ids) v) m
            left join empi_person f on f.id = d.from_person
            join empi_person t on t.id = d.to_person
        where {where} and {reach}"""


class EventLog(ListPage):
    """Every move of registrations from one person to another, newest first."""

    name, title, search = "event-index-log", _("事件索引日志"), _("姓名或拼音")
    crumb = _("哪条决定把多少文档、医嘱、预约带到了哪个人名下")
    template = "empi/log.html"
    order, export_action = ("-id",), "empi.export"
    empty_title, empty_reason = _("这里还没有迁移"), _("登记被归入、合并、拆分或撤销之后，迁移会记在这里")
    columns = (
        Moment("at", _("时间"), order="at"),
        State("verb", _("决定"), WORDS),
        Text("from_name", _("原属")),
        Text("to_name", _("现属"), lead=True),
        Number("registrations", _("登记数"), order="registrations"),
        Number("documents", _("文档"), order="documents"),
        Number("orders", _("医嘱与处方"), order="orders"),
        Number("appointments", _("预约"), order="appointments"),
        Number("events", _("全部事件"), order="events"),
        Text("by_said", _("由谁")),
        Text("reason", _("理由"), wide=True),
    )
    filters = (
        Choice("verb", _("决定"), [(verb, word) for verb, (_tone, word) in WORDS.items()]),
        Choice("source", _("谁决定"), list(SOURCES.items())),
        Days("at", _("时间")),
    )

    def rows(self, ctx: Ctx, filters: Mapping[str, Any]) -> Any:
        """The moves, within reach."""
        reach = persons_in_reach(ctx, "t.id")
        params: dict[str, Any] = dict(reach.params)
        conditions = [] if filters.get("verb") == "new" else ["d.verb <> 'new'"]
        if verb := filters.get("verb"):
            conditions.append("d.verb = %(verb)s")
            params["verb"] = verb
        if source := filters.get("source"):
            conditions.append(_BY[source])
        if span := filters.get("at"):
            conditions.append(
                "d.at >= %(first)s::date::timestamp at time zone 'Asia/Shanghai'"
                " and d.at < (%(last)s::date + 1)::timestamp at time zone 'Asia/Shanghai'"
            )
            params |= {"first": span[0], "last": span[1]}
        if name := filters.get("q"):
            conditions.append(
                """exists (select 1 from empi_registration x where x.person_id in (d.from_person, d.to_person)
                    and (x.full_name like %(name)s or x.name_key = %(sound)s))"""
            )
            params |= {"name": f"{plain(name)}%", "sound": pinyin(name).replace(" ", "")}
        words = {"machine": SOURCES["machine"], "arrived": _("首次登记"), "automatic": _("自动")}
        said = {name: str(word) for name, word in words.items()}
        return Sql(_rows_sql(conditions, reach.sql), {**params, **said})

    def row_url(self, row: Any) -> str:
        """The person to whom it went."""
        return reverse("empi:person", args=[row["to_person"]])

    def more(self, request: HttpRequest, ctx: Ctx) -> Mapping[str, Any]:
        """The tabs of the desk."""
        return shown.desk(request)

    @staticmethod
    def exported(ctx: Ctx, name: str, filters: Mapping[str, Any], count: int) -> None:
        """An export is audited before it leaves."""
        said = {key: str(value) for key, value in filters.items()}
        audit(ctx, "empi.export", "list", name, after={"filters": said, "rows": count})


log = action("empi.view")(EventLog().view)
