"""Is the whole CT on the detector after a fit, and no more than that?"""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_drr import load_phantom
from napari_drr.geometry.camera import perspective_projection
from napari_drr.recipe import VIEWS, DetectorSettings, Pose, Recipe, fitted, view

CORNERS = np.array(list(product((-180.0, 170.0), (-120.0, 130.0), (-150.0, 200.0))))
DETECTOR = DetectorSettings(1000.0, 150, 220, 1.0, 1.5, x0=12.0, y0=-8.0)


def offsets(recipe: Recipe) -> np.ndarray:
    """Where corners lie, from the middle of the picture; 1 is its edge."""
    settings = recipe.detector
    points = perspective_projection(
        settings.detector(recipe.orientation),
        recipe.pose.rigid_transform(),
        torch.from_numpy(CORNERS)[None],
    )[0]
    half = np.array([settings.width, settings.height]) / 2
    return points.numpy() / half - 1


def after_fit(**changes: Any) -> Recipe:
    recipe = Recipe(**{"detector": DETECTOR, **changes})
    return replace(recipe, detector=fitted(recipe, CORNERS))


@pytest.mark.parametrize("name", VIEWS)
def test_all_corners_are_on_the_detector_with_a_margin(name: str) -> None:
    orientation, pose = view(name, 900.0, 25.0)
    recipe = after_fit(orientation=orientation, pose=pose)
    # 2 % of the size on each side.
    assert np.abs(offsets(recipe)).max() == pytest.approx(0.96)


@settings(deadline=None)
@given(
    st.builds(Pose, *[st.floats(-180, 180)] * 3, x=st.floats(-50, 50), y=st.floats(500, 3000)),
    st.sampled_from(["AP", "PA"]),
    st.booleans(),
    st.floats(100, 3000),
)
def test_only_the_spacing_changes_and_pixels_keep_their_aspect(
    pose: Pose, orientation: Any, mirror: bool, distance: float
) -> None:
    if orientation == "PA":
        pose = replace(pose, y=-pose.y)
    before = replace(DETECTOR, mirror=mirror, source_to_detector=distance)
    recipe = after_fit(detector=before, orientation=orientation, pose=pose)
    after = recipe.detector
    spacing = {f"pixel_spacing_{axis}": getattr(before, f"pixel_spacing_{axis}") for axis in "xy"}
    assert replace(after, **spacing) == before
    assert after.pixel_spacing_y / after.pixel_spacing_x == pytest.approx(1.5)
    assert np.abs(offsets(recipe)).max() == pytest.approx(0.96)


def test_a_second_fit_changes_nothing() -> None:
    recipe = after_fit()
    again = fitted(recipe, CORNERS)
    assert again.pixel_spacing_x == pytest.approx(recipe.detector.pixel_spacing_x)


def test_a_detector_on_the_other_side_is_fitted_too() -> None:
    detector = replace(DETECTOR, source_to_detector=-1000.0)
    recipe = after_fit(detector=detector, pose=Pose(y=-900.0))
    assert np.abs(offsets(recipe)).max() == pytest.approx(0.96)


def test_the_whole_phantom_is_in_the_picture() -> None:
    phantom = load_phantom(spacing=16.0)
    size = np.array(phantom["volume"].spatial_shape) * 16.0
    corners = np.array(list(product(*[(-each / 2, each / 2) for each in size])))
    recipe = Recipe(detector=DetectorSettings(height=64, width=64, pixel_spacing_x=1.0))
    image = replace(recipe, detector=fitted(recipe, corners)).render(phantom)[0, 0]
    edges = torch.cat([image[0], image[-1], image[:, 0], image[:, -1]])
    assert image.max() > 0
    assert edges.max() == 0


@pytest.mark.parametrize(
    "pose",
    [
        Pose(y=0.0),
        Pose(y=130.0),  # level with a face
        Pose(y=100.0),
        Pose(y=-900.0),  # all of it is behind
        Pose(45.0, y=150.0),
        Pose(y=130.0, x=5000.0),  # beside it
    ],
)
def test_a_source_level_with_the_box_is_refused_with_the_way_out(pose: Pose) -> None:
    with pytest.raises(ValueError, match=r"level with the source or behind it.*move the source"):
        fitted(Recipe(pose=pose), CORNERS)


def test_the_box_must_be_one() -> None:
    with pytest.raises(ValueError, match=r"\(8, 3\), got \(3,\)"):
        fitted(Recipe(), np.zeros(3))
    with pytest.raises(ValueError, match="finite"):
        fitted(Recipe(), np.full((8, 3), np.nan))
    with pytest.raises(ValueError, match="no extent"):
        fitted(Recipe(), np.zeros((8, 3)))
