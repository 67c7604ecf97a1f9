"""The doors of the HL7 v3 services: what is served, requests written from the declarations, envelopes, the worker's turn."""

from yigong.platform.hl7v3.clearing import clear, work
from yigong.platform.hl7v3.declared import Spec, by_name, specs
from yigong.platform.hl7v3.examples import Rows, example, groups_of, invented
from yigong.platform.hl7v3.message import Request, open_request, open_tree
from yigong.platform.hl7v3.soap import MEDIA, NAMESPACE, OPERATION, call

__all__ = [
    "MEDIA",
    "NAMESPACE",
    "OPERATION",
    "Request",
    "Rows",
    "Spec",
    "by_name",
    "call",
    "clear",
    "example",
    "groups_of",
    "invented",
    "open_request",
    "open_tree",
    "specs",
    "work",
]
