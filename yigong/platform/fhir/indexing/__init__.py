"""From a resource to what makes it findable: expressions compiled to functions, values brought to one form. Pure."""
