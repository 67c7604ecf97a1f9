"""A query gone on with: ``QUQI_IN000003UV01`` names the query, where to go on and how many more it wants (HL7 v3, query infrastructure). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from yigong.kit.errors import Refused
from yigong.platform.hl7v3.paths import read

ROOT = "QUQI_IN000003UV01"
PART = "/controlActProcess/queryContinuation"


@dataclass(frozen=True, slots=True)
class Continuation:
    """Which query is gone on with, from which result (from 1), and how many are wanted (0: as many as before)."""

    query_id: str
    start: int
    most: int


def is_one(root: str) -> bool:
    """Whether a message of this root goes on with a query."""
    return root == ROOT


def of(tree: etree._Element) -> Continuation:
    """What a continuation says. Raises Refused v3.missing, v3.bad_number."""
    query_id = read(tree, f"{PART}/queryId/@extension")[:100]
    if not query_id:
        raise Refused("v3.missing", field="queryId", place=f"/{ROOT}{PART}/queryId/@extension")
    start = _number(tree, "startResultNumber")
    if not start:
        place = f"/{ROOT}{PART}/startResultNumber/@value"
        raise Refused("v3.missing", field="startResultNumber", place=place)
    return Continuation(query_id, start, _number(tree, "continuationQuantity"))


def _number(tree: etree._Element, name: str) -> int:
    path = f"{PART}/{name}/@value"
    said = read(tree, path)
    if said and not (said.isascii() and said.isdigit() and int(said[:9])):
        raise Refused("v3.bad_number", name=name, value=said[:20], place=f"/{ROOT}{path}")
    return int(said[:9]) if said else 0
