"""Arithmetic on arrays of pixels: composites, windows, texture, terrain."""
