"""Does a recipe render what the renderer renders when it is called by hand?"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torchio

from napari_drr import DRR, convert, load_phantom, read
from napari_drr.recipe import (
    VIEWS,
    Attenuation,
    CTReference,
    DetectorSettings,
    Pose,
    Recipe,
    RecipeWarning,
    RendererSettings,
    Structure,
    ct_hash,
    view,
)
from napari_drr.recipe._rendering import rendered_pixels

DETECTOR = DetectorSettings(1000.0, 24, 32, 14.0, 16.0, x0=11.0, y0=-6.5)
POSE = Pose(10.0, -20.0, 5.0, 20.0, 800.0, -30.0)
RECIPE = Recipe(pose=POSE, detector=DETECTOR, attenuation=Attenuation("relative"))


@pytest.fixture(scope="module")
def phantom() -> torchio.Subject:
    return load_phantom(spacing=12.0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def by_hand(subject: torchio.Subject, pose: Any = None, **settings: Any) -> DRR:
    """Make the renderer of `RECIPE` without a recipe."""
    values = {"sdd": 1000.0, "height": 24, "delx": 14.0, "width": 32, "dely": 16.0}
    return DRR(subject, **{**values, "x0": 11.0, "y0": -6.5, **settings})


def pose_by_hand(pose: Pose = POSE) -> Any:
    angles = torch.tensor([[pose.alpha_deg, pose.beta_deg, pose.gamma_deg]], dtype=torch.float64)
    xyz = torch.tensor([[pose.x, pose.y, pose.z]], dtype=torch.float64)
    return convert(
        angles, xyz, parameterization="euler_angles", convention=pose.convention, degrees=True
    )


@pytest.mark.parametrize("reduction", ["sum", "max", "mip"])
@pytest.mark.parametrize("renderer", ["siddon", "trilinear"])
def test_the_image_is_the_renderers_to_the_last_bit(
    phantom: torchio.Subject, renderer: str, reduction: str
) -> None:
    recipe = replace(RECIPE, renderer=RendererSettings(renderer, reduction, n_points=90))
    points = {"n_points": 90} if renderer == "trilinear" else {}
    drr = by_hand(phantom, renderer=renderer, reducefn=reduction)
    image = recipe.render(phantom)
    assert image.shape == (1, 1, 24, 32)
    assert image.max() > 0
    assert torch.equal(image, drr(pose_by_hand(), **points))


@pytest.mark.parametrize("convention", ["XYZ", "ZXZ"])
def test_the_euler_convention_counts(phantom: torchio.Subject, convention: str) -> None:
    pose = replace(POSE, convention=convention)
    image = replace(RECIPE, pose=pose).render(phantom)
    assert torch.equal(image, by_hand(phantom)(pose_by_hand(pose)))
    assert not torch.equal(image, RECIPE.render(phantom))


@pytest.mark.parametrize("orientation", ["AP", "PA", None])
def test_the_recipes_orientation_stands_above_the_subjects(orientation: Any) -> None:
    pose = replace(POSE, y=0.0, z=-800.0) if orientation is None else POSE
    recipe = replace(RECIPE, orientation=orientation, pose=pose)
    read_so = load_phantom(spacing=16.0, orientation=orientation)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these poses look away from the patient
        image = recipe.render(load_phantom(spacing=16.0, orientation="AP"))
        assert torch.equal(image, by_hand(read_so)(pose_by_hand(pose)))


def test_mirror_and_the_signs_of_the_offsets(phantom: torchio.Subject) -> None:
    recipe = replace(RECIPE, detector=replace(DETECTOR, mirror=False))
    drr = by_hand(phantom, reverse_x_axis=False)
    assert torch.equal(recipe.render(phantom), drr(pose_by_hand()))


@pytest.mark.parametrize(
    ("attenuation", "settings"),
    [
        (Attenuation("relative", bone_attenuation_multiplier=2.5), {}),
        (Attenuation("physical", energy_kev=60.0), {}),
        (Attenuation("physical", bone_weight=0.0), {"bone_weight": 0.0}),
        # What belongs to the other map does nothing.
        (Attenuation("relative", energy_kev=60.0, bone_weight=0.5), {}),
    ],
)
def test_the_density_is_mapped_as_the_recipe_says(
    phantom: torchio.Subject, attenuation: Attenuation, settings: dict[str, float]
) -> None:
    read_so = load_phantom(
        spacing=12.0,
        attenuation=attenuation.kind,
        energy_kev=attenuation.energy_kev,
        bone_attenuation_multiplier=attenuation.bone_attenuation_multiplier,
    )
    image = replace(RECIPE, attenuation=attenuation).render(phantom)
    assert torch.equal(image, by_hand(read_so)(pose_by_hand(), **settings))


def test_a_density_that_the_user_replaced_is_rendered() -> None:
    subject = load_phantom(spacing=16.0)
    before = RECIPE.render(subject)
    subject.density.set_data(subject.density.data * 2)
    torch.testing.assert_close(RECIPE.render(subject), 2 * before)


def test_structures_are_weighted_and_hidden(phantom: torchio.Subject) -> None:
    table = phantom.structures
    structures = [
        Structure(int(row.id), row.structure, row.group, visible=row.group != "ribs", weight=weight)
        for row, weight in zip(table.itertuples(), [2.0] + [1.0] * len(table), strict=False)
    ]
    recipe = replace(RECIPE, structures=tuple(structures))
    ribs = {int(label): 0.0 for label in table["id"][table["group"] == "ribs"]}
    first = int(table["id"][0])
    assert recipe.weights() == {first: 2.0, **ribs}
    image = by_hand(phantom)(pose_by_hand(), weights={"ribs": 0.0, first: 2.0})
    assert torch.equal(recipe.render(phantom), image)


def test_structures_as_they_are_need_no_weights(phantom: torchio.Subject) -> None:
    recipe = replace(RECIPE, structures=(Structure(1, "spleen"),))
    assert recipe.weights() == {}
    assert torch.equal(recipe.render(phantom), RECIPE.render(phantom))


def test_weights_need_labels(phantom: torchio.Subject) -> None:
    subject = read((phantom.volume.data[0], phantom.volume.affine))
    recipe = replace(RECIPE, structures=(Structure(1, "spleen", visible=False),))
    with pytest.raises(ValueError, match="labels"):
        recipe.render(subject)


def test_channels_are_the_renderers(phantom: torchio.Subject) -> None:
    image, names = RECIPE.channels(phantom, ["heart", "vertebrae"])
    expected, expected_names = by_hand(phantom).channels(
        pose_by_hand(), structures=["heart", "vertebrae"]
    )
    assert torch.equal(image, expected)
    assert names == expected_names
    assert names[0] == "heart"


def test_one_renderer_serves_recipes_that_aim_elsewhere(phantom: torchio.Subject) -> None:
    drr = RECIPE.drr(phantom)
    orientation, pose = view("LAO", 800.0, 30.0)
    detector = DetectorSettings(height=10, width=12, pixel_spacing_x=30.0, pixel_spacing_y=30.0)
    other = replace(RECIPE, pose=pose, orientation=orientation, detector=detector)
    assert torch.equal(other.render(phantom, drr), other.render(phantom))
    assert torch.equal(RECIPE.render(phantom, drr), RECIPE.render(phantom))


def test_progress_is_reported(phantom: torchio.Subject) -> None:
    steps: list[tuple[int, int]] = []
    RECIPE.render(phantom, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (24 * 32, 24 * 32)


# Moving the isocenter by d moves the volume by -d in the C-arm's frame.
def test_the_isocenter_is_a_point_of_the_world(phantom: torchio.Subject) -> None:
    center = phantom.isocenter.numpy()
    shift = np.array([30.0, -10.0, 20.0])
    assert torch.equal(
        replace(RECIPE, isocenter=tuple(center)).render(phantom), RECIPE.render(phantom)
    )
    image = replace(RECIPE, isocenter=tuple(center + shift)).render(phantom)
    affine = phantom.volume.affine.copy()
    affine[:3, 3] -= shift
    moved = read((phantom.volume.data[0], affine), center_volume=False)
    expected = by_hand(moved)(pose_by_hand())
    assert image.max() > 0
    # The affines differ in the last bits of float64.
    torch.testing.assert_close(image, expected, rtol=1e-5, atol=1e-4)


def test_without_an_isocenter_it_is_the_grids_center(phantom: torchio.Subject) -> None:
    affine = phantom.volume.affine.copy()
    affine[:3, 3] += phantom.isocenter.numpy()
    in_world = read((phantom.volume.data[0], affine), center_volume=False)
    # Computed along two ways, which differ in the last bits of float64.
    torch.testing.assert_close(
        RECIPE.render(in_world), RECIPE.render(phantom), rtol=1e-5, atol=1e-4
    )


def test_the_right_ct_is_known_again(phantom: torchio.Subject) -> None:
    reference = CTReference.of(phantom, name="phantom")
    recipe = replace(RECIPE, ct=reference)
    assert reference.difference(phantom) is None
    assert torch.equal(recipe.render(phantom), RECIPE.render(phantom))
    assert Recipe.from_json(recipe.to_json()).ct.difference(load_phantom(spacing=12.0)) is None


def test_the_order_of_the_axes_makes_no_other_ct(phantom: torchio.Subject) -> None:
    reference = CTReference.of(phantom)
    turned = torchio.ToCanonical()(phantom.volume)
    assert turned.affine[0, 0] != phantom.volume.affine[0, 0]
    subject = read(turned, center_volume=False)
    subject["isocenter"] = phantom.isocenter
    assert reference.difference(subject) is None
    assert CTReference.of(subject).sha256 == reference.sha256
    hounsfield = phantom.volume.data[0].numpy()
    assert ct_hash(hounsfield.astype(np.float64), phantom.volume.affine) == reference.sha256


def test_the_world_frame_is_kept_whether_centered_or_not(phantom: torchio.Subject) -> None:
    affine = phantom.volume.affine.copy()
    affine[:3, 3] += phantom.isocenter.numpy()
    image = torchio.ScalarImage(tensor=phantom.volume.data, affine=affine)
    reference = CTReference.of(image)
    assert reference.difference(phantom) is None
    assert reference.difference(read(image, center_volume=False)) is None
    np.testing.assert_allclose(reference.affine, CTReference.of(phantom).affine, atol=1e-9)


def other_grid(subject: torchio.Subject) -> torchio.Subject:
    return read((subject.volume.data[0, 1:], subject.volume.affine))


def other_place(subject: torchio.Subject) -> torchio.Subject:
    return read((subject.volume.data[0], subject.volume.affine))


def other_values(subject: torchio.Subject) -> torchio.Subject:
    changed = subject.volume.data.clone()
    changed[0, 5, 5, 5] += 1
    return torchio.Subject(
        {**subject, "volume": torchio.ScalarImage(tensor=changed, affine=subject.volume.affine)}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_grid, "its grid is 31 x 22 x 28, not 32 x 22 x 28"),
        (other_place, "it lies elsewhere in the world"),
        (other_values, "its values are others"),
    ],
)
def test_another_ct_is_noticed(phantom: torchio.Subject, change: Any, message: str) -> None:
    recipe = replace(RECIPE, ct=CTReference.of(phantom, name="chest"))
    subject = change(phantom)
    assert message in recipe.ct.difference(subject)
    with pytest.warns(
        RecipeWarning, match=rf"not the CT that the recipe names \(chest\): {message}"
    ):
        recipe.drr(subject)


def test_a_reference_that_says_nothing_fits_every_ct(phantom: torchio.Subject) -> None:
    assert CTReference().difference(phantom) is None


def test_no_name_and_path_go_in_unasked(phantom: torchio.Subject) -> None:
    reference = CTReference.of(phantom)
    assert (reference.name, reference.path, reference.series_uid) == ("", None, None)
    named = CTReference.of(phantom, name="a", path="b", series_uid="1.2")
    assert (named.name, named.path, named.series_uid) == ("a", "b", "1.2")


@pytest.mark.parametrize("convention", ["ZXY", "XYX", "YZX"])
def test_a_pose_comes_back_from_its_matrix(convention: str) -> None:
    matrix = POSE.rigid_transform().matrix[0]
    pose = Pose.from_matrix(matrix, convention)
    assert pose.convention == convention
    # Degrees and mm, through a few sines and cosines of float64.
    np.testing.assert_allclose(pose.rigid_transform().matrix[0], matrix, atol=1e-10)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3), "must be 4x4 and finite, got shape"),
        (np.full((4, 4), np.nan), "must be 4x4 and finite"),
        (np.diag([2.0, 1, 1, 1]), "must be rigid"),
        (np.diag([-1.0, 1, 1, 1]), "must be rigid"),
        (np.diag([1.0, 1, 1, 2]), "must be rigid"),
    ],
)
def test_what_is_no_rigid_matrix_is_no_pose(matrix: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pose.from_matrix(matrix)


# Where the source is, in the patient's frame (RAS), seen from the isocenter.
@pytest.mark.parametrize(
    ("name", "angle", "direction"),
    [
        ("AP", 0, (0, 1, 0)),  # the source in front, the detector at the back
        ("PA", 0, (0, -1, 0)),
        ("LAO", 30, (0.5, -np.sqrt(0.75), 0)),  # the detector at the patient's left front
        ("RAO", 30, (-0.5, -np.sqrt(0.75), 0)),
        ("CRA", 30, (0, -np.sqrt(0.75), -0.5)),  # the detector at front and head
        ("CAU", 30, (0, -np.sqrt(0.75), 0.5)),
        ("left lateral", 0, (1, 0, 0)),
        ("right lateral", 0, (-1, 0, 0)),
    ],
)
def test_named_views_stand_where_dicom_says(
    phantom: torchio.Subject, name: str, angle: float, direction: tuple[float, float, float]
) -> None:
    orientation, pose = view(name, distance=800.0, angle_deg=angle)
    assert name in VIEWS
    detector = DETECTOR.detector(orientation)
    source, _ = detector.rays(pose.rigid_transform())
    np.testing.assert_allclose(source[0, 0], 800.0 * np.array(direction), atol=1e-9)


def test_views_are_known_by_any_letters_and_unknown_ones_refused() -> None:
    assert view("lao", angle_deg=30) == view("LAO", angle_deg=30)
    with pytest.raises(ValueError, match=r"`view` must be one of AP, PA, LAO.*; got 'oblique'"):
        view("oblique")


def test_a_sparse_share_of_the_pixels_is_rendered(phantom):
    sparse = replace(RECIPE, renderer=RendererSettings(sparse_share=0.25))
    full, image = RECIPE.render(phantom), sparse.render(phantom)
    pixels = torch.from_numpy(rendered_pixels(sparse))
    assert pixels.sum() == pixels.numel() // 4
    assert torch.equal(image, torch.where(pixels, full, 0.0))
    assert rendered_pixels(RECIPE).all()
    channels, names = sparse.channels(phantom, ["heart", "ribs"])
    dense, _ = RECIPE.channels(phantom, ["heart", "ribs"])
    assert len(names) > 1
    assert torch.equal(channels, torch.where(pixels, dense, 0.0))


def test_a_renderer_of_a_sparse_recipe_serves_others_too(phantom):
    sparse = replace(RECIPE, renderer=RendererSettings(sparse_share=0.1))
    fewer = replace(sparse, detector=replace(DETECTOR, height=9))
    drr = sparse.drr(phantom)
    for recipe in (sparse, fewer, RECIPE, sparse):
        assert torch.equal(recipe.render(phantom, drr), recipe.render(phantom))
    own = RECIPE.drr(phantom, p_subsample=0.5)
    drawn = RECIPE.render(phantom, own) != 0
    assert 0 < drawn.sum() <= drawn.numel() // 2, "the caller's own share stays"
