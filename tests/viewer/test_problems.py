"""What a session says is wrong, before anything is rendered, and how it is solved."""

import dask.array
import numpy as np
import pytest
import torchio
from napari.components import ViewerModel
from orientations import rotation

from napari_drr import load_phantom
from napari_drr.recipe import Structure
from napari_drr.viewer import layers
from napari_drr.viewer._problems import REMEDIES, Problem
from napari_drr.viewer._scan import Scan
from napari_drr.viewer._session import Session

# napari says, rightly, that 2-D slices of an oblique volume drop the part that leaves the slice.
oblique = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

SHAPE = (12, 16, 20)
TURNED = rotation(10, 17) @ np.diag([20.0, 20.0, 20.0, 1.0])


def body(shape=SHAPE):
    """Air around water around bone, HU (z, y, x)."""
    hounsfield = np.full(shape, -1000, np.float32)
    inner = tuple(slice(size // 4, -size // 4) for size in shape)
    core = tuple(slice(size // 3, -size // 3) for size in shape)
    hounsfield[inner] = 30
    hounsfield[core] = 900
    return hounsfield


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def s(viewer):
    s = Session(viewer)
    s.detector.update(height=20, width=24, pixel_spacing_x=16.0, pixel_spacing_y=16.0)
    yield s
    s.close()


@pytest.fixture
def add(viewer, s):
    """Add a CT, 20 mm voxels centered on the origin unless said otherwise, and choose it."""

    def make(data=None, name="ct", **how):
        data = body() if data is None else data
        if not {"affine", "scale"} & set(how):
            how |= {"scale": (20.0,) * 3, "translate": -10.0 * np.array(SHAPE)}
        layer = viewer.add_image(data, name=name, **{"units": "mm", **how})
        s.adopt()
        return layer

    return make


def add_labels(viewer, s, data, **how):
    how = {
        "name": "labels",
        "scale": (20.0,) * 3,
        "translate": -10.0 * np.array(data.shape),
        "units": "mm",
    } | how
    layer = viewer.add_labels(data, **how)
    s.labels = layer
    return layer


def the_one(s, text):
    """Return the one problem that says so."""
    found = [problem for problem in s.problems() if text in str(problem)]
    assert len(found) == 1, [str(problem) for problem in s.problems()]
    return found[0]


def test_all_is_well_with_a_phantom(viewer, s):
    subject = load_phantom(spacing=20.0, center_volume=False)
    voxels, how, _ = layers.image_layer_data(subject.volume, "ct")
    viewer.add_image(voxels, **how)
    voxels, how, _ = layers.labels_layer_data(subject.mask, subject.structures, "labels")
    viewer.add_labels(voxels, **how)
    s.adopt()
    assert s.problems() == ()


def test_a_problem_is_its_sentence():
    problem = Problem("Wrong: do this.", "warning", "fill_ct")
    assert str(problem) == "Wrong: do this."
    assert problem.remedy_text == "Fill with air"
    assert Problem("Wrong.").remedy_text == ""
    assert all(hasattr(Session, remedy) for remedy in REMEDIES)


def test_without_a_ct_the_layers_that_are_none_are_named(viewer, s):
    assert "There is no CT" in str(s.problems()[0])
    viewer.add_image(np.zeros((2, 4, 5, 6)), name="series")
    viewer.add_image(np.zeros((4, 30, 30, 3), np.uint8), name="picture", rgb=True)
    viewer.add_image(np.zeros((5, 6)), name="slice")
    s.adopt()
    errors = [problem for problem in s.problems() if problem.severity == "error"]
    assert len(errors) == 1
    assert the_one(s, "'series' is 4-D").remedy == "take_volume"
    assert "open the CT itself" in str(the_one(s, "'picture' is an RGB picture"))
    assert "DICOM folder" in str(the_one(s, "'slice' is a single 2-D image"))
    with pytest.raises(ValueError, match="There is no CT"):
        s.render()


def test_radiographs_are_not_blamed_for_being_flat(viewer, s, add):
    ct = add()
    s.render()
    viewer.layers.remove(ct)
    assert len(s.problems()) == 1


def test_the_volume_of_a_series_that_is_shown_is_taken(viewer, s):
    volumes = np.stack([body(), body() + 5, body() + 7])
    viewer.add_image(
        volumes,
        name="4-D",
        scale=(2.0, 20.0, 20.0, 20.0),
        translate=(0.0, 30.0, 0.0, -7.0),
        units=("s", "mm", "mm", "mm"),
    )
    s.adopt()
    viewer.dims.set_current_step(0, 2)
    s.solve(the_one(s, "'4-D' is 4-D"))
    assert s.ct.name == "4-D at 2"
    assert np.shares_memory(s.ct.data, volumes[2])
    np.testing.assert_array_equal(s.ct.data, volumes[2])
    np.testing.assert_allclose(s.ct.data_to_world((1, 2, 3)), (50.0, 40.0, 53.0))
    assert not viewer.layers["4-D"].visible
    assert s.problems() == ()
    assert s.render().data.max() > 0


def test_taking_a_volume_needs_a_series(s, add):
    add()
    with pytest.raises(ValueError, match="No image layer is a series"):
        s.take_volume()
    with pytest.raises(ValueError, match="'ct' is no series of volumes"):
        s.take_volume(s.ct)


def test_an_array_of_another_dimension_in_the_same_layer(s, add):
    ct = add()
    ct.data = np.stack([body(), body()])
    assert the_one(s, "'ct' is 4-D by now").remedy == "take_volume"
    with pytest.raises(ValueError, match="4-D"):
        s.render()
    s.take_volume()
    assert not [problem for problem in s.problems() if problem.severity == "error"]


@pytest.mark.parametrize("units", ["pixel", ("s", "mm", "mm")])
def test_units_that_are_no_lengths_are_told_and_set(s, add, units):
    ct = add(units=units)
    kind = "no unit of length" if units == "pixel" else "second, millimeter"
    problem = the_one(s, kind)
    assert problem.severity == ("warning" if units == "pixel" else "error")
    s.solve(problem)
    assert [str(unit) for unit in ct.units] == ["millimeter"] * 3
    assert s.problems() == ()


def test_no_unit_is_told_as_a_problem_and_not_as_a_warning_of_python(s, add):
    add(units="pixel")  # a warning would be an error here
    assert s.render().data.max() > 0


def test_other_lengths_are_converted(s, add):
    add(scale=(2.0,) * 3, translate=(-10.0,) * 3, units="cm")
    assert s.problems() == ()


@oblique
def test_axes_in_one_plane_are_told(s, add):
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    affine[:3, 2] = affine[:3, 1] + (0, 0, 1e-7)
    add(affine=affine)
    assert the_one(s, "axes lie in one plane").severity == "error"


def test_a_single_slice_is_told(s, add):
    add(body()[:1])
    assert "a slice is no volume" in str(s.problems()[0])


def test_values_with_an_offset_are_brought_to_hu(viewer, s, add):
    stored = (body() + 1024).astype(np.uint16)
    add(stored, contrast_limits=(24, 2024))
    problem = the_one(s, "does not look like HU")
    assert (problem.severity, problem.remedy) == ("warning", "shift_ct")
    s.solve(problem)
    np.testing.assert_array_equal(s.ct.data, body())
    assert s.ct.data.dtype == np.int16
    assert s.ct.contrast_limits == [-1000, 1000]
    assert s.problems() == ()
    assert not viewer.layers["ct"].visible
    np.testing.assert_array_equal(viewer.layers["ct"].data, stored)


def test_floats_are_shifted_too(s, add):
    add(body() + 1024)
    s.shift_ct()
    np.testing.assert_array_equal(s.ct.data, body())


def test_other_values_than_hu_have_no_remedy(s, add):
    add((body() + 1000) / 1900)
    assert the_one(s, "does not look like HU").remedy is None


def test_what_is_not_finite_is_replaced_by_air(s, add):
    holed = body()
    holed[2:5] = np.nan
    holed[6, :, 4], holed[7, :, 4] = np.inf, -np.inf
    add(holed, contrast_limits=(-1000, 1000))
    problem = the_one(s, "NaN or infinity for")
    assert (problem.severity, problem.remedy) == ("error", "fill_ct")
    s.solve(problem)
    assert (s.ct.data[2:5] == -1000).all()
    assert (s.ct.data[6, :, 4] == 3071).all()
    assert (s.ct.data[7, :, 4] == -1000).all()
    assert s.problems() == ()
    assert s.render().data.max() > 0


def test_one_bad_voxel_is_found_once_a_render_failed(s, add):
    # Odd indices: too many voxels to look at each, and this one is passed over.
    holed = body((60, 64, 68))
    holed[31, 33, 35] = np.nan
    add(holed, scale=(5.0,) * 3, translate=(-150.0,) * 3, contrast_limits=(-1000, 1000))
    assert s.problems() == ()
    with pytest.raises(ValueError, match="finite HU"):
        s.render()
    assert the_one(s, "NaN or infinity for one voxel").remedy == "fill_ct"
    s.ct.data = np.nan_to_num(holed, nan=-1000.0)
    assert s.problems() == ()


def test_one_value_everywhere_is_nothing_to_see(s, add):
    add(np.full(SHAPE, 7.0, np.float32))
    assert "nothing to see" in str(s.problems()[0])


def test_labels_elsewhere_are_told_with_both_places(viewer, s, add):
    add()
    add_labels(viewer, s, np.ones(SHAPE, np.uint8), translate=(900.0, 0.0, 0.0))
    problem = the_one(s, "do not overlap")
    assert problem.severity == "error"
    assert "z 890 to 1130" in str(problem)
    assert "the CT x -210 to 190" in str(problem)


def test_names_that_nobody_gave_are_noted(viewer, s, add):
    add()
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:8, 4:8, 4:8] = 5
    layer = add_labels(viewer, s, labels)
    assert the_one(s, "assumed to be TotalSegmentator's").severity == "note"
    layer.data = np.where(labels > 0, 200, 0).astype(np.uint8)
    assert [x.name for x in s.structures] == ["label 200"]
    assert "structures.csv" in str(the_one(s, "have no names"))


def test_images_called_like_labels_become_labels(viewer, s, add):
    add()
    found = np.zeros(SHAPE, np.float32)
    found[4:8, 4:8, 4:8] = 3
    image = add(found, "my segmentation")
    assert s.ct.name == "ct"
    s.solve(the_one(s, "'my segmentation' is an image layer"))
    assert s.labels.data.dtype == np.uint8
    np.testing.assert_array_equal(s.labels.data, found)
    np.testing.assert_allclose(s.labels.extent.world, image.extent.world)
    assert not image.visible
    image.data = found / 2
    with pytest.raises(ValueError, match="whole numbers of at least 0"):
        s.convert_labels(image)


def test_weights_without_labels_are_told(s, add):
    from dataclasses import replace

    add()
    s.recipe = replace(s.recipe, structures=(Structure(3, "heart", visible=False),))
    assert the_one(s, "no labels are chosen").severity == "error"


@oblique
def test_an_oblique_ct_gets_a_straight_copy(viewer, s, add):
    image = torchio.ScalarImage(tensor=body().T[None].copy(), affine=TURNED)
    voxels, how, _ = layers.image_layer_data(image, "ct")
    ct = viewer.add_image(voxels, **how)
    s.adopt()
    before = s.render().data.copy()
    labels = add_labels(
        viewer,
        s,
        (ct.data > 500).astype(np.uint8),
        affine=how["affine"],
        scale=(1,) * 3,
        translate=(0,) * 3,
    )
    problem = next(p for p in s.problems() if "'ct' lies askew" in str(p))
    assert (problem.severity, problem.remedy) == ("warning", "resample_ct")
    s.solve(problem)
    assert s.ct is viewer.layers["ct straight"]
    assert s.labels is viewer.layers["labels straight"]
    assert s.ct.data.shape == s.labels.data.shape
    assert not any("askew" in str(problem) for problem in s.problems())
    np.testing.assert_allclose(np.diag(s.ct.affine.affine_matrix), 1.0)
    # The copies lie where the layers lie, to a quarter of a voxel.
    for copy, layer, air in ((s.ct, ct, -1000), (s.labels, labels, 0)):
        np.testing.assert_allclose(center(copy, air), center(layer, air), atol=5.0)
    # The same body seen from the same place, through voxels that were interpolated.
    image = s.render().data
    assert np.corrcoef(image.ravel(), before.ravel())[0, 1] > 0.97
    assert list(viewer.layers).index(s.ct) == list(viewer.layers).index(ct) + 1


def center(layer, air=-1000):
    """Where the middle of what a layer shows lies in its world."""
    weight = layer.data - float(air)
    grid = np.indices(layer.data.shape)
    return np.array(layer.data_to_world([(weight * axis).sum() / weight.sum() for axis in grid]))


@oblique
def test_exchanged_axes_are_straightened_without_interpolation(viewer, s):
    affine = np.zeros((4, 4))
    affine[[0, 1, 2, 3], [1, 2, 0, 3]] = (20.0, -20.0, 20.0, 1.0)
    viewer.add_image(body(), name="ct", affine=affine, units="mm")
    s.adopt()
    s.solve(the_one(s, "askew"))
    assert np.shares_memory(s.ct.data, viewer.layers["ct"].data)
    assert s.ct.data.shape == (16, 20, 12)
    np.testing.assert_allclose(center(s.ct), center(viewer.layers["ct"]))


@oblique
def test_what_the_copy_adds_is_air(viewer, s, add):
    add(affine=layers_affine(TURNED))
    s.resample_ct()
    assert s.ct.data[0, 0, 0] == -1000
    assert s.ct.data.min() == -1000


def layers_affine(affine):
    return np.eye(4)[[2, 1, 0, 3]] @ affine @ np.eye(4)[[2, 1, 0, 3]]


def test_the_poses_faults_are_told(s, add):
    add()
    s.distance = 50.0
    assert the_one(s, "source lies inside the CT").severity == "warning"
    s.distance = 850.0
    s.pose.x = 3000.0
    assert the_one(s, "No ray meets the CT").severity == "warning"
    s.view("AP", distance=850.0)
    assert s.problems() == ()


def test_what_a_render_found_is_told_of_that_pose_only(s, add):
    add()
    s.detector.source_to_detector = 850.0
    assert s.problems() == ()
    s.render()
    assert "of the body lies behind the detector" in the_one(s, "behind the detector").message
    s.display.gamma = 2.0
    assert len(s.problems()) == 1
    s.pose.alpha_deg = 10.0
    assert s.problems() == ()
    s.undo()
    assert len(s.problems()) == 1
    s.reload()
    assert s.problems() == (), "it was told of what the layers held before"


def test_the_ct_behind_the_detector_or_the_source_is_not_met(s, add):
    add()
    s.detector.source_to_detector = 400.0
    assert the_one(s, "No ray meets the CT")
    s.detector.source_to_detector = 1020.0
    s.pose.y = -850.0
    assert the_one(s, "No ray meets the CT")


@pytest.mark.parametrize("alpha_deg", [0.0, 37.0, 90.0])
@pytest.mark.parametrize("shift", [0.0, 150.0, 420.0, 430.0, 450.0, 700.0])
def test_it_agrees_with_the_renderer_on_whether_rays_meet_the_ct(s, add, alpha_deg, shift):
    add()
    s.pose.update(alpha_deg=alpha_deg, x=shift)
    told = any("No ray meets the CT" in str(problem) for problem in s.problems())
    messages = []
    s.events.message.connect(messages.append)
    s.render()
    assert told == any("No ray meets" in message for message in messages)


def test_multiscale_is_noted_and_taken_in_full(s, add):
    add([body(), body()[::2, ::2, ::2]], multiscale=True)
    assert the_one(s, "full resolution").severity == "note"
    full = s.render().data.copy()
    s.ct.data = [body(), np.zeros((6, 8, 10))]
    np.testing.assert_array_equal(s.render().data, full)


def test_lazy_arrays_are_noted_and_loaded_when_they_are_rendered(s, add):
    loads = []
    lazy = dask.array.from_array(body()).map_blocks(
        lambda block: loads.append(block.shape) or block, dtype=np.float32, meta=np.empty(0)
    )
    add(lazy, contrast_limits=(-1000, 1000))
    loads.clear()
    assert the_one(s, "is loaded into memory").severity == "note"
    assert s.center is not None
    assert s.corners().shape == (8, 3)
    assert not loads, "nothing was computed to find out"
    s.render()
    assert loads
    count = len(loads)
    s.ct.translate = (0.0, 0.0, 5.0)
    s.render()
    assert len(loads) == count, "it only moved"
    assert len(s.problems()) == 1


def test_what_does_not_fit_into_memory_is_refused(s, add):
    endless = dask.array.zeros((200_000_000, 60, 60), np.float32, chunks=(20_000, 60, 60))
    add(endless, contrast_limits=(-1000, 1000))
    problem = the_one(s, "of memory are free")
    assert problem.severity == "error"
    assert "layer.data[::2, ::2, ::2]" in str(problem)
    with pytest.raises(MemoryError, match="crop the volume"):
        s.render()


def test_a_problem_without_a_remedy_is_solved_by_hand(s):
    with pytest.raises(ValueError, match="solved by hand: There is no CT"):
        s.solve(s.problems()[0])


def test_the_worst_comes_first(viewer, s, add):
    add(np.full(SHAPE, 7.0, np.float32), units="pixel")
    add_labels(viewer, s, np.ones(SHAPE, np.uint8))
    assert [problem.severity for problem in s.problems()] == ["error", "warning", "note"]


def test_a_viewer_that_is_gone_has_no_problems():
    s = Session(ViewerModel())
    assert s.problems() == ()


def test_finding_them_looks_at_some_voxels_only():
    large = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (9000, 9000, 9000), (0, 0, 0))
    assert Scan.of(large) == Scan(0.0, 0.0, 0, False)
