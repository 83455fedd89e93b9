"""`diffdrr.visualization`: DRRs and masks in matplotlib figures."""

from napari_drr.compat._missing import not_offered
from napari_drr.plotting import plot_drr, plot_mask

__all__ = ["plot_drr", "plot_mask"]

_MESH = "DiffDRR draws it with VTK, which this library does without."

__getattr__ = not_offered(
    __name__,
    {
        "animate": "Render the poses as a batch, and write the frames with imageio.",
        "plot_img_and_mask": "Call `plot_drr` of the sum of the channels, then `plot_mask`.",
        "drr_to_mesh": _MESH,
        "labelmap_to_mesh": _MESH,
        "img_to_mesh": _MESH,
        "visualize_scene": _MESH,
        "add_image": _MESH,
    },
)
