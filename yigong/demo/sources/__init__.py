"""Source systems of the county, each of another make, really holding the data: databases, files, messages."""
