"""What the other modules may ask of the person view."""

from yigong.sharing.search import Hit, recent

__all__ = ["Hit", "recent"]
