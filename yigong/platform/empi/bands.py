"""What a pair of registrations can come to, and which names are no names. Pure."""

from __future__ import annotations

AUTO, REVIEW, NONE = "auto", "review", "none"
PLACEHOLDER = r"(之[大小]?[子女婴]|[男女]婴|无名|不详|未知|待查|未取名)"
#: names that are no names: nothing may be compared by them
UNKNOWN = r"^(无名氏?.*|不详|未知.*|待查|未取名|[男女]婴)$"
