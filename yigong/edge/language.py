"""In which language a node speaks to who sits before it: that of the machine, or both where the machine has none."""

from __future__ import annotations

import os

NAME = "YIGONG_EDGE_LANGUAGE"


def language() -> str:
    """``zh``, ``en``, or empty for both; by YIGONG_EDGE_LANGUAGE, else the locale of the machine."""
    said = next((os.environ[n] for n in (NAME, "LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), "")
    return said[:2].lower() if said[:2].lower() in ("zh", "en") else ""


def told(zh: str, en: str, *, between: str = " / ") -> str:
    """The sentence in the language of the machine."""
    return {"zh": zh, "en": en}.get(language(), f"{zh}{between}{en}")
