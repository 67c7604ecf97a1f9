"""The demonstration county: declared world, named cast, source systems."""
