"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

ACTIONS: dict[str, object] = {}
