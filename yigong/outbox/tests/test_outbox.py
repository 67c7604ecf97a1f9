"""Events between modules."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from django.db import transaction

from yigong.outbox.api import dispatch, say
from yigong.outbox.models import OutboxDelivery, OutboxEvent

heard: list[tuple[int, dict[str, Any]]] = []


@dataclass(frozen=True)
class Rang:
    """A bell rang."""

    times: int
    name: ClassVar[str] = "bell.rang"


def listen(event_id: int, facts: dict[str, Any]) -> None:
    """A handler that remembers."""
    heard.append((event_id, facts))


def stumble(event_id: int, facts: dict[str, Any]) -> None:
    """A handler that fails."""
    raise ValueError("stumbled")


@pytest.fixture
def wired(settings: Any) -> None:
    heard.clear()
    settings.EVENT_HANDLERS = {"bell.rang": [f"{__name__}:listen", f"{__name__}:stumble"]}


@pytest.mark.django_db
def test_an_event_reaches_its_handlers_once(wired: None) -> None:
    """An event is delivered to each handler once; a failing handler keeps its delivery for later and holds up nobody."""
    event_id = say(Rang(3))
    dispatch()
    dispatch()
    assert heard == [(event_id, {"times": 3})]
    left = OutboxDelivery.objects.get()
    assert (left.attempts, left.error) == (1, "ValueError: stumbled")


@pytest.mark.django_db
def test_an_event_of_a_failed_transaction_is_never_heard(wired: None) -> None:
    """What is rolled back was never said."""
    with pytest.raises(RuntimeError), transaction.atomic():
        say(Rang(1))
        raise RuntimeError
    dispatch()
    assert heard == []
    assert not OutboxEvent.objects.exists()
