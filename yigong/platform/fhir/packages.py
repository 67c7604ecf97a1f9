"""Brings profiles, value sets and code systems from a folder, a file, or a FHIR package (.tgz) of an implementation guide."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from yigong.kit.errors import Refused
from yigong.platform.fhir import acts, db, store, validating
from yigong.platform.fhir.answers import told
from yigong.platform.fhir.bodies import JSON, read
from yigong.platform.fhir.callers import platform
from yigong.platform.fhir.library import Library
from yigong.platform.fhir.official import numbers
from yigong.platform.fhir.store import Draft
from yigong.platform.fhir.validation.trees import Forest, Unusable

KINDS = ("CodeSystem", "ValueSet", "StructureDefinition")
ORIGIN = "profiles"
#: bounds of one file and of a package, unpacked
LARGEST_BYTES, MOST_FILES, MOST_BYTES = 64 << 20, 50_000, 4 << 30
#: definitions written in one transaction
BATCH = 50
#: folders of a package that hold no definitions to be used
_ASIDE = {"example", "examples", "openapi", "xml", "other", "node_modules"}


@dataclass(slots=True)
class Brought:
    """What came of it."""

    read: Counter[str] = field(default_factory=Counter)  # type -> definitions
    changed: int = 0  # new or other than before
    passed: int = 0  # resources of other types
    problems: list[tuple[str, str, str]] = field(default_factory=list)  # place, Chinese, English


def bring(paths: Sequence[Path]) -> Brought:
    """Write the definitions of all *paths*; what cannot be used is said with its place. Raises Refused fhir.no_such_file."""
    done = Brought()
    part: list[tuple[str, Draft]] = []
    structures: list[tuple[str, str]] = []
    for place, resource in _found(paths, done):
        if _taken(place, resource, done):
            part.append(
                (place, Draft(resource["resourceType"], resource, origin=ORIGIN, org_code="", source_system=ORIGIN))
            )
            if resource["resourceType"] == "StructureDefinition":
                structures.append((place, str(resource["url"])))
        if len(part) >= BATCH:
            part = _written(part, done)
    _written(part, done)
    _usable(structures, done)
    return done


def _taken(place: str, resource: JSON, done: Brought) -> bool:
    kind = resource["resourceType"]
    if kind not in KINDS:
        done.passed += 1
        return False
    if not resource.get("url"):
        done.problems.append((place, f"{kind} 没有 url，不能被引用", f"{kind} has no url and cannot be referred to"))
        return False
    errors = [f for f in validating.findings(resource) if f.severity == "error"]
    done.problems += [(place, f"{f.place}：{f.zh}", f"{f.place}: {f.en}") for f in errors[:5]]
    done.read[kind] += not errors
    return not errors


def _written(part: list[tuple[str, Draft]], done: Brought) -> list[tuple[str, Draft]]:
    """Save a part of the definitions; the next part."""
    drafts = [d for _, d in part]
    _identified(drafts)
    once = list({(d.kind, d.fhir_id): d for d in drafts}.values())
    store.save(platform(), once, publishing=True)
    done.changed += sum(d.outcome in ("created", "updated") for d in once)
    return []


_HERE = """select r.type, u.uri, r.fhir_id from fhir_resource r join fhir_uri u on u.resource_id = r.id and u.param = any(%(params)s)
    where u.uri = any(%(urls)s) and r.origin = 'profiles'"""
_IDS = "select type, fhir_id from fhir_resource where (type, fhir_id) in (select * from unnest(%(kinds)s::text[], %(ids)s::text[]))"


def _identified(drafts: Sequence[Draft]) -> None:
    """Give each definition the id that it had before, else its own, unless something else bears that."""
    params = [n for kind in KINDS for n in numbers(kind, "url")]
    urls = [str((d.resource or {})["url"]) for d in drafts]
    before = {(kind, url): i for kind, url, i in db.rows(_HERE, {"params": params, "urls": urls})}
    wanted = [(d.kind, _own_id(d.resource or {})) for d in drafts]
    others = set(db.rows(_IDS, {"kinds": [k for k, _ in wanted], "ids": [i for _, i in wanted]}))
    for draft, url, (kind, own) in zip(drafts, urls, wanted, strict=True):
        draft.fhir_id = before.get((kind, url)) or (own if own and (kind, own) not in others else _made_id(url))


def _own_id(resource: JSON) -> str:
    try:
        return acts.good_id(resource.get("id"))
    except Refused:
        return ""


def _made_id(url: str) -> str:
    return f"p-{blake2b(url.encode(), digest_size=12).hexdigest()}"


def _usable(structures: Sequence[tuple[str, str]], done: Brought) -> None:
    """Whether each profile can be made use of: what it is based on is there, its elements exist."""
    forest = Forest(Library())
    for place, url in structures:
        try:
            forest.profile(url)
        except Unusable as error:
            done.problems.append(
                (
                    place,
                    f"配置文件 {error.url} 不可用：{error.zh}",
                    f"the profile {error.url} cannot be used: {error.en}",
                )
            )


# ---- files ----


def _found(paths: Sequence[Path], done: Brought) -> Iterator[tuple[str, JSON]]:
    """All resources with their places; those of a Bundle one by one."""
    for path in paths:
        for place, raw in _raws(path):
            try:
                resource = read(raw)
            except Refused as refused:
                if refused.code != "fhir.no_type":  # package.json and the like
                    done.problems.append((place, *told(refused)))
                continue
            entries = resource.get("entry") if resource["resourceType"] == "Bundle" else None
            inside = (
                [e.get("resource") for e in entries if isinstance(e, dict)] if isinstance(entries, list) else [resource]
            )
            yield from (
                (place, one) for one in inside if isinstance(one, dict) and isinstance(one.get("resourceType"), str)
            )


def _raws(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for one in sorted(path.rglob("*.json")):
            if not _ASIDE & set(one.relative_to(path).parts[:-1]) and one.stat().st_size <= LARGEST_BYTES:
                yield str(one), one.read_bytes()
    elif path.name.endswith((".tgz", ".tar.gz")) and path.is_file():
        yield from _packed(path)
    elif path.is_file():
        yield str(path), path.read_bytes()
    else:
        raise Refused("fhir.no_such_file", path=str(path))


def _packed(path: Path) -> Iterator[tuple[str, bytes]]:
    """The JSON files of a package, read where they lie: nothing is unpacked to disk. Raises Refused fhir.package."""
    size = count = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                count, size = count + 1, size + member.size
                if count > MOST_FILES or size > MOST_BYTES:
                    raise Refused("fhir.package", path=str(path), why=f"> {MOST_FILES:,} / {MOST_BYTES >> 30} GiB")
                name = PurePosixPath(member.name)
                usable = member.isfile() and name.suffix == ".json" and member.size <= LARGEST_BYTES
                if usable and not _ASIDE & set(name.parts[:-1]) and (file := archive.extractfile(member)) is not None:
                    yield f"{path}:{member.name}", file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Refused("fhir.package", path=str(path), why=str(error)[:120]) from error
