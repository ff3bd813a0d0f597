"""Estimators that see one pixel, or the means around it."""
