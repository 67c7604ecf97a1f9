"""PDF from a readable Typst template and plain facts; Chinese text with the machine's own CJK font, embedded.

A template stands in the module that prints, begins with ``#import "/web/pages/house.typ": house, facts, grid-of`` and
``#show: house``; facts are data (JSON), so nothing in them can become markup. Typst reads no file outside the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typst
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language

from yigong.kit.errors import Refused

ROOT = Path(__file__).parents[1]
#: families of which one must be on the machine, the best first (Debian: fonts-noto-cjk)
FAMILIES = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
)


@cache
def font() -> str:
    """The CJK family that this machine has. Raises Refused no_cjk_font."""
    known = set(typst.Fonts().families())
    found = next((f for f in FAMILIES if f in known), None)
    if found is None:
        raise Refused("no_cjk_font", families=list(FAMILIES[:2]))
    return found


def pdf(
    template: Path, facts: Mapping[str, Any], *, title: str, scope: str, mark: str, author: str = "Yigong 医共"
) -> bytes:
    """The pages of *template* over *facts*. *scope* stands at the head, *mark* (who, when, number) at the foot."""
    given = {
        **facts, "title": title, "scope": scope, "mark": mark, "author": author, "fonts": [font()],
        "lang": "en" if get_language() == "en" else "zh",
    }  # fmt: skip
    made = typst.compile(
        str(template), root=str(ROOT), sys_inputs={"facts": json.dumps(given, ensure_ascii=False, default=str)}
    )
    assert isinstance(made, bytes)
    return made


def download(body: bytes, name: str) -> HttpResponse:
    """The pages as a download."""
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    response = HttpResponse(body, content_type="application/pdf", headers=headers)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response
