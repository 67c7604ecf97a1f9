"""Sources looked at through their node, orders that follow by themselves, another node in place of a revoked one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from yigong.kit import clock
from yigong.kit.errors import Refused
from yigong.platform.exchange import alarms, mappings
from yigong.platform.exchange import services as exchange
from yigong.platform.exchange.edge import orders, probing, services, succession
from yigong.platform.exchange.edge.models import Configuration, Node, Probe
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.edge.tests.place import CLERK, Machine
from yigong.platform.exchange.models import Feed, FeedState
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.feature("G33")]


def refused(code: str, act: Any) -> Refused:
    """The refusal of that code that *act* ends with."""
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.code == code
    return caught.value


def test_the_centre_sees_a_source_through_its_node(machine: Machine) -> None:
    """Asked for, taken with the next beat, shown to who maps, gone from the centre after half an hour."""
    feed = Feed.objects.get()
    refused("edge.probe_waits", lambda: mappings.sample(CLERK, feed))
    machine.take_orders()
    frame = mappings.sample(CLERK, feed)
    found = Probe.objects.get()
    assert (frame.height, found.rows, "JG" in frame.columns, found.error) == (120, 120, True, None)
    Probe.objects.update(answered_at=clock.now() - timedelta(minutes=31))
    assert probing.forget() == 1 and Probe.objects.get().sample == ""
    refused("edge.probe_waits", lambda: mappings.sample(CLERK, feed))


def test_a_source_that_cannot_be_read_is_told_in_the_nodes_own_sentence(machine: Machine) -> None:
    """A table that is not there: the page says what the node met."""
    feed = Feed.objects.get()
    Feed.objects.update(config={**feed.config, "table": "nowhere"})
    probing.ask(CLERK, feed)
    machine.take_orders()
    said = refused("edge.probe_failed", lambda: probing.sample(CLERK, feed))
    assert said.facts["zh"] and said.facts["en"]


def test_a_feed_without_a_mapping_waits_at_its_node_until_there_is_one(tmp_path: Path, live_server: Any) -> None:
    """It is in no orders; the version that is published first brings it into them."""
    lab.hospital()
    facts = {"url": f"sqlite:///{lab.source(tmp_path / 'lis.db', lab.good(5))}", "table": "lis_result"}
    feed = exchange.save_feed(CLERK, "新来源", org_code=lab.HOSPITAL, reader="sqlite", config=facts)
    node, code = services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    orders.assign(CLERK, node.pk, feed.pk, every_seconds=1, rows=50)
    machine = Machine(tmp_path / "node", live_server.url, code)
    machine.take_orders()
    machine.read()
    assert machine.sender.orders and (machine.sender.orders.feeds, machine.buffer.queue().rows) == ((), 0)
    exchange.next_version(CLERK, Feed.objects.get(pk=feed.pk), lab.MAPPING)
    machine.take_orders()
    machine.read()
    assert machine.buffer.queue().rows == 10
    machine.close()


def test_rules_that_changed_with_the_centre_reach_its_nodes(machine: Machine) -> None:
    """Orders signed under other rules are signed anew, once; the node applies them with its next beat."""
    node, feed = Node.objects.get(), Feed.objects.get()
    orders.change(CLERK, node.pk, feed.pk, mapping_id=None, every_seconds=1, rows=50, at_node="map")
    machine.take_orders()
    assert orders.refresh(CLERK) == 0
    newest = Configuration.objects.order_by("-version").first()
    assert newest
    older = json.loads(newest.document)
    older["rules"] = {name: text + "\n" for name, text in older["rules"].items()}
    Configuration.objects.filter(pk=newest.pk).update(document=json.dumps(older))
    assert (orders.refresh(CLERK), orders.refresh(CLERK)) == (1, 0)
    machine.take_orders()
    assert machine.sender.orders and machine.sender.orders.version == newest.version + 1


def test_a_feed_is_read_now_paused_and_changed_from_its_own_page(machine: Machine) -> None:
    """What the office does with a feed becomes orders for its node."""
    feed = Feed.objects.get()
    exchange.start(CLERK, feed)
    machine.take_orders()
    assert machine.sender.orders and machine.sender.orders.feeds[0].turn == 1
    exchange.pause(CLERK, feed)
    machine.take_orders()
    feed.refresh_from_db()
    assert (machine.sender.orders.feeds[0].active, feed.state, feed.active) == (False, FeedState.PAUSED, False)
    exchange.resume(CLERK, feed)
    exchange.configure(
        CLERK, feed.name, org_code=feed.org_code, reader="sqlite", config={**feed.config, "table": "other"}
    )
    machine.take_orders()
    feed.refresh_from_db()
    assert (machine.sender.orders.feeds[0].active, machine.sender.orders.feeds[0].source["table"]) == (True, "other")
    assert feed.reader == "edge"


def test_a_silent_node_is_an_alarm_of_its_feeds(machine: Machine) -> None:
    """Since when, and what waited; over once it speaks again."""
    machine.take_orders()
    feed = Feed.objects.get()
    Node.objects.update(last_seen_at=clock.now() - timedelta(minutes=12))
    assert services.silence() == 1
    told = alarms.judged(Feed.objects.get())
    assert [(a.kind, a.facts["minutes"]) for a in told] == [("silent", 12)]
    machine.take_orders()
    assert alarms.judged(Feed.objects.get(pk=feed.pk)) == []


def test_only_a_revoked_node_is_replaced_and_only_once(machine: Machine) -> None:
    """The new one has the feeds, the limits and orders of its own."""
    old = Node.objects.get()
    refused("edge.still_heard", lambda: succession.invite_in_place(CLERK, old.pk))
    orders.save_limits(CLERK, old.pk, beat_seconds=7)
    services.revoke(CLERK, old.pk, reason="换机器")
    made, _code = succession.invite_in_place(CLERK, old.pk)
    document = json.loads(Configuration.objects.get(node=made).document)
    assert ([f["title"] for f in document["feeds"]], document["limits"], document["node"]) == (
        [Feed.objects.get().name],
        {"beat_seconds": 7},
        made.code,
    )
    refused("edge.replaced", lambda: succession.invite_in_place(CLERK, old.pk))


def test_a_folder_whose_node_is_heard_is_not_enrolled_again(machine: Machine, live_server: Any) -> None:
    """Nobody loses a working node by a second code."""
    from yigong.edge import identity

    _node, code = services.invite(CLERK, name="另一台", org_code=lab.HOSPITAL)
    refused("edge.enrolled_before", lambda: identity.enrol(machine.folder, live_server.url, code))
    assert place.work() == 0


def test_a_revoked_node_is_given_no_orders(machine: Machine) -> None:
    """Nothing that would never be heard is accepted; only its feeds can be taken back."""
    node, feed = Node.objects.get(), Feed.objects.get()
    services.revoke(CLERK, node.pk, reason="机器被盗")
    before = Node.objects.get().configuration
    acts: list[Any] = [
        lambda: orders.read_now(CLERK, feed),
        lambda: exchange.pause(CLERK, feed),
        lambda: orders.reread(CLERK, node.pk, feed.pk),
        lambda: orders.change(CLERK, node.pk, feed.pk, mapping_id=None, every_seconds=60, rows=10),
        lambda: orders.save_limits(CLERK, node.pk, buffer_mb=64),
        lambda: services.ask_for_key(CLERK, node.pk),
    ]
    for act in acts:
        refused("edge.not_heard", act)
    assert Node.objects.get().configuration == before
    orders.release(CLERK, node.pk, feed.pk)
    assert Feed.objects.get().reader == "sqlite"
