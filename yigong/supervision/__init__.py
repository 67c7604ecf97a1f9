"""监管中心: boards and indicators."""
