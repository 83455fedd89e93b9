"""Triangles of the 3-D scene, and the surfaces of a CT."""

import numpy as np
import pytest

from napari_drr.viewer._anatomy import MOST_FACES, anatomy
from napari_drr.viewer._carm import Box
from napari_drr.viewer._meshes import ball, coarser, joined, shaded, tubes, vertex_normals

WHITE = (1.0, 1.0, 1.0, 1.0)


def test_a_tube_lies_around_its_segment_at_the_radius():
    segments = np.array([[[0, 0, 0], [0, 0, 10]], [[1, 2, 3], [9, -4, 5]]], dtype=float)
    mesh = tubes(segments, 0.5, WHITE)
    for part, (start, end) in zip(np.split(mesh.vertices, 2), segments, strict=True):
        along = (end - start) / np.linalg.norm(end - start)
        away = np.cross(part - start, along)
        np.testing.assert_allclose(np.linalg.norm(away, axis=1), 0.5)
        places = (part - start) @ along
        assert places.min() == pytest.approx(0, abs=1e-12)
        assert places.max() == pytest.approx(np.linalg.norm(end - start))
    assert set(mesh.faces.ravel()) == set(range(len(mesh.vertices)))


def test_a_ball_has_its_radius_and_is_closed():
    mesh = ball((1, 2, 3), 4.0, WHITE)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices - (1, 2, 3), axis=1), 4)
    first, second, third = (mesh.vertices[mesh.faces[:, i]] - (1, 2, 3) for i in range(3))
    volume = np.abs(np.einsum("ij,ij->i", first, np.cross(second, third))).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 4**3, rel=0.2)


def test_joined_meshes_keep_their_triangles():
    parts = [ball((0, 0, 0), 1.0, WHITE), ball((5, 0, 0), 1.0, WHITE)]
    whole = joined(parts)
    triangles = [part.vertices[part.faces] for part in parts]
    np.testing.assert_array_equal(whole.vertices[whole.faces], np.concatenate(triangles))


def test_a_coarser_surface_stays_within_a_cell_and_keeps_its_winding():
    fine = ball((0, 0, 0), 10.0, WHITE)
    vertices, faces = coarser(fine.vertices, fine.faces, 4.0)
    assert 0 < len(faces) < len(fine.faces)
    assert np.abs(np.linalg.norm(vertices, axis=1) - 10).max() < 4
    normals = vertex_normals(vertices, faces)
    ways = np.sign(np.einsum("ij,ij->i", normals, vertices))
    assert abs(ways.mean()) == 1
    # Each triangle once, none collapsed.
    assert len(np.unique(np.sort(faces, axis=1), axis=0)) == len(faces)
    assert (np.diff(np.sort(faces, axis=1), axis=1) > 0).all()


def test_normals_of_a_ball_point_outwards_or_inwards_and_shade_between_dark_and_full():
    mesh = ball((0, 0, 0), 1.0, WHITE)
    normals = vertex_normals(mesh.vertices, mesh.faces, smoothings=2)
    assert np.abs(np.einsum("ij,ij->i", normals, mesh.vertices)).min() > 0.8
    colors = shaded(normals, (0.5, 0.5, 0.5, 0.25))
    assert 0.1 < colors[:, :3].min() < 0.2
    assert 0.45 < colors[:, :3].max() <= 0.5
    assert set(colors[:, 3]) == {0.25}


def body(hounsfield=True):
    """Air, a ball of tissue of 60 mm, in it a rod of bone toward the patient's left."""
    x, y, z = np.meshgrid(*([np.arange(-40, 40) * 2.0] * 3), indexing="ij")
    values = np.where(x**2 + y**2 + z**2 < 60**2, 40.0, -1000.0)
    values[(x < -10) & (x > -50) & (np.abs(y) < 8) & (np.abs(z) < 8)] = 900
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = (-80 + 100, -80 + 200, -80 + 300)
    return values if hounsfield else (values + 1000) / 2000, Box(affine, values.shape)


@pytest.mark.parametrize("hounsfield", [True, False])
def test_bone_and_skin_are_found_where_they_are(hounsfield):
    found = anatomy(*body(hounsfield))
    skin = np.linalg.norm(found.skin.vertices - (100, 200, 300), axis=1)
    assert np.median(skin) == pytest.approx(60, abs=4)
    center = (found.bone.vertices.min(axis=0) + found.bone.vertices.max(axis=0)) / 2
    np.testing.assert_allclose(center, (70, 200, 300), atol=4)
    assert len(found.bone.vertices) == len(found.bone.colors)


def test_voxels_in_any_order_give_the_same_surface():
    values, box = body()
    turned = Box(box.affine[:, [2, 1, 0, 3]], values.shape[::-1])
    straight, other = anatomy(values, box), anatomy(values.T, turned)
    for axis in range(3):
        assert other.bone.vertices[:, axis].mean() == pytest.approx(
            straight.bone.vertices[:, axis].mean(), abs=0.5
        )


def test_a_ct_without_a_body_has_no_surface():
    flat = np.full((20, 20, 20), -1000.0)
    assert anatomy(flat, Box(np.eye(4), flat.shape)) == (None, None)


def test_noise_does_not_cost_more_triangles_than_the_window_can_draw():
    noise = np.random.default_rng(0).uniform(-1000, 3000, (128, 128, 128))
    found = anatomy(noise, Box(np.diag([3.0, 3, 3, 1]), noise.shape))
    for mesh in found:
        assert mesh is None or len(mesh.faces) <= MOST_FACES
