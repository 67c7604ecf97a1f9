"""Words in both languages, carried together until it is known who reads them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Bilingual(Protocol):
    """Anything that says the same in Chinese and in English."""

    @property
    def zh(self) -> str: ...

    @property
    def en(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Said:
    """The same in Chinese and English."""

    zh: str
    en: str


def read(value: object, *, english: bool) -> object:
    """*value* for a reader of one language: what is said in both becomes one text, lists are read item by item."""
    if isinstance(value, Bilingual):
        return value.en if english else value.zh
    if isinstance(value, list | tuple):
        return [read(v, english=english) for v in value]
    return value


def plain(value: object) -> Any:
    """*value* fit for JSON, both languages kept."""
    if isinstance(value, Bilingual):
        return {"zh": value.zh, "en": value.en}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
