"""How fast and how exact napari-drr renders, beside DiffDRR and nanodrr: `make bench`.

Modules that peers' workers import (`case`, `scene_files`, `worker`, `clock`, `memory`, `programs`)
use neither napari-drr nor anything else that the peers' environment lacks.
"""
