"""A centre that answers over HTTP, an institution with a laboratory system, and a node between them, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yigong.edge import identity
from yigong.edge.node import Node
from yigong.kit import ctx as actors
from yigong.platform.exchange.edge import carrying, orders, services
from yigong.platform.exchange.edge.models import Node as Stored
from yigong.platform.exchange.models import Feed
from yigong.platform.exchange.tests import lab

CLERK = actors.system()


def centre(path: Path, rows: list[dict[str, Any]], **config: Any) -> tuple[Stored, str, Feed]:
    """The hospital registered, its laboratory's feed given to an invited node; the node, its code and the feed."""
    lab.hospital()
    facts = {"url": f"sqlite:///{path}", "table": "lis_result", **config}
    feed = lab.feed(lab.source(path, rows), config=facts)
    node, code = services.invite(CLERK, name="县医院前置机", org_code=lab.HOSPITAL)
    orders.assign(CLERK, node.pk, feed.pk, every_seconds=1, rows=50)
    return node, code, feed


class Machine:
    """A node whose reading and sending are done step by step."""

    def __init__(self, folder: Path, url: str = "", code: str = "") -> None:
        if code:
            identity.enrol(folder, url, code)
        node = Node(folder, timeout=10)
        self.folder, self.node, self.who = folder, node, node.who
        self.buffer, self.sender, self.extractor = node.buffer, node.sender, node.extractor

    def take_orders(self) -> None:
        """Beat until the newest orders are in force."""
        self.sender.beat_soon()
        self.sender.step()
        self.sender.step()

    def read(self) -> None:
        """Read all feeds once, whether their time has come or not."""
        self.extractor._due.clear()
        self.extractor.round()

    def send(self) -> None:
        """Send all that waits."""
        while self.buffer.queue().bundles:
            self.sender.step()

    def close(self) -> None:
        """Let go of everything."""
        self.sender.close()


def work() -> int:
    """Let the centre carry on what it journalled."""
    return carrying.work()
