"""The declared model: fields, comparisons with levels, keys, guards, bands; and the weights learnt for it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yigong.platform.empi.engine import tables
from yigong.platform.empi.engine.blocking import PARTS, VARIANT
from yigong.platform.empi.engine.compare import KINDS, LEVELS, STEP
from yigong.platform.empi.engine.kernels import cache_folder, held
from yigong.platform.empi.engine.score import UNIT

FOLDER = Path(__file__).parent / "models"
WIDTHS = {"name": 4, "identity": 2, "text": 2}
GIVEN_BITS, SURNAME_BITS = 62, 60  # eighths of a bit that a sign carries when nothing is known of it


@dataclass(frozen=True)
class Field:
    """One field of a record: what it is and which columns of a source may hold it."""

    name: str
    kind: str
    columns: tuple[str, ...]
    at: int
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """One comparison and the words for it."""

    name: str
    kind: str
    of: str
    zh: str
    en: str
    partner: str | None = None
    numbers: tuple[int, int] = (0, 0)
    others: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class KeyRule:
    """One blocking rule: records meet when any of its keys is equal."""

    name: str
    zh: str
    en: str
    variants: tuple[tuple[str, ...], ...]


class WrongModel(ValueError):  # noqa: N818  - said to a person  # noqa: N818  - reads as a sentence
    """A model file that says something impossible."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model ready for work."""

    name: str
    zh: str
    en: str
    fields: tuple[Field, ...]
    comparisons: tuple[Comparison, ...]
    relations: tuple[tuple[int, int], ...]
    keys: tuple[KeyRule, ...]
    cap: int
    guards: dict[str, Any]
    clusters: dict[str, int]
    bands: dict[str, float]
    training: dict[str, Any]
    weights: NDArray[np.int32]
    signs: dict[str, int] = field(default_factory=dict)  # "g陈": eighths of a bit, g given and s surname
    learnt: bool = False
    learnt_by: str = "model"  # how the weights came: labels, em, review, truth; model: declared or saved ones
    auto: float = 8.0
    review: float = 0.0

    @cached_property
    def width(self) -> int:
        """Integers of one standard record."""
        return sum(WIDTHS.get(f.kind, 1) for f in self.fields)

    @cached_property
    def columns(self) -> list[str]:
        """Names of the standard columns."""
        return [f"{f.name}.{i}" for f in self.fields for i in range(WIDTHS.get(f.kind, 1))]

    def at(self, name: str) -> int:
        """First standard column of a field, -1 where the model has no such field."""
        return next((f.at for f in self.fields if f.name == name), -1)

    @cached_property
    def program(self) -> NDArray[np.int64]:
        """The comparisons as kernels read them."""
        made = np.zeros((len(self.comparisons), STEP), np.int64)
        for row, c in zip(made, self.comparisons, strict=True):
            partner = self.at(c.partner) if c.partner else -1
            row[:5] = (KINDS.index(c.kind), self.at(c.of), partner, *c.numbers)
            row[5] = sum(1 << LEVELS[c.kind].index(n) for n in self.guards.get("never", {}).get(c.name, []))
            row[6:8] = [self.at(o) if o else -1 for o in c.others]
        return held(made.reshape(-1))  # type: ignore[no-any-return]

    @cached_property
    def veto(self) -> int:
        """The column of the newborn bits where only a newborn's name can be a veto; -1 where nothing is, -2 else."""
        never = [(c, n) for c in self.comparisons for n in self.guards.get("never", {}).get(c.name, [])]
        columns = {self.at(c.of) + 1 if c.kind == "name" and n.startswith("newborn") else -2 for c, n in never}
        return columns.pop() if len(columns) == 1 else (-2 if columns else -1)

    @cached_property
    def relation_program(self) -> NDArray[np.int64]:
        """The relations as kernels read them."""
        return held(np.array(self.relations or [(0, 0)], np.int64).reshape(-1))  # type: ignore[no-any-return]

    @cached_property
    def key_program(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The variants of all rules, and where each rule's variants start."""
        rows, spaces = [], [0]
        for space, rule in enumerate(self.keys):
            for parts in rule.variants:
                row = [space, 0x5851F42D4C957F2D ^ (space * 0x9E3779B1)] + [-1] * (VARIANT - 2)
                for i, part in enumerate(parts):
                    of, _, what = part.partition(".")
                    row[2 + 2 * i : 4 + 2 * i] = [PARTS.index(what), self.at(of)]
                rows.append(row)
            spaces.append(len(rows))
        return held(np.array(rows, np.int64).reshape(-1)), held(np.array(spaces, np.int64))

    @cached_property
    def sign_bits(self) -> NDArray[np.int16]:
        """Bits each sign carries as surname and as given name."""
        made = np.full(2 * tables.SIZE, GIVEN_BITS, np.int16)
        made[: tables.SIZE] = SURNAME_BITS if not self.signs else 110
        if self.signs:
            made[tables.SIZE :] = 110
        for key, bits in self.signs.items():
            made[ord(key[1]) + (tables.SIZE if key[0] == "g" else 0)] = bits
        return held(made)  # type: ignore[no-any-return]

    def weight_at(self, comparison: int, level: int) -> int:
        """Where the weight of a level stands."""
        return 1 + comparison * 32 + level

    def relation_at(self, relation: int, first: int, second: int) -> int:
        """Where the weight of two levels together stands."""
        return 1 + len(self.comparisons) * 32 + relation * 1024 + first * 32 + second

    @property
    def size(self) -> int:
        """Number of weights."""
        return 1 + len(self.comparisons) * 32 + len(self.relations) * 1024

    def comparison(self, name: str) -> int:
        """Place of a comparison, -1 where the model has none of that name."""
        return next((i for i, c in enumerate(self.comparisons) if c.name == name), -1)

    def save(self, path: Path) -> None:
        """Writes the weights beside the declaration."""
        places = np.flatnonzero(self.weights).tolist()
        facts = {
            "auto": self.auto, "review": self.review, "size": self.size, "signs": self.signs,
            "places": places, "weights": self.weights[places].tolist(),
        }  # fmt: skip
        path.write_text(json.dumps(facts, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


@lru_cache(maxsize=8)
def load_model(name: str = "county") -> Model:
    """The model of that name, or of that YAML file, with its learnt weights when there are any."""
    path = declared(name)
    model = declare(declaration(path), str(path))
    learnt = path.with_suffix(".weights.json")
    return with_weights(model, json.loads(learnt.read_text("utf-8"))) if learnt.exists() else model


def declared(name: str) -> Path:
    """Where the model of that name is declared, or that YAML file. Raises WrongModel naming those there are."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.yaml") if p.stem != "levels"))
        raise WrongModel(f"no model {name!r}; there are: {known} / 没有模型 {name}，现有：{known}")
    return path


def declaration(path: Path) -> dict[str, Any]:
    """What a YAML file says; kept as JSON beside the compiled loops, for reading YAML costs each process a tenth of a second."""
    text = path.read_bytes()
    kept = cache_folder() / f"said-{hashlib.blake2b(text, digest_size=8).hexdigest()}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text("utf-8")))
    import yaml

    said: dict[str, Any] = yaml.safe_load(text)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(said, ensure_ascii=False), "utf-8")
    part.replace(kept)
    return said


def with_weights(model: Model, facts: dict[str, Any]) -> Model:
    """The model with saved weights."""
    if facts["size"] != model.size:
        raise WrongModel(f"{model.name}: the weights belong to another declaration / 权重与模型声明不符，请重新训练")
    weights = np.zeros(model.size, np.int32)
    weights[facts["places"]] = facts["weights"]
    return replace(
        model, weights=weights, signs=facts["signs"], learnt=True, auto=facts["auto"], review=facts["review"]
    )


def declare(said: dict[str, Any], where: str) -> Model:
    """The model that a declaration describes."""
    try:
        fields = _fields(said["fields"])
        comparisons = tuple(_comparison(c) for c in said["comparisons"])
        names = [c.name for c in comparisons]
        relations = tuple((names.index(a), names.index(b)) for a, b in said.get("relations") or [])
        keys = tuple(KeyRule(k["name"], k["zh"], k["en"], tuple(map(tuple, k["any"]))) for k in said["keys"])
        model = Model(
            said["name"], said["zh"], said["en"], fields, comparisons, relations, keys, said.get("cap", 100),
            said.get("guards") or {}, said["clusters"], said["bands"], said["training"], np.zeros(1, np.int32),
        )  # fmt: skip
        _check(model)
        weights = _first_weights(model, said)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise WrongModel(f"{where}: {error!r}") from error
    return replace(model, weights=weights)


def _fields(said: dict[str, Any]) -> tuple[Field, ...]:
    made, at = [], 0
    for name, facts in said.items():
        links = {k: v for k, v in facts.items() if k in ("born", "sex", "newborn")}
        made.append(Field(name, facts["kind"], tuple(facts["columns"]), at, links))
        at += WIDTHS.get(facts["kind"], 1)
    return tuple(made)


def _comparison(said: dict[str, Any]) -> Comparison:
    numbers = (said.get("young", 0), said.get("infant", 0))
    others = (said.get("registered"), said.get("newborn"))
    return Comparison(said["name"], said["kind"], said["of"], said["zh"], said["en"], said.get("with"), numbers, others)


def _check(model: Model) -> None:
    names = {f.name for f in model.fields}
    for c in model.comparisons:
        if c.kind not in KINDS or c.of not in names or (c.partner and c.partner not in names):
            raise ValueError(f"comparison {c.name}: unknown kind or field")
    if len(model.comparisons) > 12:
        raise ValueError("more than 12 comparisons")
    for rule in model.keys:
        for part in (p for v in rule.variants for p in v):
            of, _, what = part.partition(".")
            if of not in names or what not in PARTS:
                raise ValueError(f"key {rule.name}: unknown part {part}")


#: bits of a level before anything is learnt, by the beginning of its name
GUESSES = {
    "same": 5, "near": 3, "look": 3, "swapped": 3, "lunar": 5, "number_date": 6, "one_part": 0, "crossed": 4, "part": 1,
    "other": -4, "newborn_both": 5, "newborn_contact": 6, "newborn_conflict": -4, "two_trusted": -20, "given": -1,
    "surname": -3, "first": -1, "last": -1, "is_the": -4, "document_same": 14, "document_other": -3, "year_digit": 0,
    "same_trusted": 14, "same_year": -3, "near_year": -4, "within": 0, "same_town": 0, "same_house": 7, "newborn_mother": -12, "registered_at": 2, "registered_apart": -3,
}  # fmt: skip


def guess(level: str) -> int:
    """Bits of a level before anything is learnt."""
    fits = [k for k in GUESSES if level.startswith(k)]
    return GUESSES[max(fits, key=len)] if fits else 0


def _first_weights(model: Model, said: dict[str, Any]) -> NDArray[np.int32]:
    """Weights before anything is learnt: guesses, and over them what the declaration says of levels and pairs of levels."""
    weights = np.zeros(model.size, np.int32)
    weights[0] = said.get("prior", -8) * UNIT
    for i, c in enumerate(model.comparisons):
        if c.kind != "age":
            for level, name in enumerate(LEVELS[c.kind]):
                weights[model.weight_at(i, level)] = guess(name) * UNIT
    for said_of in said["comparisons"]:
        for name, bits in said_of.get("bits", {}).items():
            weights[_weight_of(model, said_of["name"], name)] = round(bits * UNIT)
    for one in said.get("together", []):
        (a, first), (b, second) = one["levels"].items()
        at = [LEVELS[model.comparisons[model.comparison(n)].kind].index(v) for n, v in ((a, first), (b, second))]
        relation = model.relations.index((model.comparison(a), model.comparison(b)))
        weights[model.relation_at(relation, *at)] = round(one["bits"] * UNIT)
    return weights


def _weight_of(model: Model, comparison: str, level: str) -> int:
    at = model.comparison(comparison)
    return model.weight_at(at, LEVELS[model.comparisons[at].kind].index(level))
