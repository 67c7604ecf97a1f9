"""What the centre orders a node to do: signed, versioned, checked as a whole before any of it is in force."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yigong.edge import wire
from yigong.kit.errors import Refused


@dataclass(frozen=True, slots=True)
class Feed:
    """A source to be read here, and how."""

    name: str  # the centre's own sign for the feed
    title: str
    source: Mapping[str, Any]  # as extraction takes it
    every_seconds: int
    rows: int  # of one chunk
    epoch: int  # raised by the centre to have the source read from its beginning
    turn: int  # raised by the centre to have it read now
    needs: tuple[str, ...]  # columns the mapping cannot do without
    only_needed: bool  # other columns stay at the institution
    mapping_version: int
    active: bool
    at_node: str = "read"  # how much is done here: edge.mapping.LEVELS
    mapping: str = ""  # the text of the version, where it is applied here
    org_code: str = ""
    data_set: str = ""
    declared: str = ""  # fingerprint of the data set's declaration at the centre
    rules: tuple[tuple[str, str], ...] = ()  # rules of quality by name of file, as text
    again: Range | None = None  # a range of dates to be read once more


@dataclass(frozen=True, slots=True)
class Range:
    """A range of dates that the centre orders to be read once more: each number once, *start* included, *end* not."""

    number: int
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a node, kept by the centre."""

    buffer_mb: int = 512
    free_mb: int = 200  # extraction stops below it
    beat_seconds: int = 60
    retry_seconds: int = 300  # the longest pause between two attempts to reach the centre
    drift_seconds: int = 120  # beyond it the node reports its clock as wrong


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version of a node's orders."""

    version: int
    node: str
    feeds: tuple[Feed, ...] = ()
    limits: Limits = field(default_factory=Limits)


def open_document(text: str, signature: str, *, centre_key: str, node: str, newer_than: int) -> Configuration:
    """The configuration in a signed document.

    Raises Refused edge.configuration_unsigned, edge.configuration_foreign, edge.configuration_old, edge.configuration_wrong.
    """
    if not wire.is_signed(centre_key, signature, wire.document_base(text)):
        raise Refused("edge.configuration_unsigned")
    found = read_document(text)
    if found.node != node:
        raise Refused("edge.configuration_foreign", node=found.node)
    if found.version <= newer_than:
        raise Refused("edge.configuration_old", version=found.version, current=newer_than)
    return found


def read_document(text: str) -> Configuration:
    """The configuration in a document that was checked before. Raises Refused edge.configuration_wrong."""
    try:
        facts = json.loads(text)
        rules = {str(k): str(v) for k, v in (facts.get("rules") or {}).items()}
        feeds = tuple(_feed(f, rules) for f in facts["feeds"])
        limits = Limits(**{k: int(v) for k, v in facts.get("limits", {}).items() if k in Limits.__slots__})
        return Configuration(int(facts["version"]), str(facts["node"]), feeds, limits)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused("edge.configuration_wrong", reason=str(error)[:200]) from error


def _feed(facts: Mapping[str, Any], rules: Mapping[str, str]) -> Feed:
    return Feed(
        name=str(facts["name"]),
        title=str(facts.get("title", facts["name"])),
        source=dict(facts["source"]),
        every_seconds=max(1, int(facts.get("every_seconds", 300))),
        rows=min(max(1, int(facts.get("rows", 2000))), 20_000),
        epoch=int(facts.get("epoch", 0)),
        turn=int(facts.get("turn", 0)),
        needs=tuple(map(str, facts.get("needs", ()))),
        only_needed=bool(facts.get("only_needed", False)),
        mapping_version=int(facts.get("mapping_version", 0)),
        active=bool(facts.get("active", True)),
        at_node=str(facts.get("at_node", "read")),
        mapping=str(facts.get("mapping", "")),
        org_code=str(facts.get("org_code", "")),
        data_set=str(facts.get("data_set", "")),
        declared=str(facts.get("declared", "")),
        rules=tuple((name, rules[name]) for name in facts.get("rules", ())),
        again=_range(facts.get("again")),
    )


def _range(facts: Mapping[str, Any] | None) -> Range | None:
    return Range(int(facts["number"]), str(facts["start"]), str(facts["end"])) if facts else None
