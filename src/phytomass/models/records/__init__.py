"""The models as data."""
