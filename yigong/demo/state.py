"""What the demonstration remembers of its last load, so that a second run is quick and changes nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from yigong.kit.clock import today


@dataclass
class State:
    """The county that was loaded, and the rows by what became of them."""

    residents: int = 0
    seed: int = 0
    day: date = field(default_factory=today)
    counts: dict[str, int] = field(default_factory=dict)
    persons: int = 0

    @classmethod
    def read(cls, folder: Path) -> State:
        """The state as it was written; an empty one when nothing was loaded."""
        path = folder / "state.json"
        if not path.exists():
            return cls()
        said = json.loads(path.read_text("utf-8"))
        return cls(**{**said, "day": date.fromisoformat(said["day"])})

    def write(self, folder: Path) -> None:
        """Remember the state."""
        text = json.dumps({**asdict(self), "day": self.day.isoformat()}, ensure_ascii=False)
        (folder / "state.json").write_text(text, "utf-8")

    def is_for(self, residents: int, seed: int) -> bool:
        """Whether this county was loaded."""
        return (self.residents, self.seed) == (residents, seed)
