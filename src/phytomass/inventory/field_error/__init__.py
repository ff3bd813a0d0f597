"""The error of plot biomass, in one chain of draws."""
