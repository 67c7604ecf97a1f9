"""Where a row stood, in the words of the page: places are kept in Chinese, beside the name of the file or the number of a message."""

from __future__ import annotations

import re

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from yigong.security.api import opaque_id

_BUS = re.compile(r"^bus/(\d+)\b(?: 第 1 条消息)?")
_ENGLISH = {"条消息": "message", "条": "item", "行": "row"}
_COUNTED = re.compile(r"第 (\d+) (条消息|条|行)")


def said(place: str) -> str:
    """The place without the folders that hold a file; a message of the bus by the token of its page."""
    if found := _BUS.match(place):
        return _("总线消息 %(token)s") % {"token": opaque_id(int(found.group(1)))} + place[found.end() :]
    words = place.rpartition("/")[2]
    if get_language() == "en":
        words = _COUNTED.sub(lambda m: f"{_ENGLISH[m.group(2)]} {m.group(1)}", words)
    return words
