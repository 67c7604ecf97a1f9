"""What the centre believes and what it refuses, over real HTTP."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from yigong.edge import identity, keys, wire
from yigong.edge.client import body_of
from yigong.kit import clock
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange.edge import domain, orders, services
from yigong.platform.exchange.edge.models import Bundle, BundleState, Configuration, Node, NodeState, Refusal
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.edge.tests.place import CLERK, Machine
from yigong.platform.exchange.models import Feed, FeedState, Job
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.feature("G33")]


def refused(code: str, act: Any) -> Refused:
    """What *act* is refused with; it must be *code*."""
    with pytest.raises(Refused) as found:
        act()
    assert found.value.code == code, found.value
    return found.value


def request(machine: Machine, name: str, content: bytes, **other: Any) -> httpx.Response:
    """A request as the node would sign it, sent with *other* in place of what was signed."""
    client = machine.sender.client
    client.count += 1
    path = wire.PREFIX + name
    facts = {
        "count": client.count,
        "time_ms": client.drift.now_ms(),
        "body": content,
        "node": client.node,
        **other.pop("signed", {}),
    }
    base = wire.request_base("POST", path, facts["node"], facts["count"], facts["time_ms"], facts["body"])
    sent = {**facts, **other}
    headers = {
        wire.NODE: sent["node"], wire.COUNT: str(sent["count"]), wire.TIME: str(sent["time_ms"]),
        wire.SIGNATURE: sent.get("signature") or wire.sign(client.key, base),
    }  # fmt: skip
    return httpx.post(machine.who.url + path, content=sent["body"], headers=headers, timeout=20)


def code_of(answer: httpx.Response) -> str:
    """The code of a refusal."""
    return str(answer.json().get("refused", ""))


def bundle_of(machine: Machine, **other: Any) -> bytes:
    """The body of the next bundle, with *other* in its head."""
    kept = machine.buffer.next()
    assert kept
    packed = other.pop("packed", None) or machine.buffer.packed(kept)
    head = {
        "id": kept.id, "feed": kept.feed, "stream": kept.stream, "number": kept.number, "rows": kept.rows,
        "sha256": wire.digest(packed), **kept.head, **other,
    }  # fmt: skip
    return json.dumps(head).encode() + b"\n" + packed


def test_a_code_is_good_once_and_for_one_key(tmp_path: Path, live_server: Any) -> None:
    """Another machine with the same code is refused; the same key hears the same answer again, until its first word."""
    lab.hospital()
    node, code = services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    first = identity.enrol(tmp_path / "a", live_server.url, code)
    (tmp_path / "a" / identity.FILE).unlink()  # its answer was lost
    assert identity.enrol(tmp_path / "a", live_server.url, code) == first
    refused("edge.code_used", lambda: identity.enrol(tmp_path / "b", live_server.url, code))
    centre = identity.client(tmp_path / "a", first)
    centre.call("POST", "time")
    (tmp_path / "a" / identity.FILE).unlink()
    refused("edge.code_used", lambda: identity.enrol(tmp_path / "a", live_server.url, code))
    node.refresh_from_db()
    assert node.state == NodeState.ACTIVE and [m.verb for m in node.moves.order_by("id")] == [
        "invite",
        "enrol",
        "report",
    ]


def test_a_code_ends_with_its_time_or_with_a_newer_one(tmp_path: Path, live_server: Any) -> None:
    """After a day it is over, once another was given unknown, and who only guesses hears no more than that; each is noted."""
    lab.hospital()
    node, code = services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    Node.objects.update(code_expires_at=clock.now() - timedelta(seconds=1))
    refused("edge.code_expired", lambda: identity.enrol(tmp_path / "a", live_server.url, code))
    _node, newer = services.invite_again(CLERK, node.pk)
    refused("edge.code_unknown", lambda: identity.enrol(tmp_path / "a", live_server.url, code))
    plain = newer.replace("-", "")
    assert plain[4:] not in str(list(Node.objects.values()))
    wrong = plain[:4] + plain[4:][::-1]
    refused("edge.code_unknown", lambda: identity.enrol(tmp_path / "a", live_server.url, wrong))
    assert identity.enrol(tmp_path / "a", live_server.url, newer).org_code == lab.HOSPITAL
    told = {(r.node_id, r.code): r.count for r in Refusal.objects.all()}
    assert told == {
        (node.pk, "edge.code_expired"): 1,
        (None, "edge.code_unknown"): 1,
        (node.pk, "edge.code_unknown"): 1,
    }


@pytest.mark.parametrize("changed", ["body", "count", "time_ms", "signature"])
def test_what_was_changed_on_its_way_is_refused(machine: Machine, changed: str) -> None:
    """Another body, count, time or signature than the node's own."""
    other = {
        "body": b"{}x",
        "count": 2**50,
        "time_ms": machine.sender.client.drift.now_ms() + 1,
        "signature": wire.text64(b"x" * 64),
    }
    answer = request(machine, "beat", b"{}", **{changed: other[changed]})
    assert (answer.status_code, code_of(answer)) == (401, "edge.signature_wrong")


def test_an_old_request_is_refused_and_the_last_one_does_nothing_twice(machine: Machine) -> None:
    """A replay has a count that was heard; only the very last request, delivered twice, hears its answer again."""
    machine.read()
    body = bundle_of(machine)
    count, moment = machine.sender.client.count + 1, machine.sender.client.drift.now_ms()
    same: dict[str, Any] = {"count": count, "time_ms": moment}
    first = request(machine, "bundles", body, signed=same)
    assert request(machine, "bundles", body, signed=same).json() == first.json() and "receipt" in first.json()
    assert Bundle.objects.count() == 1
    assert request(machine, "time", b"", signed={"count": count + 1}).status_code == 200
    assert code_of(request(machine, "bundles", body, signed=same)) == "edge.replayed"
    old = {"count": count + 9, "time_ms": moment - wire.WINDOW_MS - 5000}
    assert code_of(request(machine, "time", b"", signed=old)) == "edge.clock"


def test_a_count_from_an_old_copy_is_set_right(machine: Machine) -> None:
    """A node whose count lies behind hears the last one and goes on."""
    machine.sender.client.count = 5
    assert machine.sender.client.call("POST", "time") == {}


def test_an_answer_of_somebody_else_is_not_believed(machine: Machine) -> None:
    """Without the centre's signature an answer is no answer: nothing leaves the buffer."""
    machine.read()
    machine.sender.client.centre_key = wire.public_text(keys.make_key(machine.folder / "other.key"))
    with pytest.raises(Fault, match="away"):
        machine.sender.client.call("POST", "time")
    before = machine.buffer.queue().bundles
    assert machine.sender.step() > 0 and machine.sender.away and machine.buffer.queue().bundles == before


def test_the_same_bundle_gets_the_same_receipt_and_another_one_under_its_number_none(machine: Machine) -> None:
    """Sent again after a lost answer it is journalled once; what only bears its number is refused."""
    machine.read()
    body = bundle_of(machine)
    receipts = {request(machine, "bundles", body).text for _ in range(3)}
    assert len(receipts) == 1 and Bundle.objects.count() == 1
    assert code_of(request(machine, "bundles", bundle_of(machine, id="f" * 32))) == "edge.number_taken"
    assert code_of(request(machine, "bundles", bundle_of(machine, number=3))) == "edge.gap"
    assert code_of(request(machine, "bundles", bundle_of(machine, feed="99999"))) == "edge.feed_not_here"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"rows": 7}, "edge.broken"),
        ({"plain": 9}, "edge.too_large"),
        ({"sha256": "0" * 64}, "edge.broken"),
        ({"packed": b"not packed", "plain": 10}, "edge.broken"),
        ({"packed": zstandard.ZstdCompressor().compress(bytes(20 * 1024 * 1024)), "plain": 100}, "edge.too_large"),
        ({"packed": wire.pack(b"[1]"), "plain": 3}, "edge.broken"),
        ({"packed": wire.pack(b'{"A": '), "plain": 6}, "edge.broken"),
    ],
)
def test_a_bundle_that_cannot_be_read_is_never_signed_for(machine: Machine, other: dict[str, Any], code: str) -> None:
    """Wrong counts, digests, bombs and what is no rows are refused at the door."""
    machine.read()
    assert code_of(request(machine, "bundles", bundle_of(machine, **other))) == code
    assert Bundle.objects.count() == 0


def test_a_body_that_is_too_large_is_refused_before_it_is_read(machine: Machine) -> None:
    """The length that is announced counts."""
    answer = request(machine, "bundles", bytes(wire.MAX_BODY + 1))
    assert (answer.status_code, code_of(answer)) == (413, "edge.too_large")


def test_a_buffer_put_back_from_a_copy_goes_on_under_new_numbers(machine: Machine, tmp_path: Path) -> None:
    """What the copy sends again is recognised; what is new comes in; nothing is lost or doubled."""
    machine.read()
    machine.buffer.close()
    shutil.copytree(machine.folder, tmp_path / "copy")
    machine.send()
    copy = Machine(tmp_path / "copy")
    copy.sender._held.clear()
    copy.send()
    place.work()
    job = Job.objects.get()
    assert (job.inserted, job.unchanged) == (120, 120) or (job.inserted, job.read) == (120, 120)
    copy.close()


def test_a_centre_put_back_from_a_copy_gets_everything_again(machine: Machine) -> None:
    """Bundles it no longer knows of are missed by their number; the node reads its source from the beginning."""
    machine.read()
    machine.sender.step()
    machine.sender.step()
    Bundle.objects.all().delete()
    Node.objects.get().streams.all().delete()
    machine.send()
    machine.read()
    machine.send()
    place.work()
    job = Job.objects.get()
    assert job.inserted == 120 and job.balances


def test_what_the_disk_did_not_keep_is_read_again(machine: Machine) -> None:
    """A bundle broken at rest is given up with those behind it, and the source is read from its beginning."""
    import sqlite3

    machine.read()
    with sqlite3.connect(machine.folder / "buffer.db") as db:
        db.execute("update bundle set packed = zeroblob(length(packed)) where number = 2")
    machine.send()
    machine.read()
    machine.send()
    place.work()
    assert Job.objects.get().inserted == 120


def test_a_revoked_node_is_told_so_and_keeps_or_destroys(machine: Machine) -> None:
    """It neither reads nor sends; with the order to destroy, what waited can no longer be read."""
    machine.read()
    services.revoke(CLERK, Node.objects.get().pk, reason="机器被盗", wipe=True)
    while not machine.sender.revoked:
        machine.sender.step()
    assert machine.buffer.queue().bundles == 0 and not (machine.folder / keys.SEAL).exists()
    assert Bundle.objects.count() == 0


def test_a_key_is_changed_even_when_the_power_fails_between(machine: Machine) -> None:
    """The new key works, the old one no more; a change whose answer was lost is found with the next word."""
    old = machine.sender.client.key
    services.ask_for_key(CLERK, Node.objects.get().pk)
    machine.take_orders()
    assert wire.public_text(machine.sender.client.key) == Node.objects.get().public_key != wire.public_text(old)
    new = keys.make_key(machine.folder / keys.NEXT)
    facts = {"public_key": wire.public_text(new), "signature": wire.sign(new, wire.key_base(machine.who.node, wire.public_text(new)))}  # fmt: skip
    machine.sender.client.call("POST", "key", body_of(facts))  # and the answer is lost: the file is still called new
    machine.take_orders()
    machine.take_orders()
    assert wire.public_text(machine.sender.client.key) == wire.public_text(new)
    machine.sender.client.key = old
    refused("edge.signature_wrong", lambda: machine.sender.client.call("POST", "time"))


def test_orders_the_node_cannot_follow_are_reported_and_the_old_ones_stay(machine: Machine) -> None:
    """A kind of source this node does not know: the version is refused with its reason, the feed goes on as before."""
    node = Node.objects.get()
    Feed.objects.update(config={"url": "x", "table": "y", "kind": "abacus"})
    orders.issue(CLERK, node, "test")
    machine.take_orders()
    machine.take_orders()
    newest = Configuration.objects.get(version=node.configuration)
    assert newest.refused == "edge.configuration_wrong" and newest.applied_at is None
    assert machine.sender.orders and machine.sender.orders.version == node.configuration - 1
    node.refresh_from_db()
    assert "configuration_refused" in domain.troubles(node.facts)


def test_a_feed_is_read_again_when_the_clerk_says_so(machine: Machine) -> None:
    """From its beginning, and what is in already is recognised."""
    machine.read()
    machine.send()
    machine.read()
    assert machine.buffer.queue().bundles in (0, 4)  # a whole reading of a small table, with its account
    orders.reread(CLERK, Node.objects.get().pk, Feed.objects.get().pk)
    machine.take_orders()
    machine.read()
    machine.send()
    place.work()
    job = Job.objects.get()
    assert job.inserted == 120 and job.unchanged >= 120 and job.balances


def test_a_wrong_mapping_holds_the_feed_in_order_until_it_is_mended(machine: Machine) -> None:
    """No bundle overtakes; once the mapping is right all go in, in their order."""
    machine.read()
    machine.send()
    feed = Feed.objects.get()
    broken = lab.MAPPING.replace("local_id: BRID", "local_id: NOSUCH")
    from yigong.platform.exchange import services as exchange

    exchange.save_feed(CLERK, feed.name, org_code=feed.org_code, reader="edge", config=feed.config, mapping=broken)
    assert place.work() == 4  # the last is the account of the run
    states = list(Bundle.objects.order_by("id").values_list("state", flat=True))
    assert states == [BundleState.FAILED, *[BundleState.RECEIVED] * 3]
    feed.refresh_from_db()
    assert feed.state == FeedState.FAILED and "NOSUCH" in str(Bundle.objects.order_by("id")[0].error)
    exchange.save_feed(CLERK, feed.name, org_code=feed.org_code, reader="edge", config=feed.config, mapping=lab.MAPPING)
    Bundle.objects.update(due_at=clock.now())
    place.work()
    assert (
        not Bundle.objects.exclude(state=BundleState.CARRIED).exists()
        and sum(j.inserted for j in Job.objects.all()) == 120
    )


def test_a_node_that_says_nothing_falls_silent_and_comes_back(machine: Machine) -> None:
    """After ten minutes without a word; its next word brings it back."""
    with clock.fixed(clock.now() + timedelta(minutes=11)):
        assert services.silence() == 1 and services.silence() == 0
    assert Node.objects.get().state == NodeState.SILENT
    machine.take_orders()
    assert Node.objects.get().state == NodeState.ACTIVE


def test_columns_that_the_mapping_does_not_use_stay_at_the_institution(tmp_path: Path, live_server: Any) -> None:
    """Where the rest is not wanted, only what the mapping names leaves; a column that vanished stops the feed with its name."""
    _node, code, feed = place.centre(tmp_path / "lis.db", lab.good(5))
    from yigong.platform.exchange import services as exchange

    exchange.save_feed(CLERK, feed.name, org_code=feed.org_code, reader="edge", config=feed.config, mapping=lab.MAPPING + "unmapped: drop\n")  # fmt: skip
    orders.mapping_changed(CLERK, feed)
    machine = Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    machine.read()
    kept = machine.buffer.next()
    assert kept and "XGSJ" not in kept.head["columns"] and "BRID" in kept.head["columns"]
    import sqlite3

    with sqlite3.connect(tmp_path / "lis.db") as db:
        db.execute("alter table lis_result rename column BRID to BRH")
    machine.read()
    error = machine.buffer.feeds()[0].error
    assert error and error["code"] == "edge.columns_missing" and "BRID" in error["zh"]
    machine.close()
