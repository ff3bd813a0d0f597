"""Draws: quantities with their error, and the random numbers behind them.

`Draws` is a quantity of several items (plots, zones) under each draw. Two schemes number the
randomness: `stream` gives a sequence to a name (simulations, folds, bootstraps); the addressed
numbers of `phytomass.draws.philox` give each item and draw its own, so that neither other items
nor their order change it. The same seed gives the same numbers in every version.
"""

from phytomass.draws.quantity import Draws, Lazy
from phytomass.draws.store import whole_store
from phytomass.draws.streams import seed_of, stream

__all__ = ["Draws", "Lazy", "seed_of", "stream", "whole_store"]
