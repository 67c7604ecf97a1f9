"""What the direct door knows: who asks, what is asked, and the lanes that answer."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.kit.ids import new_request_id
from yigong.platform.empi import alike, rules
from yigong.platform.empi import match as matcher
from yigong.platform.empi.alike import Said
from yigong.platform.empi.direct.lanes import Lane
from yigong.platform.empi.direct.statements import FOUND, KINDS, lookup_sql, match_sql, note_sql, row_of
from yigong.platform.empi.frames import REGISTRATION
from yigong.platform.empi.identity import upgrade
from yigong.security.api import opaque_id, revealed, who

log = logging.getLogger("yigong.lookup")
#: a token is asked about again after so many seconds, so that a revoked application is out soon
KNOWN_SECONDS = 5.0
#: rules that were published apply after so many seconds
RULE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, by identifier or by facts; *who* are the columns of the audit and of the reach."""

    who: dict[str, Any]
    value: str = ""
    org: str = ""
    system: str = ""
    facts: Said | None = None
    count: int = 10
    least: str = "review"


class Door:
    """The open door; made inside a running loop."""

    def __init__(self, url: str, connections: int = 2) -> None:
        self._known: dict[str, tuple[float, Ctx | None, dict[str, Any]]] = {}
        self._rules = rules.built_in()
        self._statements = {kind: lookup_sql(kind) for kind in KINDS}
        self._match, self._note = match_sql(), note_sql()
        self._lanes = {kind: Lane(url, self._carrier(kind), connections) for kind in KINDS}
        self._matches = Lane(url, self._carry_matches, connections)
        self._following = asyncio.create_task(self._follow_rules())

    async def close(self) -> None:
        """End all lanes."""
        self._following.cancel()
        await asyncio.gather(*(lane.close() for lane in (*self._lanes.values(), self._matches)))

    async def _follow_rules(self) -> None:
        while True:
            try:
                self._rules = await asyncio.to_thread(_asked_once, rules.current)
            except DatabaseError:  # away: the rules of before hold
                log.warning("rules not read")
            await asyncio.sleep(RULE_SECONDS)

    # ---- who asks ----

    async def reader(self, token: str, request_id: str, address: str) -> dict[str, Any]:
        """Who asks, as the columns of audit and reach. Raises Refused empi.no_token."""
        kept = self._known.get(token)
        if kept is None or kept[0] < time.monotonic():
            kept = await self._ask_about(token)
        if kept[1] is None:
            raise Refused("empi.no_token")
        return {**kept[2], "request_id": request_id[:40] or new_request_id(), "address": address}

    async def _ask_about(self, token: str) -> tuple[float, Ctx | None, dict[str, Any]]:
        found = await asyncio.to_thread(_asked_once, bearer(), token)
        left = min(KNOWN_SECONDS, found[1] - time.time()) if found else 0.0
        ctx = found[0] if found and left > 0 and found[0].may("empi.lookup") else None
        row = {**who(ctx), "reach": ctx.reach.value, "org_codes": ",".join(ctx.orgs)} if ctx else {}
        if ctx:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[token] = (time.monotonic() + left, ctx, row)
        return time.monotonic() + left, ctx, row

    # ---- what is asked ----

    async def lookup(self, reader: dict[str, Any], said: dict[str, Any]) -> bytes:
        """The identities that bear an identifier. Raises Refused empi.no_such_identifier."""
        kind, value = str(said.get("kind", "")), str(said.get("value", "")).strip()
        if kind not in KINDS:
            raise Refused("empi.no_such_identifier", kind=kind, known=list(KINDS))
        asked = Asked(reader, _value(kind, value), str(said.get("org_code", "")), str(said.get("source_system", "")))
        return bytes(await self._lanes[kind].ask(asked))

    async def match(self, reader: dict[str, Any], said: dict[str, Any]) -> bytes:
        """The persons that facts may be of. Raises Refused empi.no_such_identifier, empi.match_wrong."""
        facts, count, least = said.get("facts"), said.get("count", 10), said.get("least", "review")
        if not isinstance(facts, dict) or least not in ("auto", "review", "none"):
            raise Refused("empi.match_wrong")
        if not isinstance(count, int) or not 1 <= count <= 100:
            raise Refused("empi.match_wrong")
        if unknown := sorted(facts.keys() - REGISTRATION.keys()):
            raise Refused("empi.no_such_identifier", kind=", ".join(unknown), known=sorted(REGISTRATION))
        asked = Asked(reader, facts=alike.said(facts), count=count, least=least)
        return bytes(await self._matches.ask(asked))

    # ---- the lanes ----

    def _carrier(self, kind: str) -> Any:
        statement = self._statements[kind]

        async def carry(connection: psycopg.AsyncConnection[Any], asked: list[Asked]) -> list[bytes]:
            rows = orjson.dumps([row_of(one, n) for n, one in enumerate(asked)]).decode()
            cursor = await connection.execute(statement, {"asked": rows})
            answers: list[list[dict[str, Any]]] = [[] for _ in asked]
            for n, *found in await cursor.fetchall():
                answers[n].append(_told(dict(zip(FOUND, found, strict=True))))
            return [orjson.dumps({"identities": answer}) for answer in answers]

        return carry

    async def _carry_matches(self, connection: psycopg.AsyncConnection[Any], asked: list[Asked]) -> list[bytes]:
        rows = orjson.dumps([row_of(one, n) for n, one in enumerate(asked)]).decode()
        questions = alike.questions([one.facts for one in asked if one.facts], rules.model())
        keys = matcher.key_arrays((n, one.keys) for n, one in enumerate(questions))
        cursor = await connection.execute(self._match, {"asked": rows, **keys})
        found: list[list[tuple[Any, ...]]] = [[] for _ in asked]
        for row in await cursor.fetchall():
            found[row[0]].append(row)
        judged = matcher.judged(list(zip(questions, found, strict=True)), (self._rules.auto, self._rules.review))
        told = [
            matcher.ranked(bits, some, count=one.count, least=one.least)
            for one, bits, some in zip(asked, judged, found, strict=True)
        ]
        await connection.execute(self._note, {"said": orjson.dumps(_said(asked, told)).decode()})
        return [orjson.dumps({"matches": [_matched(m) for m in some]}) for some in told]


def _value(kind: str, value: str) -> str:
    """The value as it is kept."""
    if kind == "id_no":
        return upgrade(value)
    if kind == "person":
        try:
            return str(revealed(value))
        except ValueError:
            return "0"
    return value


def _said(asked: list[Asked], told: list[list[matcher.Match]]) -> list[dict[str, Any]]:
    """The lines of the audit: one for each person told, one for a question without any."""
    lines = []
    for one, some in zip(asked, told, strict=True):
        persons: list[tuple[str, int | None]] = [(str(m.person_id), m.registration_id) for m in some]
        lines += [{**one.who, "subject_id": person, "registration_id": at} for person, at in persons or [("", None)]]
    return lines


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "registration_id": opaque_id(row["registration_id"]), "person_id": opaque_id(row["person_id"])}


def _matched(one: matcher.Match) -> dict[str, Any]:
    said = {name: getattr(one, name) for name in one.__dataclass_fields__}
    return {**_told(said), "score": round(one.score, 2), "probability": round(one.probability, 6)}


def _asked_once(call: Callable[..., Any], *arguments: Any) -> Any:
    """A call into Django from a thread of ours; its connection goes back, so a broken one is not met again."""
    try:
        return call(*arguments)
    finally:
        close_old_connections()


def bearer() -> Any:
    module, _, name = settings.BEARERS.partition(":")
    return getattr(importlib.import_module(module), name)
