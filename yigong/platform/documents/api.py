"""The doors of documents made here: what an event can make, a draft, the issue, and what a signature says."""

from yigong.platform.documents.selectors import Draft, Signed, compose, event_of, kinds, signed, signed_copy
from yigong.platform.documents.services import issue

__all__ = ["Draft", "Signed", "compose", "event_of", "issue", "kinds", "signed", "signed_copy"]
