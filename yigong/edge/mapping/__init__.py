"""Filter, mapping and checks as pure columnar work: the same at the centre and at a node."""
