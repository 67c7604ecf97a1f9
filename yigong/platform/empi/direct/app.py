"""The direct door as an ASGI application: ``POST|GET /lookup/identifier``, ``POST /lookup/match``, ``GET /health``."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
import psycopg
from django.db import DatabaseError
from django.utils import translation

from yigong.kit.errors import Refused
from yigong.platform.empi.direct.door import Door
from yigong.platform.empi.direct.lanes import Full
from yigong.web.http import sentence

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("yigong.lookup")
BODY = 65_536  # bytes of a question at most
_HEAD = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class App:
    """The application; the door opens when the server starts and closes when it ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._door: Door | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, body, more = await self._answer(scope, receive)
            heads = [*_HEAD, (b"content-length", b"%d" % len(body)), *more]
            await send({"type": "http.response.start", "status": status, "headers": heads})
            await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._door = Door(self._url)
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._door:
                    await self._door.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        heads = dict(scope["headers"])
        try:
            return 200, await self._asked(scope, heads, receive), []
        except Refused as refused:
            return _refusal(refused, heads)
        except Full:
            return 503, _code("empi.busy", heads), [(b"retry-after", b"1")]
        except (psycopg.Error, DatabaseError) as error:
            log.warning("%s", type(error).__name__)
            return 503, _code("empi.away", heads), [(b"retry-after", b"2")]

    async def _asked(self, scope: Scope, heads: dict[bytes, bytes], receive: Receive) -> bytes:
        door, path, method = self._door, scope["path"], scope["method"]
        if path == "/health" and method == "GET":
            return b'{"state":"ok"}'
        if path not in ("/lookup/identifier", "/lookup/match") or door is None:
            raise Refused("empi.no_such_door", path=path)
        if method != "POST" and (method != "GET" or path != "/lookup/identifier"):
            raise Refused("empi.no_such_door", path=f"{method} {path}")
        client = scope.get("client")
        request_id = heads.get(b"x-request-id", b"").decode("ascii", "replace")
        reader = await door.reader(_token(heads), request_id, client[0] if client else "")
        said = _query(scope) if method == "GET" else _json(await _body(receive))
        return await (door.lookup if path == "/lookup/identifier" else door.match)(reader, said)


def _token(heads: dict[bytes, bytes]) -> str:
    head = heads.get(b"authorization", b"").decode("ascii", "replace")
    if head[:7].lower() != "bearer ":
        raise Refused("empi.no_token")
    return head[7:].strip()


def _query(scope: Scope) -> dict[str, Any]:
    return dict(parse_qsl(scope["query_string"].decode("ascii", "replace")))


async def _body(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY:
            raise Refused("empi.question_wrong")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("empi.question_wrong") from None
    if not isinstance(said, dict):
        raise Refused("empi.question_wrong")
    return said


_STATUS = {"empi.no_token": 401, "empi.no_such_door": 404}


def _refusal(refused: Refused, heads: dict[bytes, bytes]) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    status = _STATUS.get(refused.code, 400)
    more = [(b"www-authenticate", b'Bearer realm="empi"')] if status == 401 else []
    return status, _code(refused.code, heads, **refused.facts), more


def _code(code: str, heads: dict[bytes, bytes], **facts: Any) -> bytes:
    english = heads.get(b"accept-language", b"").lower().startswith(b"en")
    with translation.override("en" if english else "zh-hans"):
        return orjson.dumps({"code": code, "message": sentence(Refused(code, **facts))})
