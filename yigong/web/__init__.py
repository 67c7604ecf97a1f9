"""Pages: components, lists and forms declared once, htmx, charts, maps."""
