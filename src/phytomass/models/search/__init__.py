"""Tuning on inner folds of whole groups."""
