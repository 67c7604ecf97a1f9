"""The residents: households of an ageing county, with names, identity numbers, telephones and addresses; same seed, same county."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from yigong.demo import names, world

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_ID_SIGNS = np.array(list("10X98765432"))
_PREFIXES = np.array(
    [130, 131, 135, 136, 137, 138, 139, 150, 151, 152, 158, 159, 180, 182, 183, 187, 188, 189, 177, 199]
)
#: kind of household: share, age of the head (mean, spread), wife, children under one roof, grandparents
_KINDS = np.array(
    [
        (0.26, 69, 8, 0.64, 0, 0, 0),  # elders alone
        (0.24, 37, 7, 0.96, 1, 2, 0),  # parents with children
        (0.18, 38, 6, 0.92, 1, 2, 1),  # three generations
        (0.10, 62, 6, 0.85, 1, 2, 0),  # grandparents with the grandchildren left behind
        (0.13, 52, 8, 0.92, 0, 0, 0),  # couple whose children are away
        (0.09, 41, 14, 0.0, 0, 0, 0),  # one person
    ]
)
LEFT_BEHIND = 3
HEAD, WIFE, CHILD, CHILD_2, GRANDMOTHER, GRANDFATHER = range(6)


@dataclass(frozen=True)
class Households:
    """Households as arrays: kind, head's birth in days, place, surname of the line."""

    kind: Ints
    born: Ints
    town: Ints
    village: Ints
    group: Ints
    house: Ints
    surname: names.Texts


def identity_numbers(area: Ints, born: NDArray[np.datetime64], order: Ints) -> names.Texts:
    """Eighteen-sign identity numbers with their check signs (GB 11643)."""
    digits = np.concatenate([_digits(area, 6), _digits(_as_yyyymmdd(born), 8), _digits(order, 3)], axis=1)
    check = _ID_SIGNS[(digits @ _ID_WEIGHTS) % 11]
    return np.char.add(_joined(digits), check)


def _digits(numbers: Ints, count: int) -> Ints:
    return (numbers[:, None] // 10 ** np.arange(count - 1, -1, -1)) % 10


def _joined(digits: Ints) -> names.Texts:
    return (digits + 48).astype(np.uint32).view(f"U{digits.shape[1]}").ravel()


def _as_yyyymmdd(born: NDArray[np.datetime64]) -> Ints:
    years = born.astype("datetime64[Y]").astype(np.int64) + 1970
    months = born.astype("datetime64[M]").astype(np.int64) % 12 + 1
    days = (born - born.astype("datetime64[M]")).astype(np.int64) + 1
    return years * 10000 + months * 100 + days


def residents(count: int, seed: int, today: date) -> pl.DataFrame:
    """*count* residents, the named cast not included."""
    rng = np.random.default_rng([seed, 1])
    now = np.datetime64(today).astype(np.int64)
    homes = _households(rng, int(count / 2.55) + 50, int(now))
    return _people(rng, homes, _members(rng, homes, int(now)), int(now)).head(count)


def _households(rng: np.random.Generator, count: int, now: int) -> Households:
    kind = rng.choice(len(_KINDS), count, p=_KINDS[:, 0])
    age = np.clip(rng.normal(_KINDS[kind, 1], _KINDS[kind, 2]), 22, 92)
    places = world.places()
    town = rng.choice(len(places), count, p=np.array([p.share for p in places]) / sum(p.share for p in places))
    villages = np.array([len(p.villages) for p in places])[town]
    return Households(
        kind, now - (age * 365.25).astype(np.int64), town, (rng.random(count) * villages).astype(np.int64),
        rng.integers(1, 13, count), rng.integers(1, 160, count), names.surnames(rng, count),
    )  # fmt: skip


def _members(rng: np.random.Generator, homes: Households, now: int) -> list[tuple[int, Flags, Ints, Ints]]:
    """For each role: who of the households has it, sex, birth in days."""
    size, row = len(homes.kind), _KINDS[homes.kind]
    chance = rng.random((7, size))
    apart = np.where(homes.kind == LEFT_BEHIND, 54, 27) * 365.25
    first = np.minimum(homes.born + apart + rng.normal(0, 3.5, size) * 365, now - rng.integers(0, 1200, size))
    second = first + rng.gamma(4, 300, size) + 330
    twins = chance[6] < 0.012
    second = np.where(twins, first, second).astype(np.int64)
    sex = rng.integers(1, 3, (2, size))
    sex[1] = np.where(twins & (chance[5] < 0.6), sex[0], sex[1])
    has_child = (row[:, 4] > 0) & (chance[0] < 0.9) & (now - first < 23 * 365)
    older = homes.born - (rng.normal(26, 3.5, size) * 365.25).astype(np.int64)
    head_sex = np.where((row[:, 3] == 0) | (chance[1] > 0.93), rng.integers(1, 3, size), 1)
    lone = (homes.kind == 0) & (chance[2] >= row[:, 3])
    head_sex = np.where(lone & (chance[3] < 0.62), 2, head_sex)
    wife = (chance[2] < row[:, 3]) & (head_sex == 1)
    women, men = np.full(size, 2), np.full(size, 1)
    grand = row[:, 6] > 0
    return [
        (HEAD, np.ones(size, dtype=bool), head_sex, homes.born),
        (WIFE, wife, women, homes.born + (rng.normal(1.5, 2.5, size) * 365).astype(np.int64)),
        (CHILD, has_child, sex[0], first.astype(np.int64)),
        (CHILD_2, has_child & ((chance[4] < 0.42) | twins) & (second < now), sex[1], second.astype(np.int64)),
        (GRANDMOTHER, grand & (chance[5] < 0.82), women, older + 500),
        (GRANDFATHER, grand & (chance[3] < 0.7), men, older),
    ]


def _people(
    rng: np.random.Generator, homes: Households, slots: list[tuple[int, Flags, Ints, Ints]], now: int
) -> pl.DataFrame:
    home = np.concatenate([np.flatnonzero(has) for _r, has, _s, _b in slots])
    role = np.concatenate([np.full(has.sum(), r) for r, has, _s, _b in slots])
    sex = np.concatenate([s[has] for _r, has, s, _b in slots])
    born = np.concatenate([b[has] for _r, has, _s, b in slots])
    order = np.lexsort((role, home))
    home, role, sex = home[order], role[order], sex[order]
    born = np.clip(born[order], now - 101 * 365, now - 1)
    days = born.astype("datetime64[D]")
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    line = np.isin(role, (WIFE, GRANDMOTHER))
    surname = np.where(line, names.surnames(rng, len(home)), homes.surname[home])
    given = _shared_signs(rng, names.given_names(rng, sex, year), home, role)
    number = identity_numbers(_areas(rng, homes.town[home], role), days, _orders(rng, born, sex))
    frame = pl.DataFrame(
        {
            "home": home, "role": role, "sex": sex, "born_on": days, "surname": surname, "given": given, "id_no": number,
            "town": homes.town[home], "village": homes.village[home], "group": homes.group[home], "house": homes.house[home],
        }
    )  # fmt: skip
    return _circumstances(rng, frame, now)


def _shared_signs(rng: np.random.Generator, given: names.Texts, home: Ints, role: Ints) -> names.Texts:
    """Brothers and sisters often share the first sign of their given names."""
    second = np.flatnonzero((role == CHILD_2) & np.r_[False, role[:-1] == CHILD] & (rng.random(len(home)) < 0.45))
    shared = [
        a[:1] + (b[-1:] if b[-1:] != a[-1:] else "") for a, b in zip(given[second - 1], given[second], strict=True)
    ]
    out = given.copy()
    out[second] = shared
    return out


def _areas(rng: np.random.Generator, town: Ints, role: Ints) -> Ints:
    away = rng.random(len(town)) < np.where(np.isin(role, (WIFE, GRANDMOTHER)), 0.14, 0.04)
    return np.where(away, rng.choice([532997, 532996, 532995, 511996, 522995], len(town)), int(world.COUNTY_CODE))


def _orders(rng: np.random.Generator, born: Ints, sex: Ints) -> Ints:
    """Order numbers of which no two are equal for one birthday and sex."""
    by = np.lexsort((rng.random(len(born)), sex, born))
    same = np.r_[False, (born[by][1:] == born[by][:-1]) & (sex[by][1:] == sex[by][:-1])]
    start = np.maximum.accumulate(np.where(same, 0, np.arange(len(born))))
    base = rng.integers(0, 400, len(born))
    turn = np.empty(len(born), dtype=np.int64)
    turn[by] = (base[start] + np.arange(len(born)) - start) % 480 + 12
    return turn * 2 + (sex == 1)


def _circumstances(rng: np.random.Generator, frame: pl.DataFrame, now: int) -> pl.DataFrame:
    size = len(frame)
    age = (now - frame["born_on"].to_physical().to_numpy()) / 365.25
    own = rng.choice(_PREFIXES, size) * 10**8 + rng.integers(0, 10**8, size)
    start = _first_of_home(frame["home"].to_numpy())
    shares = (age < 16) | ((age > 70) & (rng.random(size) < 0.55)) | (rng.random(size) < 0.08)
    ethnic = names.book().ethnic
    codes = rng.choice(np.array(list(ethnic)), size, p=np.array(list(ethnic.values())) / sum(ethnic.values()))
    married = np.where(
        age < 22,
        "10",
        np.where((age > 68) & (rng.random(size) < 0.3), "30", np.where(rng.random(size) < 0.9, "20", "10")),
    )
    blood = rng.choice(np.array(["1", "2", "3", "4"]), size, p=[0.30, 0.28, 0.33, 0.09])
    return frame.with_columns(
        pl.Series("person", np.arange(size)),
        pl.concat_str("surname", "given").alias("name"),
        pl.Series("age", age),
        pl.Series("phone", np.where(shares, own[start], own)).cast(pl.String),
        pl.Series("old_phone", rng.choice(_PREFIXES, size) * 10**8 + rng.integers(0, 10**8, size)).cast(pl.String),
        pl.Series("card_no", 532998 * 10**12 + rng.permutation(size) * 7919 + 100000).cast(pl.String),
        pl.Series("ethnic", np.where(frame["role"].to_numpy() >= 0, codes[start], codes)),
        pl.Series("marital", married),
        pl.Series("blood", blood),
        pl.Series("occupation", rng.choice(np.array(["27", "27", "27", "51", "24", "80", "90"]), size)),
        pl.lit(None, dtype=pl.String).alias("cast"),
    )


def _first_of_home(home: Ints) -> Ints:
    fresh = np.r_[True, home[1:] != home[:-1]]
    return np.maximum.accumulate(np.where(fresh, np.arange(len(home)), 0))
