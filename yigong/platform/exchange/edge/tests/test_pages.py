"""The pages of nodes, as a data clerk and as others see them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit import clock
from yigong.kit.ctx import Purpose, Reach
from yigong.platform.exchange import services as exchange
from yigong.platform.exchange.edge import domain, orders, selectors, services
from yigong.platform.exchange.edge.models import Assignment, Beat, Configuration, Node, NodeState
from yigong.platform.exchange.edge.tests.place import CLERK
from yigong.platform.exchange.models import Feed, FeedState
from yigong.platform.exchange.tests import lab
from yigong.security.api import make_role, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.feature("G33")]
ALL = ("exchange.view", "exchange.edge.view", "exchange.edge.invite", "exchange.edge.order", "exchange.edge.revoke")


def signed_in(actions: tuple[str, ...] = ALL, reach: Reach = Reach.COUNTY, org: str = lab.HOSPITAL) -> Client:
    """A browser in which somebody with these actions is logged in."""
    make_role("clerk", "数据管理员", actions=actions, reach=reach, purpose=Purpose.OPERATION)
    client = Client()
    client.force_login(make_user("fenglei", "冯磊", password="a-long-password", role="clerk", org_code=org))
    return client


@pytest.fixture
def feed() -> Feed:
    """A feed of the hospital that a node could read."""
    lab.hospital()
    config = {"url": "sqlite:////data/lis.db", "table": "lis_result"}
    return exchange.save_feed(
        CLERK,
        "县医院检验",
        org_code=lab.HOSPITAL,
        reader="sqlite",
        config=config,
        mapping=lab.MAPPING,
        schedule="1 h",
    )


def test_a_clerk_invites_a_node_and_sees_its_code_once(feed: Feed) -> None:
    """The code stands in the answer to the form and on no page afterwards."""
    client = signed_in()
    assert "还没有边缘节点" in client.get(reverse("edge:nodes")).content.decode()
    answer = client.post(reverse("edge:invite"), {"org_code": lab.HOSPITAL, "name": "县医院前置机"})
    found = re.search(r'id="code">([0-9A-Z-]{24})<', answer.content.decode())
    assert found and answer["Cache-Control"] == "no-store"
    node = Node.objects.get()
    for url in (reverse("edge:nodes"), reverse("edge:node", args=[node.pk])):
        assert found[1] not in client.get(url).content.decode()
    again = client.post(reverse("edge:invite_again", args=[node.pk])).content.decode()
    assert 'id="code"' in again and found[1] not in again


def test_a_feed_is_given_to_a_node_changed_paused_and_released(feed: Feed) -> None:
    """Each step makes a signed version of the node's orders; released, the centre reads the feed as before."""
    client, (node, _code) = signed_in(), services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    version = feed.mappings.get()
    page = client.get(reverse("edge:assign", args=[node.pk])).content.decode()
    assert "县医院检验" in page and "v1" in page
    given = {"feed": feed.pk, "mapping": version.pk, "every_seconds": 60, "bundle_rows": 500}
    assert client.post(reverse("edge:assign", args=[node.pk]), given).status_code == 302
    feed.refresh_from_db()
    assert (feed.reader, feed.schedule) == ("edge", "")
    url = reverse("edge:order", args=[node.pk, feed.pk])
    assert client.post(url, {"mapping": "", "every_seconds": 300, "bundle_rows": 200}).status_code == 302
    for verb in ("pause", "resume", "reread"):
        assert client.post(reverse("edge:steer", args=[node.pk, feed.pk, verb])).status_code == 302
    assert (
        client.post(
            reverse("edge:limits", args=[node.pk]), {"buffer_mb": 64, "free_mb": 50, "beat_seconds": 30}
        ).status_code
        == 302
    )
    document = orders.document(Node.objects.get())
    assert document["version"] == 6 and document["limits"]["buffer_mb"] == 64
    assert (
        document["feeds"][0] | {"rows": 200, "epoch": 1, "active": True, "mapping_version": 1} == document["feeds"][0]
    )
    assert "JG" in document["feeds"][0]["needs"]
    assert client.post(reverse("edge:steer", args=[node.pk, feed.pk, "release"])).status_code == 302
    feed.refresh_from_db()
    assert (feed.reader, feed.schedule) == ("sqlite", "1 h") and not Assignment.objects.exists()
    assert feed.due_at is not None
    assert Configuration.objects.count() == 7


def test_a_feed_whose_rows_are_under_way_is_not_released(feed: Feed) -> None:
    """Else rows that the centre reads newly could be overtaken by older ones."""
    client, (node, _code) = signed_in(), services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    orders.assign(CLERK, node.pk, feed.pk)
    Node.objects.update(facts={"feeds": [{"name": str(feed.pk), "waiting": {"rows": 9}}]})
    answer = client.post(reverse("edge:steer", args=[node.pk, feed.pk, "release"]))
    assert answer.status_code == 409 and "9 行" in answer.content.decode()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_page_of_a_node_tells_how_it_is_and_what_to_do(feed: Feed, language: str) -> None:
    """State, troubles in words, feeds with what waits, orders, history, health; in both languages."""
    client, (node, _code) = signed_in(), services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    client.cookies["django_language"] = language
    orders.assign(CLERK, node.pk, feed.pk)
    moment = clock.now()
    facts = {
        "stopped": "edge.buffer_full", "drift_ms": 900_000, "uptime_s": 90_000,
        "queue": {"bundles": 3, "rows": 12_345, "bytes": 5_000_000, "eldest_at": moment.isoformat(), "limit_bytes": 6_000_000},
        "machine": {"disk_free": 10**9, "disk_total": 10**11, "memory": 10**8, "system": "Linux", "processor": "aarch64"},
        "feeds": [{"name": str(feed.pk), "rows": 20_000, "ended_at": "odd", "error": {"zh": "连不上源库", "en": "source away"}, "waiting": {"rows": 12_345}}],
    }  # fmt: skip
    Node.objects.update(state=NodeState.ACTIVE, facts=facts, drift_ms=900_000, last_seen_at=moment, key_since=moment)
    for n in range(3):
        Beat.objects.create(node=node, slot=moment - timedelta(minutes=15 * n), rows_waiting=n)
    text = client.get(reverse("edge:node", args=[node.pk])).content.decode()
    zh = ("缓存已满", "节点时钟不准", "12,345", "连不上源库", "900 秒", "1 天 1 小时", "待传行数", "+ 县医院检验")
    en = (
        "The buffer is full",
        "clock is wrong",
        "12,345",
        "source away",
        "900 s",
        "1 d 1 h",
        "Rows waiting",
        "+ 县医院检验",
    )
    for words in zh if language == "zh-hans" else en:
        assert words in text, words
    assert ("缓存已满" if language == "zh-hans" else "The buffer is full") in client.get(
        reverse("edge:nodes")
    ).content.decode()
    assert client.get(reverse("edge:configuration", args=[node.pk, 1])).status_code == 200


def test_a_node_is_revoked_with_a_reason(feed: Feed) -> None:
    """Without a reason the form says so; afterwards nothing can be ordered any more."""
    client, (node, _code) = signed_in(), services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    url = reverse("edge:revoke", args=[node.pk])
    assert client.post(url, {"reason": ""}).status_code == 400
    assert client.post(url, {"reason": "机器报废", "wipe": "on"}).status_code == 302
    node.refresh_from_db()
    assert node.state == NodeState.REVOKED and node.wipe and node.moves.get(verb="revoke").reason == "机器报废"
    assert client.post(url, {"reason": "再来"}).status_code == 409
    assert client.post(reverse("edge:ask_for_key", args=[node.pk])).status_code == 409


def test_passwords_are_hidden_in_shown_orders(feed: Feed) -> None:
    """The signed document may name a login; its page does not show it."""
    client, (node, _code) = signed_in(), services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    Feed.objects.update(config={"url": "postgresql://reader:hush@db/his", "table": "t"})
    feed.refresh_from_db()
    orders.assign(CLERK, node.pk, feed.pk)
    text = client.get(reverse("edge:configuration", args=[node.pk, 1])).content.decode()
    assert "hush" not in text and "reader:***@db" in text


def test_who_may_only_look_sees_no_acts_and_others_nodes_are_hidden(feed: Feed) -> None:
    """Each act is refused by its permission; a node of another institution is not there."""
    node, _code = services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    client = signed_in(("exchange.edge.view",))
    text = client.get(reverse("edge:node", args=[node.pk])).content.decode()
    assert reverse("edge:revoke", args=[node.pk]) not in text and reverse("edge:assign", args=[node.pk]) not in text
    assert client.post(reverse("edge:revoke", args=[node.pk]), {"reason": "x"}).status_code == 403
    assert client.get(reverse("edge:invite")).status_code == 403
    Node.objects.update(org_code="200000002X")
    make_role("clerk", "数据管理员", actions=ALL, reach=Reach.OWN, purpose=Purpose.OPERATION)
    assert client.get(reverse("edge:node", args=[node.pk])).status_code == 404


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        ({}, []),
        ({"stopped": "edge.disk_full"}, ["disk_full"]),
        ({"configuration_refused": {"version": 3}}, ["configuration_refused"]),
        ({"configuration_refused": {}}, []),
        (
            {"feeds": [{"error": {"code": "x"}}, {"waiting": {"refused": "edge.gap"}}]},
            ["feed_failed", "bundle_refused"],
        ),
        ({"drift_ms": -121_000}, ["clock"]),
        ({"drift_ms": 119_000}, []),
        ({"machine": {"disk_free": 4, "disk_total": 100}}, ["disk_low"]),
        ({"stopped": "edge.disk_low", "machine": {"disk_free": 4, "disk_total": 100}}, ["disk_low"]),
    ],
)
def test_troubles_follow_from_the_nodes_own_word(facts: dict[str, object], codes: list[str]) -> None:
    """What is wrong, the gravest first, each once."""
    assert domain.troubles(facts) == codes


def test_the_life_of_a_node_has_one_end() -> None:
    """Every state can be revoked and nothing leaves that one."""
    assert domain.LIFE.ends() == {domain.State.REVOKED}
    for state in domain.State:
        verbs = {m.verb for m in domain.LIFE.verbs(state)}
        assert ("revoke" in verbs) == (state != domain.State.REVOKED)


def test_a_silent_node_shows_on_the_map_and_in_the_navigation(feed: Feed) -> None:
    """Its feeds stand as failed while it is silent, and are at rest again once it is heard."""
    node, _code = services.invite(CLERK, name="前置机", org_code=lab.HOSPITAL)
    orders.assign(CLERK, node.pk, feed.pk)
    long_ago = clock.now() - timedelta(hours=1)
    Node.objects.update(state=NodeState.ACTIVE, last_seen_at=long_ago)
    assert services.silence() == 1 and selectors.silent_count(CLERK) == 1
    feed.refresh_from_db()
    assert feed.state == FeedState.FAILED
    text = signed_in().get(reverse("exchange:monitor"), {"view": "list"}).content.decode()
    assert "静默/失败" in text
    services.move(Node.objects.get(), "report", domain.Side.NODE)
    feed.refresh_from_db()
    assert feed.state == FeedState.IDLE


@pytest.mark.feature("C08")
def test_a_revoked_node_is_called_revoked() -> None:
    """What GLOSSARY calls 注销 of a node is no cancellation: the state has its own English word."""
    from django.utils.translation import override

    from yigong.platform.exchange.edge.models import NodeState
    from yigong.platform.exchange.edge.words import STATES

    with override("en"):
        assert str(NodeState.REVOKED.label) == str(STATES[NodeState.REVOKED][1]) == "Revoked"
