"""A life cycle is one table of moves; guard, buttons, permission test and drawing all read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from yigong.kit.errors import Refused


@dataclass(frozen=True, slots=True)
class Move:
    """One permitted change of state."""

    verb: str
    source: StrEnum
    target: StrEnum
    side: StrEnum  # who may do it
    needs: tuple[str, ...] = ()  # facts that must be given
    within: timedelta | None = None  # time limit, counted from entering the source state
    inverse: str = ""  # verb that takes it back


class Life:
    """A life cycle: the table of its moves."""

    def __init__(self, *moves: Move) -> None:
        self.moves = moves
        self._by_key = {(m.source, m.verb, m.side): m for m in moves}
        if len(self._by_key) != len(moves):
            raise ValueError("two moves share state, verb and side")

    def move(self, state: str, verb: str, *, side: str, given: Mapping[str, object] | None = None) -> Move:
        """The move that *verb* makes from *state*. Raises Refused wrong_state, wrong_side or missing."""
        from_here = [m for m in self.moves if m.verb == verb and m.source == state]
        if not from_here:
            may = sorted({m.source.value for m in self.moves if m.verb == verb})
            raise Refused("wrong_state", verb=verb, state=str(state), allowed=may)
        found = next((m for m in from_here if m.side == side), None)
        if found is None:
            raise Refused("wrong_side", verb=verb, side=str(side), allowed=sorted(m.side.value for m in from_here))
        missing = [name for name in found.needs if not (given or {}).get(name)]
        if missing:
            raise Refused("missing", verb=verb, fields=missing)
        return found

    def verbs(self, state: str, side: str | None = None) -> list[Move]:
        """Moves possible from *state*, for *side* or for all."""
        return [m for m in self.moves if m.source == state and side in (None, m.side)]

    def states(self) -> list[StrEnum]:
        """All states, in the order of first mention."""
        return list(dict.fromkeys(s for m in self.moves for s in (m.source, m.target)))

    def ends(self) -> set[StrEnum]:
        """States that nothing leaves."""
        return {m.target for m in self.moves} - {m.source for m in self.moves}

    def mermaid(self, words: Mapping[str, str] | None = None) -> str:
        """The life cycle as a Mermaid state diagram."""
        word = words or {}
        lines = [f"    {m.source.value} --> {m.target.value}: {word.get(m.verb, m.verb)}" for m in self.moves]
        return "\n".join(["stateDiagram-v2", *_unique(lines)])


def _unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
