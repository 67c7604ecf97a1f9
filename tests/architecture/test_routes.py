"""Every address is guarded, and every permission leads somewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from yigong.security.roles import ROLES, action_words, actions_of


def patterns(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    """Every address pattern of the house."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry)
        else:
            yield entry


def action_of(view: Any) -> Any:
    """The action that guards a view; the word unguarded when nothing does."""
    return getattr(view, "action", "unguarded")


@pytest.mark.feature("B15")
@pytest.mark.parametrize("pattern", list(patterns()), ids=lambda p: p.lookup_str)
def test_no_address_without_an_action(pattern: URLPattern) -> None:
    """Each address is guarded by a declared action, or marked public on purpose."""
    action = action_of(pattern.callback)
    assert action is None or action in action_words(), f"{pattern.lookup_str}: {action}"


@pytest.mark.feature("B18")
def test_every_action_is_held_by_some_role() -> None:
    """No action is out of everyone's hands, and each role of the beginning holds at least one."""
    held = {a for row in ROLES for a in actions_of(row)}
    assert set(action_words()) - held == set()
    assert all(actions_of(row) for row in ROLES)


def test_personal_ids_are_opaque_in_addresses() -> None:
    """A person's number never stands in an address as it is: no pattern takes person_id as a plain integer."""
    plain = [
        p.lookup_str for p in patterns() if "person_id" in str(p.pattern) and "<opaque:person_id>" not in str(p.pattern)
    ]
    assert plain == []
