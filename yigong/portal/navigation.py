"""The frame of every page: what the role may open, and what waits."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for the page frame."""
    return {"ctx": getattr(request, "ctx", None)}
