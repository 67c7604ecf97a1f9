"""The FHIR surface as OpenAPI, made from the same declarations; for programs that know no FHIR, and for tests that attack it."""

from __future__ import annotations

from typing import Any

from yigong.platform.fhir.official import definitions, supported

MEDIA = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"
#: types whose search parameters are listed one by one; the others take any
LISTED = ("Patient", "Observation", "Encounter", "DocumentReference", "Task")
_FREE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": True,
    "properties": {"resourceType": {"type": "string"}},
}


def document(base: str) -> dict[str, Any]:
    """The whole document."""
    paths = _interactions() | _operations()
    for kind in LISTED:
        paths[f"/{kind}"] = {"get": _operation(f"search {kind}", _query(*(p.code for p in supported(kind))))}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Yigong FHIR R4", "version": definitions().version},
        "servers": [{"url": base.rstrip("/")}],
        "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }


def _interactions() -> dict[str, Any]:
    """What is done with resources, types and the whole."""
    return {
        "/": {
            "get": _operation(
                "search of all types", _query("_type", "_id", "_lastUpdated", "_tag", "_profile", "_count")
            ),
            "post": _operation("transaction or batch", body=_bundle()),
        },
        "/_search": {
            "post": _operation("search of all types by form", body=_form("_type", "_id", "_count"), media=FORM)
        },
        "/metadata": {"get": _operation("capabilities", open_=True)},
        "/_history": {"get": _operation("history of everything", _query("_count", "_since", "_before"))},
        "/{type}": {
            "get": _operation(
                "search", [_type(), *_query("_id", "_lastUpdated", "_count", "_sort", "_include", "_total")]
            ),
            "post": _operation("create", [_type()], body=_FREE),
            "delete": _operation("conditional delete", [_type(), *_query("identifier", "_id")]),
        },
        "/{type}/_history": {"get": _operation("history of a type", [_type(), *_query("_count", "_since")])},
        "/{type}/{id}": {
            "get": _operation("read", [_type(), _id(), *_query("_summary", "_elements")]),
            "put": _operation("update", [_type(), _id(), _header("If-Match")], body=_FREE),
            "patch": _patched([_type(), _id(), _header("If-Match")]),
            "delete": _operation("delete", [_type(), _id()]),
        },
        "/{type}/{id}/_history": {"get": _operation("history", [_type(), _id(), *_query("_count", "_since")])},
        "/{type}/{id}/_history/{version}": {"get": _operation("version read", [_type(), _id(), _path("version")])},
        "/{type}/_search": {"post": _operation("search by form", [_type()], body=_form("_id", "_count"), media=FORM)},
    }


def _operations() -> dict[str, Any]:
    """Operations that are called by name, and how a program comes to its token."""
    return {
        "/{type}/$validate": {"post": _operation("validate", [_type(), *_query("profile")], body=_FREE)},
        "/Patient/{id}/$everything": {
            "get": _operation("everything", [_id(), *_query("start", "end", "_count", "_since", "_type", "_after")]),
            "post": _operation("everything by Parameters", [_id()], body=_FREE),
        },
        "/Patient/{id}/{type}": {"get": _operation("compartment", [_id(), _type(), *_query("_count")])},
        "/Patient/$match": {"post": _operation("match", body=_FREE)},
        "/Patient/$ihe-pix": {"get": _operation("PIXm", _query("sourceIdentifier", "targetSystem"))},
        "/ValueSet/$expand": {
            "get": _operation("codes of a value set", _query("url", "filter", "offset", "count", "activeOnly"))
        },
        "/ValueSet/{id}/$expand": {"get": _operation("its codes", [_id(), *_query("filter", "offset", "count")])},
        "/ValueSet/$validate-code": {"get": _operation("is a code in it", _query("url", "code", "system", "display"))},
        "/CodeSystem/$validate-code": {"get": _operation("is a code of it", _query("url", "code", "display"))},
        "/ValueSet/{id}/$validate-code": {
            "get": _operation("is a code in it", [_id(), *_query("code", "system", "display")])
        },
        "/CodeSystem/$subsumes": {
            "get": _operation("whether one code holds another", _query("system", "codeA", "codeB"))
        },
        "/CodeSystem/{id}/$subsumes": {
            "get": _operation("whether one code of it holds another", [_id(), *_query("codeA", "codeB")])
        },
        "/CodeSystem/$lookup": {"get": _operation("what a code means", _query("system", "code"))},
        "/$export": _export("bulk export", []),
        "/Patient/$export": _export("bulk export of persons", _query("patient")),
        "/Group/{id}/$export": _export("bulk export of the members of a group", [_id(), *_query("patient")]),
        "/export/{key}": {
            "get": _operation("state of an export", [_path("key")]),
            "delete": _operation("end an export", [_path("key")]),
        },
        "/export/{key}/{kind}.ndjson": {"get": _operation("file of an export", [_path("key"), _path("kind")])},
        "/{type}/{id}/$validate": {"get": _operation("validate what is kept", [_type(), _id()])},
        "/.well-known/smart-configuration": {"get": _operation("where tokens are given", open_=True)},
        "/auth/token": {
            "post": _operation(
                "token", body=_form("grant_type", "client_id", "client_secret", "scope"), media=FORM, open_=True
            )
        },
    }


def _export(summary: str, besides: list[Any]) -> dict[str, Any]:
    """Both ways to ask for an export."""
    asked = [*besides, *_query("_type", "_typeFilter", "_elements", "_since", "_outputFormat"), _header("Prefer")]
    named = [p for p in asked if p["in"] != "query"]
    return {"get": _operation(summary, asked), "post": _operation(f"{summary} by Parameters", named, body=_FREE)}


def _operation(
    summary: str, parameters: list[Any] | None = None, *, body: Any = None, media: str = MEDIA, open_: bool = False
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": summary, "parameters": parameters or [],
        "responses": {"default": {"description": "a resource, a Bundle or an OperationOutcome"}},
    }  # fmt: skip
    if body is not None:
        found["requestBody"] = {"required": True, "content": {media: {"schema": body}}}
    return found | ({"security": []} if open_ else {})


def _query(*names: str) -> list[dict[str, Any]]:
    return [{"name": n, "in": "query", "schema": {"type": "string"}} for n in names]


def _form(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {n: {"type": "string"} for n in names}}


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string"}}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _id() -> dict[str, Any]:
    return _path("id")


def _type() -> dict[str, Any]:
    return {
        "name": "type",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(definitions().resources)},
    }


def _patched(parameters: list[Any]) -> dict[str, Any]:
    """Both forms of a patch."""
    found = _operation(
        "patch", parameters, body={"type": "array", "items": _patch()}, media="application/json-patch+json"
    )
    found["requestBody"]["content"][MEDIA] = {"schema": _FREE}
    return found


def _patch() -> dict[str, Any]:
    verbs = ["add", "remove", "replace", "move", "copy", "test"]
    return {"type": "object", "properties": {"op": {"enum": verbs}, "path": {"type": "string"}, "value": {}}}


def _bundle() -> dict[str, Any]:
    request = {
        "type": "object",
        "properties": {"method": {"enum": ["GET", "POST", "PUT", "DELETE"]}, "url": {"type": "string"}},
    }
    entry = {"type": "object", "properties": {"fullUrl": {"type": "string"}, "resource": _FREE, "request": request}}
    kinds = {"enum": ["transaction", "batch"]}
    return {"type": "object", "required": ["resourceType", "type"],
            "properties": {"resourceType": {"enum": ["Bundle"]}, "type": kinds, "entry": {"type": "array", "items": entry}}}  # fmt: skip
