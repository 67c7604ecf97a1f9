"""What nodes say to the centre: enrolment, beats, bundles, new keys. Each is believed only as far as it is signed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.utils.timezone import localtime

from yigong.edge import api as edge
from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.exchange.account import day_of
from yigong.platform.exchange.edge import certificates, probing, signing
from yigong.platform.exchange.edge.domain import HEARD, Side, State, with_processes
from yigong.platform.exchange.edge.models import Assignment, Beat, Bundle, Configuration, Node, Stream
from yigong.platform.exchange.edge.services import move
from yigong.platform.exchange.models import Feed, FeedState, Job
from yigong.platform.registry import api as registry

SLOT_MINUTES = 15
#: bounds of what is kept of a node's word of itself
FACTS_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, before anything of it is believed."""

    method: str
    path: str
    node: str
    count: int
    time_ms: int
    signature: str
    body: bytes
    address: str


def now_ms() -> int:
    """The centre's time."""
    return int(now().timestamp() * 1000)


@transaction.atomic
def answer(asked: Asked, act: Callable[[Node, bytes], dict[str, Any]]) -> dict[str, Any]:
    """Do *act* for the node that signed the request; on the disk when it returns.

    What is refused keeps its count all the same: no request acts twice. A network that delivers the last request once more
    gets the same answer again. Raises Refused edge.key_unknown, edge.signature_wrong, edge.revoked, edge.clock, edge.replayed.
    """
    with connection.cursor() as cursor:
        cursor.execute("set local synchronous_commit to on")
    node = _believed(asked)
    if asked.count == node.count:
        return edge.read_json(node.last_answer.encode())
    Node.objects.filter(pk=node.pk).update(count=asked.count, last_seen_at=now(), address=asked.address[:60])
    said = _done(node, asked.body, act)
    answer_text = json.dumps(said, ensure_ascii=False, default=str)
    Node.objects.filter(pk=node.pk).update(last_signature=asked.signature, last_answer=answer_text)
    return said


def _done(node: Node, body: bytes, act: Callable[[Node, bytes], dict[str, Any]]) -> dict[str, Any]:
    if node.state != State.ACTIVE:
        move(node, "report", Side.NODE)
    try:
        with transaction.atomic():
            return act(node, body)
    except Refused as refused:
        return {"refused": refused.code, "facts": refused.facts}


def _believed(asked: Asked) -> Node:
    node = Node.objects.select_for_update().filter(code=asked.node).first()
    if node is None or not node.public_key:
        raise Refused("edge.key_unknown")
    base = edge.request_base(asked.method, asked.path, asked.node, asked.count, asked.time_ms, asked.body)
    if not edge.is_signed(node.public_key, asked.signature, base):
        raise Refused("edge.signature_wrong")
    if node.state not in HEARD:
        raise Refused("edge.revoked", wipe=node.wipe)
    if abs(asked.time_ms - now_ms()) > edge.WINDOW_MS:
        raise Refused("edge.clock", now=now_ms())
    if asked.count < node.count or (asked.count == node.count and asked.signature != node.last_signature):
        raise Refused("edge.replayed", last=node.count)
    return node


# ---- enrolment ----


@transaction.atomic
def enrol(facts: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Take a node in that shows it knows the code, and show the same to it.

    An answer that was lost on its way is given once more, to the same key and to no other, until the node has spoken. Raises
    Refused edge.code_unknown; and edge.code_used, edge.code_expired, but only to those who show that they know the code.
    """
    given = {k: str(facts.get(k, ""))[:200] for k in ("invitation", "public_key", "nonce", "host", "proof")}
    node = Node.objects.select_for_update().filter(invitation=given["invitation"] or "-").first()
    if node is None or not node.code_key or node.code_expires_at is None:
        raise Refused("edge.code_unknown")
    secret = bytes.fromhex(node.code_key)
    shown = (given["invitation"], given["public_key"], given["nonce"])
    if not edge.is_proof(secret, given["proof"], "node", *shown) or not _is_key(given["public_key"]):
        raise Refused("edge.code_unknown")
    if node.state != State.INVITED and (node.public_key != given["public_key"] or node.last_signature):
        raise Refused("edge.code_used")
    if node.code_expires_at <= now():
        raise Refused("edge.code_expired", until=f"{localtime(node.code_expires_at):%Y-%m-%d %H:%M}")
    if node.state == State.INVITED:
        _take_in(node, given, address)
    said = {
        "node": node.code,
        "centre_key": signing.public_key(),
        "org_code": node.org_code,
        "name": _institution(node),
    }
    return {**said, "proof": edge.proof(secret, "centre", given["nonce"], given["public_key"], *said.values())}


def _take_in(node: Node, given: Mapping[str, str], address: str) -> None:
    node.public_key, node.host, node.address = given["public_key"], given["host"][:60], address[:60]
    node.enrolled_at = node.key_since = now()
    node.save(update_fields=["public_key", "host", "address", "enrolled_at", "key_since"])
    move(node, "enrol", Side.NODE)


def _is_key(text: str) -> bool:
    try:
        return len(edge.bytes64(text)) == 32
    except Refused:
        return False


def _institution(node: Node) -> str:
    found = registry.institution(node.org_code)
    return found.name if found else node.org_code


# ---- what an enrolled node says ----


def beat(node: Node, body: bytes) -> dict[str, Any]:
    """Note how the node stands; the answer says what it is to do."""
    if len(body) > FACTS_BYTES:
        raise Refused("edge.too_large", limit=FACTS_BYTES)
    facts = with_processes(edge.read_json(body), node.facts, now())
    applied = _whole(facts.get("configuration"))
    _note_orders(node, applied, facts.get("configuration_refused") or {})
    drift = facts.get("drift_ms")
    drift = _whole(drift) if drift is not None else None
    Node.objects.filter(pk=node.pk).update(facts=facts, drift_ms=drift, applied=applied)
    _note_slot(node, facts, drift)
    _colour_feeds(node, facts)
    return {
        "configuration": node.configuration,
        "rotate_key": node.rotate_key,
        "closes": certificates.open_offers(node),
        "probes": probing.open_probes(node),
    }


def _note_orders(node: Node, applied: int, refused: Mapping[str, Any]) -> None:
    if applied > node.applied:
        Configuration.objects.filter(node=node, version=applied, applied_at=None).update(applied_at=now(), refused="")
    if version := _whole(refused.get("version")):
        why = str(refused.get("code", ""))[:60]
        Configuration.objects.filter(node=node, version=version, applied_at=None).update(refused=why)


def _colour_feeds(node: Node, facts: Mapping[str, Any]) -> None:
    """The feeds of a node as it tells of them: what fails, what is under way, what is well again."""
    told = {str(f.get("name")): f for f in facts.get("feeds") or () if isinstance(f, dict)}
    waiting = Bundle.objects.filter(node=node, state__in=("received", "failed")).values_list("feed_id", "state")
    here = set(waiting.distinct())
    stuck = {feed_id for feed_id, state in here if state == "failed"}
    coming = {feed_id for feed_id, _how in here}
    for line in Assignment.objects.select_related("feed").filter(node=node, active=True):
        feed = told.get(str(line.feed_id))
        if feed is None or line.feed_id in stuck:
            continue
        state = FeedState.RUNNING if line.feed_id in coming and not feed.get("error") else _state(feed, line.feed)
        if state != line.feed.state:
            Feed.objects.filter(pk=line.feed_id).update(state=state)


def _state(told: Mapping[str, Any], feed: Feed) -> str:
    """Failed or running by the node's own word; what has ended stands as its last rows did."""
    if told.get("error"):
        return FeedState.FAILED
    started, ended = str(told.get("started_at") or ""), str(told.get("ended_at") or "")
    if _whole((told.get("waiting") or {}).get("rows")) or started > ended:
        return FeedState.RUNNING
    if feed.state not in (FeedState.RUNNING, FeedState.FAILED):
        return feed.state
    last = Job.objects.filter(feed=feed, kind="edge").order_by("-id").values_list("state", flat=True).first()
    return last or FeedState.IDLE


def _note_slot(node: Node, facts: Mapping[str, Any], drift: int | None) -> None:
    moment = now()
    slot = moment.replace(minute=moment.minute // SLOT_MINUTES * SLOT_MINUTES, second=0, microsecond=0)
    queue, machine = facts.get("queue") or {}, facts.get("machine") or {}
    lines = {
        "rows_waiting": _whole(queue.get("rows")), "bytes_waiting": _whole(queue.get("bytes")), "drift_ms": drift,
        "disk_free": _whole(machine.get("disk_free")), "memory": _whole(machine.get("memory")),
    }  # fmt: skip
    _beat, made = Beat.objects.update_or_create(node=node, slot=slot, defaults=lines)
    if made:
        Beat.objects.filter(node=node, slot__lt=moment - timedelta(days=30)).delete()


def _whole(value: Any) -> int:
    """A whole number that fits its column, whatever was sent."""
    number = int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else 0
    return max(-(2**62), min(2**62, number))


def configuration(node: Node, _body: bytes) -> dict[str, Any]:
    """The newest orders with their signature. Raises Refused edge.no_configuration."""
    newest = Configuration.objects.filter(node=node).order_by("-version").first()
    if newest is None:
        raise Refused("edge.no_configuration")
    return {"version": newest.version, "document": newest.document, "signature": newest.signature}


def new_key(node: Node, body: bytes) -> dict[str, Any]:
    """Believe another key of the node from now on; the request is signed by the old one and the new one shows itself."""
    facts = edge.read_json(body)
    public, signature = str(facts.get("public_key", "")), str(facts.get("signature", ""))
    if not _is_key(public) or not edge.is_signed(public, signature, edge.key_base(node.code, public)):
        raise Refused("edge.signature_wrong")
    Node.objects.filter(pk=node.pk).update(public_key=public, key_since=now(), rotate_key=False)
    return {"key": public}


def time_only(_node: Node, _body: bytes) -> dict[str, Any]:
    """Nothing but a signed answer, which bears the time."""
    return {}


def bundle(node: Node, body: bytes) -> dict[str, Any]:
    """Journal a bundle; the receipt is good once the transaction is on the disk.

    The same bundle again gets the same receipt. Raises Refused edge.malformed, edge.broken, edge.too_large,
    edge.feed_not_here, edge.gap, edge.number_taken.
    """
    head, packed = edge.open_bundle(body)
    feed_id = _feed_of(node, head)
    frame_of(head, packed)  # only what can be read later is signed for
    facts = {"node": node, "feed_id": feed_id, "stream": head.stream[:40]}
    stream, _made = Stream.objects.select_for_update().get_or_create(**facts, defaults={"opened_at": now()})
    if head.number <= stream.number:
        return _known(node, facts, head)
    if head.number != stream.number + 1:
        raise Refused("edge.gap", expected=stream.number + 1)
    if head.number == 1 and (before := _inherited(node, facts, head)) is not None:
        Stream.objects.filter(pk=stream.pk).update(number=head.number)
        return _receipt(head, before.received_at.isoformat())
    moment = now()
    Bundle.objects.create(
        **facts, number=head.number, bundle_id=head.id, sha256=head.sha256, head=asdict(head), packed=packed,
        rows=head.rows, bytes=len(packed), received_at=moment, due_at=moment,
    )  # fmt: skip
    Stream.objects.filter(pk=stream.pk).update(number=head.number)
    return _receipt(head, moment.isoformat())


def _inherited(node: Node, facts: Mapping[str, Any], head: edge.Head) -> Bundle | None:
    """The same bundle, journalled from the node that this one replaces just before its receipt was lost: only the first can be."""
    theirs = Bundle.objects.filter(node_id=node.replaces_id or 0, feed_id=facts["feed_id"])
    found = theirs.order_by("-id").first()
    return found if found and (found.bundle_id, found.sha256) == (head.id, head.sha256) else None


def _known(node: Node, facts: Mapping[str, Any], head: edge.Head) -> dict[str, Any]:
    before = Bundle.objects.filter(**facts, number=head.number).first()
    if before is None and head.number == 1:
        before = _inherited(node, facts, head)
    if before is None or (before.bundle_id, before.sha256) != (head.id, head.sha256):
        raise Refused("edge.number_taken", number=head.number)
    return _receipt(head, before.received_at.isoformat())


def _receipt(head: edge.Head, at: str) -> dict[str, Any]:
    day = day_of(datetime.fromisoformat(at)).isoformat()
    return {"receipt": {"id": head.id, "sha256": head.sha256, "number": head.number, "received_at": at, "day": day}}


def _feed_of(node: Node, head: edge.Head) -> int:
    """The feed a bundle belongs to: one the node reads, or has read."""
    feed_id = int(head.feed) if head.feed.isdecimal() and len(head.feed) < 19 else 0
    if not Assignment.objects.filter(node=node, feed_id=feed_id).exists() and not Stream.objects.filter(node=node, feed_id=feed_id).exists():  # fmt: skip
        raise Refused("edge.feed_not_here", feed=head.feed[:40])
    return feed_id


def frame_of(head: edge.Head, packed: bytes) -> pl.DataFrame:
    """The rows of a bundle, all text. Raises Refused edge.broken, edge.too_large."""
    plain = edge.unpack(packed, head.plain)
    if not head.rows and not plain:  # a count alone
        return pl.DataFrame(schema=dict.fromkeys(head.columns, pl.String))
    try:
        frame = pl.read_ndjson(io.BytesIO(plain), schema=dict.fromkeys(head.columns, pl.String))
    except pl.exceptions.PolarsError as error:
        raise Refused("edge.broken", part="rows") from error
    if frame.height != head.rows:
        raise Refused("edge.broken", part="rows")
    return frame
