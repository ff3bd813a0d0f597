"""Fitted models as files that run no code when they are read: arrays, and a card that says what."""

from phytomass.models.saved.files import FORMAT, SavedModel, load_model, save_model

__all__ = ["FORMAT", "SavedModel", "load_model", "save_model"]
