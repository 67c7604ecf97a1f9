"""Regions of a page that are the same for many readers, drawn once and kept: ``{% yg_keep "rail" nav %}…{% endyg_keep %}``.

What stands inside may depend on nothing but the language and the facts named; a token of a form, a name of a person or a
count that is not among the facts may not stand there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any

from django import template
from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import get_language

#: regions kept in one process; the ones used longest ago go first
LIMIT = 512
_regions: OrderedDict[Hashable, str] = OrderedDict()
_lock = Lock()


class KeepNode(template.Node):
    """A region with its name and the facts it depends on."""

    def __init__(self, name: str, facts: list[Any], nodes: template.NodeList) -> None:
        self.name, self.facts, self.nodelist = name, facts, nodes

    def render(self, context: template.Context) -> SafeString:
        """The kept region, drawn now when it is not kept yet; always anew while templates are being written."""
        key = (self.name, get_language(), *(_frozen(f.resolve(context)) for f in self.facts))
        if settings.DEBUG:
            return self.nodelist.render(context)
        if (found := _regions.get(key)) is None:
            found = self.nodelist.render(context)
            _keep(key, found)
        return SafeString(found)


def _keep(key: Hashable, drawn: str) -> None:
    with _lock:
        _regions[key] = drawn
        while len(_regions) > LIMIT:
            _regions.popitem(last=False)


def _frozen(fact: Any) -> Hashable:
    """A fact as a key: lists and dictionaries by what they hold, lazy words as text."""
    if isinstance(fact, dict):
        return tuple((k, _frozen(v)) for k, v in fact.items())
    if isinstance(fact, list | tuple):
        return tuple(_frozen(f) for f in fact)
    return fact if isinstance(fact, str | int | float | bool | None) else str(fact)


def keep(parser: template.base.Parser, token: template.base.Token) -> KeepNode:
    """``{% yg_keep "name" fact fact %}…{% endyg_keep %}``."""
    _tag, name, *facts = token.split_contents()
    nodes = parser.parse(("endyg_keep",))
    parser.delete_first_token()
    return KeepNode(name.strip("\"'"), [parser.compile_filter(f) for f in facts], nodes)
