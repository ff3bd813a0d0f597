"""Catalogues of scenes: searched, fetched, kept."""
