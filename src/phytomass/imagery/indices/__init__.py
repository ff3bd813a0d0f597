"""Indices and formulas as data."""
