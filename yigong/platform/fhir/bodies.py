"""The JSON of a resource: read without losing a digit, stamped with id and meta, written as it came. Pure."""

from __future__ import annotations

import json
import os
import re
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from yigong.kit.errors import Refused

JSON = dict[str, Any]
#: members that the server writes; the rest of a resource is the client's
STAMPED = ("resourceType", "id", "meta")
#: a number as the value of a member; no element of R4 repeats a decimal, so none stands in a list
_NUMBER = re.compile(rb":\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=\s*[,}])")


class Digits(float):
    """A decimal that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Digits:
        one = super().__new__(cls, text)
        one.text = text
        return one


def read(raw: bytes) -> JSON:
    """The members of a resource. Raises Refused fhir.not_json or fhir.no_type."""
    try:
        found = orjson.loads(raw)  # also refuses what the other reader would let pass: NaN, lone surrogates
        if not _survives(raw, found):
            found = json.loads(raw, parse_float=Digits, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise Refused("fhir.not_json", why=str(error)[:200]) from error
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise Refused("fhir.no_type")
    return found


def unpacked(body: bytes, limit: int) -> bytes:
    """A gzip body, unpacked no further than *limit* bytes. Raises Refused fhir.too_large, fhir.not_json."""
    reader = zlib.decompressobj(wbits=31)
    try:
        found = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refused("fhir.not_json", why=f"gzip: {error}"[:120]) from error
    if len(found) > limit:
        raise Refused("fhir.too_large")
    if not reader.eof:
        raise Refused("fhir.not_json", why="gzip: the end is missing")
    return found


def _survives(raw: bytes, found: Any) -> bool:
    """Whether every number is written back as it came; so it is where all is, which is the quicker question."""
    try:
        if orjson.dumps(found) == raw.rstrip():
            return True
    except orjson.JSONEncodeError:
        pass  # nested deeper than can be written; who writes it will say so
    return all(_same(number) for number in _NUMBER.findall(raw))


def _same(number: bytes) -> bool:
    if number.isdigit():
        return len(number) <= 15 and (number == b"0" or number[0] != 48)
    text = number.decode()
    if "." not in text and "e" not in text.lower():
        return len(text) <= 16 and text != "-0"
    return repr(float(text)) == text


def _whole(text: str) -> int | Digits:
    value = int(text)
    return value if -(2**53) < value < 2**53 and str(value) == text else Digits(text)


def written(value: Any) -> bytes:
    """JSON text of anything that was read."""
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError):
        pass  # a Digits is inside, which orjson takes for nothing it knows
    try:
        return _slowly(value).encode()
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise Refused("fhir.not_json", why=str(error)[:200]) from error


def _slowly(value: Any) -> str:
    match value:
        case Digits():
            return value.text
        case dict():
            return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_slowly(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(_slowly(v) for v in value) + "]"
        case _:
            return orjson.dumps(value).decode()


def stamped(resource: Mapping[str, Any], fhir_id: str, version: int, moment: datetime) -> tuple[bytes, int]:
    """The text that is stored, and a number for what the resource says apart from id, version and moment."""
    said = {k: v for k, v in resource.items() if k not in STAMPED}
    rest = written(said)
    given = resource.get("meta")
    meta = {k: v for k, v in given.items() if k not in ("versionId", "lastUpdated")} if given else {}
    sure = orjson.dumps(meta, option=orjson.OPT_SORT_KEYS) if meta else b""
    number = int.from_bytes(blake2b(sure + rest, digest_size=8).digest(), "big", signed=True)
    head = {
        "resourceType": resource["resourceType"],
        "id": fhir_id,
        "meta": {"versionId": str(version), "lastUpdated": instant(moment), **meta},
    }
    start = written(head)
    return (start[:-1] + b"," + rest[1:] if said else start), number


@lru_cache(maxsize=64)  # all resources of one act have one moment
def instant(moment: datetime) -> str:
    """A moment as FHIR writes it, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def new_id() -> str:
    """A new logical id: time first, so that neighbours in time are neighbours in the index (as UUID version 7)."""
    head = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    head = head & ~(0xF << 76) | 7 << 76
    text = f"{head & ~(0x3 << 62) | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
