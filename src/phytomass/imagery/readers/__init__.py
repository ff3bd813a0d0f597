"""Sources opened on the project's grid: rasters, products, elevation, VOD, masks."""
