"""The sections of the report, each beside its figures."""
