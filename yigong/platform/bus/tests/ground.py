"""What tests of routes and deliveries begin with: an endpoint with messages, targets, a turn of the worker."""

from __future__ import annotations

from typing import Any

from yigong.kit.ctx import system
from yigong.platform.bus import journal, register, routes, routing, services
from yigong.platform.bus.delivery import deliver
from yigong.platform.bus.envelope import open_envelope
from yigong.platform.bus.models import Attempt, Endpoint, Route

HOSPITAL = "100000001X"


def message(control: str, patient: str = "P1", kind: str = "ORU^R01", *, words: str = "", visit: str = "E") -> bytes:
    """A result as a laboratory sends it."""
    head = f"MSH|^~\\&|LIS|{HOSPITAL}|YG|C|20260301||{kind}|{control}|P|2.4||||||UNICODE UTF-8"
    return f"{head}\rPID|||{patient}||张三^丰{words}||19800101|1\rPV1||{visit}\rOBR|1|A{control}|B{control}\r".encode()


def inward(code: str = "mllp") -> Endpoint:
    """A place where messages arrive."""
    return services.open_endpoint(system(), code)


def accept(*raws: bytes, code: str = "mllp") -> None:
    """Journal these."""
    journal.accept(inward(code).pk, [open_envelope(raw) for raw in raws])


def outward(code: str, address: str, kind: str = "http", **facts: Any) -> Endpoint:
    """A system that messages are sent to."""
    return register.save_outward(
        system(), code, **{"kind": kind, "address": address, "name": code, "timeout_seconds": 3, **facts}
    )


def active(code: str, condition: str, *targets: dict[str, Any], **facts: Any) -> Route:
    """An active route."""
    found = routes.save_route(system(), code, name=code, condition=condition, targets=targets, **facts)
    return routes.move_route(system(), found.pk, "activate")


def turn() -> int:
    """Route and deliver until nothing is due and nothing in hand; how many sendings."""
    while routing.route():
        pass
    before = Attempt.objects.count()
    while deliver():
        pass
    return Attempt.objects.count() - before
