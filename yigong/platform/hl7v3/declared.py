"""The services as the standards declare them: how each is called, what it must say, which message answers it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from yigong.standards.api import Service, ServiceField, load

SERVED = (
    "newer",
    "regional",
    "local",
)  # the older edition is served under the regional services that carry its messages
#: services of the older edition whose action names stand for services of the newer one
LEAF = ("@", "text()")
#: parts of a message that repeat although no field row says so: service family -> group name -> path
REPEATED = {
    "OrderInfo": {"Component2": "/controlActProcess/subject/placerGroup/component2"},
    "TerminologyQuery": {"Items": "/controlActProcess/subject/registrationRequest/subject1/valueSet/valueSetItems"},
    "TermQuery": {"Items": "/controlActProcess/subject/registrationRequest/subject1/valueSet/valueSetItems"},
}
#: words at the end of an action -> what the service does
VERBS = {
    "RegisterBatch": "add", "SubmitBatch": "add", "Register": "add", "Add": "add", "Submit": "add", "Open": "add", "Update": "update",
    "Cancel": "update", "Custody": "update", "Merge": "merge", "Query": "query", "Access": "query", "Search": "query",
    "Retrieve": "query", "Fetch": "query", "Display": "query", "Prejudge": "query", "Catalogue": "query", "Summary": "query",
    "Directory": "query",
}  # fmt: skip
REFUSALS = {"PRPA_IN201313UV02", "PRPA_IN201316UV02"}


@dataclass(frozen=True, slots=True)
class Spec:
    """One service: its key in addresses, its declaration, and the fields of its request and its answer."""

    key: str  # H0201, EHR-PL-01
    service: Service = field(repr=False)
    verb: str = ""  # add update merge query
    request: Sequence[ServiceField] = field(default=(), repr=False)
    response: Sequence[ServiceField] = field(default=(), repr=False)
    groups: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def action(self) -> str:
        """The name under which HIPMessageServer is asked for it."""
        return self.service.action

    @property
    def edition(self) -> str:
        """newer (hospital set), regional, or local."""
        return self.service.edition

    @property
    def root(self) -> str:
        """The root element of the request."""
        return self.service.request

    @property
    def reads_only(self) -> bool:
        """Whether asking twice changes nothing."""
        return self.verb == "query"

    def answer(self, accepted: bool) -> str:
        """The root element of the reply."""
        accepting, _slash, refusing = self.service.response.partition(" / ")
        return accepting if accepted or not refusing else refusing


@cache
def specs() -> Mapping[str, Spec]:
    """All services that are served, by key, in the order of the declarations."""
    found = load().services
    served = [s for s in found.values() if s.edition in SERVED]
    return {
        s.code: _spec(s, found) for s in sorted(served, key=lambda s: (SERVED.index(s.edition) != 1, s.edition, s.code))
    }


def _spec(service: Service, found: Mapping[str, Service]) -> Spec:
    twin = found.get(service.twin) if service.edition == "regional" else None
    own = [f for f in service.fields if f.side == "request"]
    request = own or ([f for f in twin.fields if f.side == "request"] if twin else [])
    response = [f for f in (service.fields or (twin.fields if twin else ())) if f.side == "response"]
    return Spec(
        service.code, service, _verb(service.action), request, response, _groups(service, [*request, *response])
    )


def _verb(action: str) -> str:
    return next(verb for end, verb in VERBS.items() if action.endswith(end))


def _groups(service: Service, fields: Sequence[ServiceField]) -> Mapping[str, str]:
    """Group name -> path of its repeating element."""
    declared = {f.name: tidy(f.xpath) for f in fields if is_group(f, fields)}
    implied = next((g for family, g in REPEATED.items() if service.action.startswith(family)), {})
    return {**declared, **implied}


def is_group(one: ServiceField, fields: Sequence[ServiceField]) -> bool:
    """Whether a row names a repeating element and no value: others lie below it."""
    path = tidy(one.xpath)
    return "@" not in path and any(tidy(f.xpath).startswith(path + "/") for f in fields if f is not one)


def tidy(path: str) -> str:
    """A path without the blanks and the slash at its end that the sources have."""
    return "/" + path.replace(" ", "").strip("/")


@cache
def _names() -> Mapping[str, str]:
    """Everything by which a service may be asked for, lower case -> key."""
    names: dict[str, str] = {}
    for spec in specs().values():
        for name in (spec.key, spec.action):
            names.setdefault(name.lower(), spec.key)
    for older in load().services.values():
        if older.edition == "older":
            key = next(
                (s.key for s in specs().values() if s.edition == "regional" and s.service.twin == older.twin != ""), ""
            )
            key = (
                key
                or next((s.key for s in specs().values() if s.action == older.twin), "")
                or OLDER.get(older.action, "")
            )
            if key:
                names.setdefault(older.action.lower(), key)
    return names


#: actions of the older edition that name no twin
OLDER = {"AddActRequest": "H0901", "ActRequestQuery": "H0903"}


def by_name(name: str) -> Spec | None:
    """The service of this key or action, of either edition; upper and lower case are the same."""
    return specs().get(_names().get(name.strip().lower(), ""))


def by_root(root: str, *, newer: bool) -> Spec | None:
    """The first service whose request has this root element, of the edition the message is written in."""
    wanted = ("newer",) if newer else ("regional", "local")
    return next((s for s in specs().values() if s.root == root and s.edition in wanted), None)


def kindred(spec: Spec, root: str) -> bool:
    """Whether a request with this root may be meant for the service: the same, or of the same family of interactions."""
    return root == spec.root or ("_IN" in root and root[:8] == spec.root[:8])
