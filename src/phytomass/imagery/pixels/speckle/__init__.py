"""Speckle filters of radar images."""
