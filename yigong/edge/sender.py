"""Brings bundles to the centre in order, and forgets each only when the centre has signed for it."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yigong.edge import backoff, closing, configuration, identity, probing, wire
from yigong.edge.buffer import Buffer, Kept
from yigong.edge.bundling import desk_of, now_text
from yigong.edge.client import Client, body_of
from yigong.edge.configuration import Configuration, Limits
from yigong.edge.extract.api import KINDS
from yigong.edge.logbook import Logbook
from yigong.kit.errors import Fault, Refused

log = logging.getLogger("yigong.edge")
HELD_SECONDS = 60.0  # a feed the centre does not take now is offered again after it
#: words of the centre after which a feed's numbers begin anew; True: its source is read from the beginning as well
_RENUMBER = {"edge.number_taken": False, "edge.gap": True}
_BROKEN = ("edge.broken", "edge.malformed")


class Sender:
    """Beats and bundles, one request at a time. One thread."""

    def __init__(
        self, folder: Path, who: identity.Identity, buffer: Buffer, *, timeout: float = 30.0,
        facts: Callable[[Sender], dict[str, Any]] | None = None, book: Logbook | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.who, self.buffer = folder, who, buffer
        self.book = book or Logbook(buffer)
        self._heard_at = time.monotonic()
        self.client: Client = identity.client(folder, who, timeout=timeout)
        self.orders: Configuration | None = self._stored()
        self.facts = facts or (lambda _s: {})
        self.failures, self.away, self.revoked = 0, "", False
        self.last_answer = 0.0  # steady clock of the last answer
        self._beat_due, self._held = 0.0, dict[str, float]()
        self._chance = random.SystemRandom()

    def _stored(self) -> Configuration | None:
        found = self.buffer.configuration()
        return configuration.read_document(found[1]) if found else None

    def step(self) -> float:
        """Do what is next; seconds to wait before the next step."""
        try:
            busy = self._beat_if_due() or self._send_next()
        except Fault as fault:
            return self._is_away(str(fault.facts.get("reason", fault.code)))
        except Refused as refused:
            return self._is_refused(refused)
        if busy:
            self._is_back()
        return 0.0 if busy else 0.3

    def _is_away(self, reason: str) -> float:
        self.failures, self.away = self.failures + 1, reason
        self.book.trouble("centre", "edge.away", {"reason": reason})
        return backoff.pause(self.failures, self._chance, last=self._longest())

    def _is_back(self) -> None:
        self.failures, self.away = 0, ""
        if self.book.over("centre"):
            self.book.say("log.back", minutes=int((time.monotonic() - self._heard_at) // 60))
        self._heard_at = time.monotonic()

    def _is_refused(self, refused: Refused) -> float:
        """The centre answers, and refuses the node as such."""
        if refused.code == "edge.revoked":
            self._is_revoked(wipe=bool(refused.facts.get("wipe")))
            return 0.0
        if refused.code in ("edge.key_unknown", "edge.signature_wrong") and identity.take_new_key(
            self.folder, self.client
        ):
            return 0.0
        self.book.trouble("centre", refused.code, refused.facts)
        self.failures, self.away = self.failures + 1, refused.code
        return backoff.pause(self.failures, self._chance, first=5.0, last=self._longest())

    def _is_revoked(self, *, wipe: bool) -> None:
        """The centre listens no more: what waits is kept for whoever takes this node's place, or destroyed if so ordered."""
        self.revoked = True
        rows = self.buffer.queue().rows
        if wipe:
            self.buffer.destroy()
        self.buffer.note(identity.REVOKED, now_text())
        self.book.say("edge.revoked", grave=True)
        if wipe or rows:
            self.book.say("log.wiped" if wipe else "log.kept", rows=rows)

    def _longest(self) -> float:
        return float(self.orders.limits.retry_seconds) if self.orders else backoff.LAST_SECONDS

    def close(self) -> None:
        """Let go of the connection."""
        self.client.close()
        self.buffer.close()

    # ---- beats ----

    def _beat_if_due(self) -> bool:
        if time.monotonic() < self._beat_due:
            return False
        said = self.client.call("POST", "beat", body_of(self.facts(self)))
        self.last_answer = time.monotonic()
        self._beat_due = self.last_answer + (self.orders.limits.beat_seconds if self.orders else 10.0)
        self._look_at_clock()
        self._obey(said)
        return True

    def _look_at_clock(self) -> None:
        drift_s = self.client.drift.drift_ms // 1000
        if abs(drift_s) > (self.orders.limits if self.orders else Limits()).drift_seconds:
            self.book.trouble("clock", "log.clock", {"seconds": drift_s})
        else:
            self.book.over("clock")

    def beat_soon(self) -> None:
        """Let the next step be a beat."""
        self._beat_due = 0.0

    def _obey(self, said: dict[str, Any]) -> None:
        version = int(said.get("configuration") or 0)
        refused_before = json.loads(self.buffer.fact("configuration_refused") or "{}").get("version", 0)
        if version > (self.orders.version if self.orders else 0) and version != refused_before:
            self._fetch()
        for offer in said.get("closes") or ():
            self._close(offer)
        for asked in said.get("probes") or ():
            self._probe(asked)
        if said.get("rotate_key"):
            identity.rotate(self.folder, self.who, self.client)
            self.book.say("log.key")
            self.beat_soon()

    def _probe(self, asked: dict[str, Any]) -> None:
        """Show the centre what a source looks like, which it cannot see itself."""
        found = probing.look(asked)
        self.client.call("POST", "probes", body_of(found))
        if "error" in found:
            self.book.say(
                "log.feed",
                grave=True,
                feed=str(asked.get("title", "")),
                zh=found["error"]["zh"],
                en=found["error"]["en"],
            )
        else:
            self.book.say("log.probed", feed=str(asked.get("title", "")), rows=len(found["sample"]))

    def _close(self, offer: dict[str, Any]) -> None:
        """Sign a day's close, or say what this side counted."""
        try:
            said = closing.answered(
                offer, node=self.who.node, centre_key=self.who.centre_key, key=self.client.key, buffer=self.buffer
            )
        except Refused as refused:
            log.warning("close of a day not answered: %s", refused.code)
            return
        self.client.call("POST", "closes", body_of(said))

    def _fetch(self) -> None:
        """The newest orders, in force as a whole or not at all; what is wrong with them is reported."""
        said = self.client.call("GET", "configuration")
        text, signature = str(said.get("document", "")), str(said.get("signature", ""))
        current = self.orders.version if self.orders else 0
        try:
            new = configuration.open_document(
                text, signature, centre_key=self.who.centre_key, node=self.who.node, newer_than=current
            )
            check_kinds(new)
        except Refused as refused:
            note = {"version": int(said.get("version") or 0), "code": refused.code, "facts": refused.facts}
            self.buffer.note("configuration_refused", json.dumps(note, ensure_ascii=False))
            self.book.trouble("orders", refused.code, refused.facts)
        else:
            self.buffer.apply(new.version, text, signature, now_text())
            self.buffer.note("configuration_refused", "{}")
            self.orders = new
            self._held.clear()
            self.book.over("orders")
            self.book.say("log.orders", version=new.version, feeds=sum(f.active for f in new.feeds))
        self.beat_soon()  # tell the centre at once

    # ---- bundles ----

    def _send_next(self) -> bool:
        moment = time.monotonic()
        held = [name for name, until in self._held.items() if until > moment]
        kept = self.buffer.next(held)
        if kept is None:
            return False
        try:
            self._send(kept)
        except Refused as refused:
            self._bundle_refused(kept, refused)
        return True

    def _send(self, kept: Kept) -> None:
        packed = self.buffer.packed(kept)
        head = wire.Head(
            id=kept.id, feed=kept.feed, stream=kept.stream, number=kept.number, rows=kept.rows,
            sha256=wire.digest(packed), **{**kept.head, "columns": tuple(kept.head["columns"])},
        )  # fmt: skip
        said = self.client.call("POST", "bundles", wire.bundle(head, packed))
        self.last_answer = time.monotonic()
        receipt = said.get("receipt") or {}
        if (receipt.get("id"), receipt.get("sha256")) != (head.id, head.sha256):
            raise Fault("edge.away", permanent=False, reason="receipt of something else")
        self.buffer.receipted(kept, sha256=head.sha256, day=str(receipt.get("day", "")))
        self.book.over(f"bundle {kept.feed}")

    def _title(self, feed: str) -> str:
        return next((f.title for f in (self.orders.feeds if self.orders else ()) if f.name == feed), feed)

    def _bundle_refused(self, kept: Kept, refused: Refused) -> None:
        """Mend what can be mended; else the feed is held back, in order, and its word is shown."""
        if refused.code in ("edge.revoked", "edge.key_unknown", "edge.signature_wrong"):
            raise refused
        self.book.trouble(f"bundle {kept.feed}", refused.code, refused.facts, feed=self._title(kept.feed))
        if refused.code in _RENUMBER:
            self.buffer.new_stream(kept.feed, again=_RENUMBER[refused.code])
        elif refused.code in _BROKEN:
            self.buffer.drop(kept.feed)
        else:
            self.buffer.tried(kept, refused.code)
            self._held[kept.feed] = time.monotonic() + HELD_SECONDS


def check_kinds(orders: Configuration) -> None:
    """Raises Refused edge.configuration_wrong, edge.standards_differ for what this version of the node cannot do."""
    for feed in orders.feeds:
        try:
            desk_of(feed)
        except Refused as refused:
            if refused.code.startswith("edge."):
                raise
            raise Refused("edge.configuration_wrong", reason=str(refused.facts)[:300]) from refused
        if feed.source.get("kind") not in KINDS:
            raise Refused("edge.configuration_wrong", reason=f"kind {feed.source.get('kind')}")
