"""Scenes on disk: which files, which date, which sun and offset."""
