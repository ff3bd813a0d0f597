"""The one walk over a grid: blocks, where finished ones lie, who computes them, running sums."""
