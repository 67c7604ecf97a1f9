"""What must be there before a message of an evaluation can be carried out, brought there by the services themselves. Pure.

An update needs what is updated, a query what is asked for, a merge both records; a registration that must be refused is one
that was made before. The messages are written from what the sample says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256

from yigong.kit.errors import Refused
from yigong.platform.hl7v3.api import Request, Spec, example, groups_of, invented, open_request, open_tree, specs

#: interactions of one subject begin alike
SUBJECT = 9
#: services that store a document, of either edition
SUBMITS = {"regional": "EHR-PL-16", "local": "EHR-PL-16", "newer": "H0601"}
ASKS_FOR_DOCUMENTS = ("GetDocumentStroedInfoRequest", "RetrieveDocumentSetRequest")
_MESSAGE_ID = re.compile(r'(<(?:\w+:)?(?:id|ID|Id)\b[^>]*?\bextension=")[^"]*(")')
Before = Iterator[tuple[Spec, str]]


def before(spec: Spec, message: str, must: str, at: datetime) -> Before:
    """Services to call first, each with its message. What cannot be read needs nothing: it is refused anyway."""
    try:
        request = open_request(spec, open_tree(message.encode()))
    except Refused:
        return
    if spec.verb == "add":
        if must == "refuse":
            yield spec, _again(message)
        return
    adding = _adding(spec)
    if adding is None:
        return
    yield adding, _registered(adding, request, at)
    if spec.verb == "merge":
        yield adding, _registered(adding, request, at, PatientID=request.get("MergeID"))


def _again(message: str) -> str:
    """The same under another message id: a repeated message would get its first answer again."""
    return _MESSAGE_ID.sub(lambda found: found[1] + _id(message) + found[2], message, count=1)


def _id(text: str) -> str:
    return f"P-{sha256(text.encode()).hexdigest()[:24]}"


def _adding(spec: Spec) -> Spec | None:
    """The service that registers what this one asks for."""
    if spec.root in ASKS_FOR_DOCUMENTS or spec.action.startswith("Document"):
        return specs().get(SUBMITS[spec.edition])
    same = (s for s in specs().values() if s.edition == spec.edition and s.verb == "add")
    return next((s for s in same if s.root[:SUBJECT] == spec.root[:SUBJECT]), None)


def _registered(adding: Spec, request: Request, at: datetime, **more: str) -> str:
    """The message that registers what a request speaks of; what it does not say is invented."""
    said = {**invented(adding, at), **_spoken(request), **more}
    key = _id(f"{adding.key}{sorted({**_spoken(request), **more}.items())}")
    return example(adding, key, at, said, groups_of(adding, said))


def _spoken(request: Request) -> Mapping[str, str]:
    """Everything that the request names, under the names of the registering service."""
    inside = [row for rows in request.groups.values() for row in rows[:1]]
    said = {n: v for row in (*inside, request.fields) for n, v in row.items() if n not in ("MsgID", "CreateTime")}
    renamed = {"UniqueId": said.get("DocumentUniqueId", ""), "SourceId": said.get("RepositoryUniqueId", "")}
    number = said.get("ProviderWorkNo", "")
    if number and "IDCardNo" not in said and len(number) == 18:  # the region numbers its staff by identity card
        renamed["IDCardNo"] = number
    person = said.get("PatientID") or said.get("IDCardNo") or said.get("DocumentUniqueId", "")
    return {**said, "PatientID": person, **{n: v for n, v in renamed.items() if v}}
