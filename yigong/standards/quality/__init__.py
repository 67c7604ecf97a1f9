"""Rules of data quality as declared things: one file each, a small language, a columnar engine. Pure."""
