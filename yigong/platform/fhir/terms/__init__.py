"""Code systems and value sets: hierarchies, filters, expansions. Pure: knows no Django."""
