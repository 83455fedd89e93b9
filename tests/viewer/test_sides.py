"""The letters at a radiograph's edges."""

import numpy as np
import pytest
import torch

from napari_drr import read
from napari_drr.recipe import DetectorSettings, Pose, Recipe, view
from napari_drr.viewer._sides import side, sides


def at(name, angle_deg=0.0, mirror=True):
    orientation, pose = view(name, 850.0, angle_deg)
    detector = DetectorSettings(mirror=mirror)
    return sides(Recipe(orientation=orientation, pose=pose, detector=detector))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Read as if one faced the patient: the right side is on the picture's left.
        ("AP", ("R", "L", "H", "F")),
        ("PA", ("R", "L", "H", "F")),
    ],
)
def test_frontal_views_show_the_patients_right_on_the_left(name, expected):
    assert at(name) == expected


def test_lateral_views_face_opposite_ways():
    left, right = at("left lateral"), at("right lateral")
    assert {left.left, left.right} == {right.left, right.right} == {"A", "P"}
    assert left.left == right.right
    assert left[2:] == right[2:] == ("H", "F")


@pytest.mark.parametrize("name", ["AP", "PA", "left lateral", "right lateral"])
def test_without_the_mirror_left_and_right_change_places(name):
    plain, other = at(name), at(name, mirror=False)
    assert (other.left, other.right) == (plain.right, plain.left)
    assert other[2:] == plain[2:]


def test_oblique_views_get_a_second_letter_beyond_15_degrees():
    for degrees in (0, 5, 14):
        assert at("LAO", degrees).left == "R"
    for name in ("LAO", "RAO"):
        slight, steep = at(name, 30), at(name, 60)
        assert slight.left[0] == "R"
        assert slight.left[1] in "AP"
        assert steep.left == slight.left[::-1]
    assert at("LAO", 30).left[1] != at("RAO", 30).left[1]
    assert at("CRA", 30).top[0] == "H"
    assert at("CRA", 30).top[1] != at("CAU", 30).top[1]
    assert at("CRA", 30).left == "R"


def test_opposite_edges_name_opposite_sides():
    opposite = str.maketrans("RLAPHF", "LRPAFH")
    for angles in np.random.default_rng(0).uniform(-180, 180, (30, 3)):
        found = sides(Recipe(pose=Pose(*angles)))
        assert found.right == found.left.translate(opposite)
        assert found.bottom == found.top.translate(opposite)


def test_a_direction_is_named_by_its_largest_parts():
    assert side((1, 0, 0)) == "R"
    assert side((0, -2, 0)) == "P"
    assert side((0, 0, 3)) == "H"
    assert side((-0.9, 0.5, 0)) == "LA"
    assert side((-0.5, 0.9, 0)) == "AL"
    assert side((0.5, 0.6, -0.62)) == "FA"
    # Halfway the order of the axes decides, whatever the last bit says.
    assert side((np.cos(np.pi / 4), np.sin(np.pi / 4), 0)) == "RA"


MARKED = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "H": (2, 1), "F": (2, -1)}
# Where an edge lies in the picture: the axis of the array, and which of its ends.
EDGES = {"left": (1, -1), "right": (1, 1), "top": (0, -1), "bottom": (0, 1)}


def picture(recipe, letter):
    """Render a black CT in RAS order with one dense voxel 80 mm toward the side of a letter."""
    axis, way = MARKED[letter]
    voxels = torch.full((9, 9, 9), -1000.0)
    index = [4, 4, 4]
    index[axis] += 4 * way
    voxels[tuple(index)] = 1000
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    return recipe.render(read((voxels, affine), attenuation="physical"))[0, 0].numpy()


@pytest.mark.parametrize(
    ("name", "angle"),
    [
        *((name, 0) for name in ("AP", "PA", "left lateral", "right lateral")),
        *((name, 40) for name in ("LAO", "RAO", "CRA", "CAU")),
    ],
)
@pytest.mark.parametrize("mirror", [True, False])
def test_what_lies_to_a_side_appears_at_the_edge_with_its_letter(name, angle, mirror):
    """Rendered, so that the letters are held to the picture and not to the same arithmetic."""
    orientation, pose = view(name, 850.0, angle)
    detector = DetectorSettings(
        height=50, width=50, pixel_spacing_x=8, pixel_spacing_y=8, mirror=mirror
    )
    recipe = Recipe(orientation=orientation, pose=pose, detector=detector)
    for edge, letters in sides(recipe)._asdict().items():
        axis, end = EDGES[edge]
        image = picture(recipe, letters[0])
        middle = np.average(np.indices(image.shape)[axis] + 0.5, weights=image)
        assert (middle - 25) * end > 4
