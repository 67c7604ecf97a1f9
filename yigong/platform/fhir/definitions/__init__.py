"""The official R4 definitions, compiled from an installed package into one compact file. Pure: knows no Django."""
