"""Products that are known: bands, scaling, masks, as data."""
