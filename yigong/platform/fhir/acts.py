"""What a caller does to resources: create, update, patch, delete, each also under a condition; audited, all or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import jsonpatch
from django.db import transaction

from yigong.kit.errors import Refused
from yigong.platform.fhir import holding, patching, reading, store, subscriptions, validating
from yigong.platform.fhir.bodies import JSON, read
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.official import definitions
from yigong.platform.fhir.search.running import ids_of, matches
from yigong.platform.fhir.store import Draft

Pairs = Sequence[tuple[str, str]]
#: what the library of patches says of kinds of values, which is of no use to a client
_PYTHON = re.compile(r" \(<class '\w+'>\)")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def kind_known(kind: str) -> None:
    """Raises Refused fhir.type_unknown."""
    if kind not in definitions().parameters:
        raise Refused("fhir.type_unknown", type=kind)


def good_id(fhir_id: object) -> str:
    """The id. Raises Refused fhir.id_malformed."""
    if not isinstance(fhir_id, str) or not _ID.fullmatch(fhir_id):
        raise Refused("fhir.id_malformed", id=str(fhir_id)[:80])
    return fhir_id


def checked(caller: Caller, kind: str, resource: JSON) -> JSON:
    """The resource, if it is of this type and conforms. Raises Refused fhir.type_differs, fhir.invalid."""
    if resource.get("resourceType") != kind:
        raise Refused("fhir.type_differs", asked=kind, given=str(resource.get("resourceType"))[:60])
    validating.must_conform(resource)
    if kind == "Subscription":
        subscriptions.checked(caller, resource)
    return resource


@transaction.atomic
def commit(caller: Caller, drafts: Sequence[Draft]) -> Sequence[Draft]:
    """Save and audit in a transaction, see ``written``."""
    return written(caller, drafts)


def written(caller: Caller, drafts: Sequence[Draft]) -> Sequence[Draft]:
    """Save and audit; profiles that are claimed and a scope that narrows must hold for what was written.

    Inside a transaction, which is lost when this raises: a savepoint of its own would be two round trips more.
    """
    holding.hold(drafts)
    store.save(caller, drafts, noting=True)
    for draft in drafts:
        act = "c" if draft.outcome == "created" else "u"
        if draft.resource is not None and (queries := caller.scopes.queries(draft.kind, act)) and not matches(
            caller, draft.kind, draft.resource_id, queries
        ):  # fmt: skip
            raise Refused("fhir.scope", act=act, type=draft.kind)
    for draft in drafts:
        if draft.kind == "Subscription" and draft.outcome in ("created", "updated"):
            subscriptions.signed(caller, draft.resource_id)
    return drafts


# ---- drafts, for a single act and for the entries of a transaction ----


def creation(caller: Caller, kind: str, resource: JSON, condition: Pairs | None = None) -> Draft | None:
    """The draft of a create; None when the condition is met by one that is there already."""
    kind_known(kind)
    caller.scopes.must(kind, "c")
    checked(caller, kind, resource)
    if condition is not None and one(caller, kind, condition):
        return None
    return Draft(kind, resource)


def one(caller: Caller, kind: str, condition: Pairs) -> str:
    """The logical id of the single match, empty for none. Raises Refused fhir.condition_many."""
    caller.scopes.must(kind, "s")
    found = ids_of(caller, kind, condition)
    if len(found) > 1:
        raise Refused("fhir.condition_many", type=kind)
    return found[0][1] if found else ""


def change(caller: Caller, kind: str, fhir_id: str, resource: JSON, if_match: int | None = None) -> Draft:
    """The draft of an update; the client's own id makes it a create where there is none."""
    kind_known(kind)
    caller.scopes.must(kind, "u")
    given = resource.get("id")
    if given == fhir_id:
        good_id(fhir_id)
    checked(caller, kind, resource)
    if given != fhir_id:
        raise Refused("fhir.id_differs", asked=fhir_id, given=str(given)[:64])
    return Draft(kind, resource, fhir_id, if_match)


def conditional_change(
    caller: Caller, kind: str, condition: Pairs, resource: JSON, if_match: int | None = None
) -> Draft:
    """The draft of an update of the single match, or of a create where nothing matches."""
    kind_known(kind)
    found = one(caller, kind, condition)
    given = resource.get("id")
    if found and given is not None and given != found:
        raise Refused("fhir.id_differs", asked=found, given=str(given)[:64])
    target = found or given
    if target:
        return change(caller, kind, target, {**resource, "id": target}, if_match)
    caller.scopes.must(kind, "c")
    return Draft(kind, checked(caller, kind, resource))


def removal(caller: Caller, kind: str, fhir_id: str, if_match: int | None = None) -> Draft:
    """The draft of a delete."""
    kind_known(kind)
    caller.scopes.must(kind, "d")
    return Draft(kind, None, good_id(fhir_id), if_match)


def conditional_removal(caller: Caller, kind: str, condition: Pairs) -> Draft | None:
    """The draft of a delete of the single match."""
    kind_known(kind)
    found = one(caller, kind, condition)
    return removal(caller, kind, found) if found else None


def version_of(given: str, name: str) -> int:
    """The version that an entity tag names: ``W/"3"``. Raises Refused fhir.header_value."""
    number = given.strip().removeprefix("W/").strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Refused("fhir.header_value", name=name, value=given[:60], example='W/"3"')
    return int(number)


def conditional_patch(
    caller: Caller, kind: str, condition: Pairs, operations: Any, if_match: int | None = None
) -> Draft:
    """The draft that a patch makes of the single match. Raises Refused fhir.not_found, fhir.condition_many, fhir.patch."""
    kind_known(kind)
    found = one(caller, kind, condition)
    if not found:
        raise Refused("fhir.not_found", type=kind, id="?" + "&".join(f"{n}={v}" for n, v in condition)[:80])
    return patched(caller, kind, found, operations, if_match)


def patched(caller: Caller, kind: str, fhir_id: str, operations: Any, if_match: int | None = None) -> Draft:
    """The draft that a JSON Patch (a list) or a FHIRPath Patch (Parameters) makes. Raises Refused fhir.patch, fhir.patch_operation."""
    kind_known(kind)
    caller.scopes.must(kind, "u")
    present = reading.read(caller, kind, fhir_id)
    if isinstance(operations, dict):
        made = patching.patched(definitions(), read(present.body), operations)
    else:
        made = _by_json_patch(read(present.body), operations)
    return change(caller, kind, fhir_id, made, present.version if if_match is None else if_match)


def _by_json_patch(resource: JSON, operations: Any) -> JSON:
    try:
        made = jsonpatch.JsonPatch(operations).apply(resource)
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        TypeError,
        KeyError,
        ValueError,
        AttributeError,
    ) as error:
        raise Refused("fhir.patch", why=_PYTHON.sub("", str(error))[:200]) from error
    if not isinstance(made, dict):
        raise Refused("fhir.patch", why="the resource is gone")
    return made
