"""Databases by SQLAlchemy, one module for each way of reading them."""
