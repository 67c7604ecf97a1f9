"""Values of a message found and put by their declared paths, in both ways of writing them (id/item, or attributes at once). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from lxml import etree

from yigong.platform.hl7v3.declared import tidy

Element = etree._Element
ID = "2.16.156.10011.1."
MESSAGE = "2.16.156.10011.2.5.1."
#: name of a field -> the values of @root, @type or @codeSystem that tell it from others on the same path
MARKS: dict[str, tuple[str, ...]] = {
    "PatientID": (f"{MESSAGE}4", "2.16.156.10011.0.2.2"),
    "EncounterCardID": (f"{MESSAGE}6",),
    "DomainId": (f"{MESSAGE}5",),
    "VisitNum": (f"{MESSAGE}8",),
    "SeenTimes": (f"{MESSAGE}8",),
    "AdmID": (f"{MESSAGE}9",),
    "IDCardNo": (f"{ID}3",),
    "PatientIDCard": (f"{ID}3",),
    "ProviderWorkNo": (f"{ID}4",),
    "HealthRecordCode": (f"{ID}2",),
    "HealthRecordId": (f"{ID}2",),
    "HealthCardCode": (f"{ID}19",),
    "OutpatientId": (f"{ID}10", f"{ID}11"),
    "OutPatientID": (f"{ID}10", f"{ID}11"),
    "HospitalizationId": (f"{ID}12",),
    "InID": (f"{ID}12",),
    "MedicalInsuranceCard": (f"{ID}15",),
    "ExamAppInfoID": (f"{ID}24",),
    "AppInfoID": (f"{ID}24",),
    "SpecimenID": (f"{ID}14",),
    "DeptCode": (f"{ID}26",),
    "AssignedDeptCode": (f"{ID}26",),
    "InPatientAreaCode": (f"{ID}27",),
    "ChineseDiagCode": ("2.16.156.10011.2.3.3.14",),
    "WesternDiagCode": ("2.16.156.10011.2.3.3.11", "2.16.156.10011.2.3.3.11.3"),
    "AnaesthesiaTypeCode": ("2.16.156.10011.2.3.1.159",),
    "OperationTypeCode": (f"{MESSAGE}15",),
    **{part: (part,) for part in ("SAL", "STA", "CTY", "CNT", "STB", "STR", "BNR", "ZIP")},
}
#: names of those values
ATTRIBUTES = ("root", "type", "codeSystem")
#: parts of an address in the older writing
ADDRESS = {
    "SAL": "streetAddressLine", "STA": "state", "CTY": "city", "CNT": "county", "STB": "streetNameBase",
    "STR": "streetName", "BNR": "houseNumber", "ZIP": "postalCode",
}  # fmt: skip
#: steps that begin anew when the place they lead to is taken
OUTER = ("reason", "location", "component")
REPEATABLE = ("part", "item", "asOtherIDs", "value", "id")


@lru_cache(maxsize=4096)
def steps(path: str) -> tuple[str, ...]:
    """The steps of a declared path; predicates of the sources are left out."""
    return tuple(step.partition("[")[0] for step in tidy(path).strip("/").split("/"))


def all_at(node: Element, path: str) -> list[Element]:
    """The elements that a path without a value leads to."""
    return list(_walk([node], steps(path)))


def marks(node: Element, path: str) -> list[str]:
    """The roots of the identifiers that a path leads to and that say something."""
    *way, leaf = steps(path)
    return [mark for place in _walk([node], tuple(way)) if _leaf(place, leaf) and (mark := _mark(place))]


def read(
    node: Element, path: str, name: str = "", *, shared: bool = False, label: str = "", number: int | None = None
) -> str:
    """The value at *path* below *node*, empty where there is none.

    *name* tells values apart that lie on one path; with *shared* one without the right mark is not taken. *label* is the
    name by which a coded observation says what it is; without mark and label the *number*-th value on the path is taken.
    """
    *way, leaf = steps(path)
    if not leaf.startswith("@"):
        way, leaf = [*way, leaf], "text()"
    places = list(_walk([node], tuple(way), name))
    if label and (named := [place for place in places if _called(place, label)]):
        return next((value for place in named if (value := _leaf(place, leaf))), "")
    if label:
        return ""
    if number is not None and name not in MARKS:
        values = [value for place in places if (value := _leaf(place, leaf))]
        return values[number] if number < len(values) else ""
    marked = [place for place in places if _marked(place, name)] if name in MARKS else []
    chosen = marked or (
        [] if shared and name in MARKS else [place for place in places if not shared or not _mark(place)]
    )
    return next((value for place in chosen if (value := _leaf(place, leaf))), "")


def _walk(nodes: Iterable[Element], way: Sequence[str], name: str = "") -> Iterator[Element]:
    if not way:
        yield from nodes
        return
    step, *rest = way
    for node in nodes:
        children = [child for child in node if child.tag == step]
        if children:
            yield from _walk(children, rest, name)
        elif step == "part" and name in ADDRESS:
            yield from _walk([child for child in node if child.tag == ADDRESS[name]], rest, name)
        elif step in ("item", "part", "any", "displayName", "originalText"):
            yield from _walk([_Here(node, step) if step == "displayName" else node], rest, name)  # type: ignore[list-item]


class _Here:
    """An element whose display name is an attribute of its own."""

    def __init__(self, node: Element, _step: str) -> None:
        self.node = node
        self.attrib = {"value": node.get("displayName", "")}
        self.text = ""

    def __iter__(self) -> Iterator[Element]:
        return iter(())

    def getparent(self) -> Element:
        """The element that has the name."""
        return self.node

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attrib.get(name, default)


def _leaf(place: Element, leaf: str) -> str:
    if leaf == "text()":
        return str(place.text or place.get("value") or "").strip()
    value = place.get(leaf[1:])
    if value is None and leaf == "@value" and len(place) == 0:
        value = place.text or ""
    return (value or "").strip()


def _mark(place: Element) -> str:
    """What says which of several values this is: at the element itself or the one around it."""
    for node in (place, place.getparent()):
        if node is not None and (said := next((node.get(a) for a in ATTRIBUTES if node.get(a)), None)):
            return str(said).strip()
    return ""


def _marked(place: Element, name: str) -> bool:
    tag = getattr(place, "tag", "")
    return _mark(place) in MARKS[name] or tag == ADDRESS.get(name)


def _called(place: Element, label: str) -> bool:
    """Whether the observation around a value is called *label* by its code."""
    for node in place.iterancestors() if isinstance(place, etree._Element) else ():
        code = node.find("code")
        if code is not None:
            said = read(code, "/displayName/@value") or code.get("code", "")
            return said == label or (bool(said) and label.startswith(said))
    return False


def put(root: Element, path: str, value: str, name: str = "", *, label: str = "") -> None:
    """Write *value* at *path* below *root*, beside what is there already; with *label* in an observation of its own."""
    *way, leaf = steps(path)
    if not leaf.startswith("@"):
        way, leaf = [*way, leaf], "text()"
    node = _place(root, way, leaf, name, anew=bool(label))
    if leaf == "text()":
        node.text = value
    else:
        node.set(leaf[1:], value)
    if name in MARKS:
        node.set(_attribute(name, leaf), MARKS[name][0])
    if label and (observation := node.getparent()) is not None and observation.find("code") is None:
        observation.insert(0, code := etree.Element("code"))
        put(code, "/displayName/@value", label)


def _attribute(name: str, leaf: str) -> str:
    return "type" if name in ADDRESS else "codeSystem" if leaf == "@code" else "root"


def _place(root: Element, way: Sequence[str], leaf: str, name: str, *, anew: bool = False) -> Element:
    """The element for a value: the last on the way, made anew from the last repeatable step on when it is taken."""
    node, trail = root, [root]
    for step in way:
        found = [child for child in node if child.tag == step]
        node = found[-1] if found else etree.SubElement(node, step)
        trail.append(node)
    if not _taken(node, leaf, name) and not (anew and (len(node.attrib) or len(node))):
        return node
    around = [i for i, step in enumerate(way) if step in OUTER]
    again = (
        around[-1] if around else next((i for i in range(len(way) - 1, -1, -1) if way[i] in REPEATABLE), len(way) - 1)
    )
    node = trail[again]
    for step in way[again:]:
        node = etree.SubElement(node, step)
    return node


def _taken(node: Element, leaf: str, name: str) -> bool:
    if leaf == "text()":
        return bool(node.text)
    mark = _attribute(name, leaf) if name in MARKS else ""
    return node.get(leaf[1:]) is not None or bool(mark and node.get(mark) not in (None, MARKS[name][0]))


#: ends of paths in the newer writing -> in the older
PLAIN = (
    ("/item/part/@value", ""), ("/part/@value", ""), ("/displayName/@value", "/@displayName"), ("/item/@", "/@"),
    ("/any/@value", "/@value"), ("/text/@value", "/text"),
)  # fmt: skip


def plain(path: str, name: str = "") -> str:
    """A path of the newer edition as the older one writes it."""
    if name in ADDRESS:
        return path.partition("/addr/")[0] + f"/addr/{ADDRESS[name]}"
    for end, other in PLAIN:
        path = path.replace(end, other)
    return path.replace("/item/", "/")
