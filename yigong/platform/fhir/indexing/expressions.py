"""The part of FHIRPath in which search parameters are written, read into steps.

Paths, unions, ``ofType``/``as``, ``where(field='x')``, ``where(resolve() is Type)``, an index, and
``path.exists() and path != false``: that is all the official R4 parameters use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class NotUnderstood(ValueError):  # noqa: N818  - reads as a sentence
    """The expression uses more of FHIRPath than search parameters do."""


@dataclass(frozen=True, slots=True)
class Field:
    """Go to a child element."""

    name: str


@dataclass(frozen=True, slots=True)
class OfType:
    """Keep what is of this type."""

    type: str


@dataclass(frozen=True, slots=True)
class Where:
    """Keep what has this text in this child."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class PointsTo:
    """Keep references to this type of resource."""

    type: str


@dataclass(frozen=True, slots=True)
class At:
    """Keep the element at this place of a list."""

    place: int


@dataclass(frozen=True, slots=True)
class NotFalse:
    """Whether there is something and it is not the boolean false: a boolean itself."""


Step = Field | OfType | Where | PointsTo | At | NotFalse
Path = tuple[Step, ...]
_TOKEN = re.compile(r"\s*((?:ofType|as|where)\b|resolve\(\) is|[A-Za-z_]\w*|'[^']*'|\d+|[().\[\]|=])")
_NOT_FALSE = re.compile(r"^([\w.]+)\.exists\(\) and \1 != false$")


def paths(expression: str) -> tuple[Path, ...]:
    """The paths of a union, each without the name of the type it begins with. Raises NotUnderstood."""
    if found := _NOT_FALSE.match(expression.strip()):
        return ((*(Field(name) for name in found[1].split(".")[1:]), NotFalse()),)
    reader = _Reader(_tokens(expression))
    found_paths = [reader.path()]
    while reader.take("|"):
        found_paths.append(reader.path())
    if reader.rest:
        raise NotUnderstood(expression)
    return tuple(found_paths)


def _tokens(expression: str) -> list[str]:
    found, at = [], 0
    text = expression.strip()
    while at < len(text):
        hit = _TOKEN.match(text, at)
        if hit is None:
            raise NotUnderstood(expression)
        found.append(hit[1])
        at = hit.end()
    return found


class _Reader:
    """Reads steps from tokens, left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens

    def take(self, token: str) -> bool:
        if self.rest and self.rest[0] == token:
            self.rest = self.rest[1:]
            return True
        return False

    def need(self, token: str) -> None:
        if not self.take(token):
            raise NotUnderstood(f"{token} expected before {' '.join(self.rest)}")

    def word(self) -> str:
        if not self.rest:
            raise NotUnderstood("a name expected at the end")
        found, self.rest = self.rest[0], self.rest[1:]
        return found

    def path(self) -> Path:
        """A path, perhaps in brackets, with what follows it."""
        if self.take("("):
            inner = list(self.path())
            self.need(")")
        else:
            self.word()  # the type that the expression begins with
            inner = []
        while True:
            if self.take("."):
                inner.append(self.step())
            elif self.take("as"):
                inner.append(OfType(self.word()))
            elif self.take("["):
                inner.append(At(int(self.word())))
                self.need("]")
            else:
                return tuple(inner)

    def step(self) -> Step:
        name = self.word()
        if name in ("ofType", "as"):
            self.need("(")
            kind = self.word()
            self.need(")")
            return OfType(kind)
        if name != "where":
            return Field(name)
        self.need("(")
        if self.take("resolve() is"):
            step: Step = PointsTo(self.word())
        else:
            field = self.word()
            self.need("=")
            step = Where(field, self.word().strip("'"))
        self.need(")")
        return step
