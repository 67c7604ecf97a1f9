"""The blocks of the home page, by what the role may do."""

from __future__ import annotations

import importlib
from typing import Any

from yigong.kit.ctx import Ctx
from yigong.portal.wiring import HOME_BLOCKS


def blocks(ctx: Ctx) -> dict[str, Any]:
    """Figures (at most six) and to-dos of all modules the actor may use, in the order of the wiring."""
    figures: list[dict[str, Any]] = []
    todos: list[dict[str, Any]] = []
    lists: list[dict[str, Any]] = []
    for action, provider in HOME_BLOCKS:
        if ctx.may(action):
            module, _sep, name = provider.partition(":")
            found = getattr(importlib.import_module(module), name)(ctx)
            figures += found.get("figures", [])
            todos += found.get("todos", [])
            lists += found.get("lists", [])
    todos.sort(key=lambda t: -t.get("weight", 0))
    return {"figures": figures[:6], "todos": todos, "lists": lists}
