"""Sections of the dock: what their controls do to the session, and what they show of it."""

from itertools import groupby

import numpy as np
import pytest
import torch
from docks import Watch, click, drag, fill, let_go, make_endless
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QAbstractSpinBox, QFileDialog

from napari_drr import session
from napari_drr.io.export import save_radiograph
from napari_drr.recipe import PRESETS, DetectorSettings, Recipe
from napari_drr.viewer import layers
from napari_drr.viewer.widgets.detector import CUSTOM, DetectorSection
from napari_drr.viewer.widgets.display import DisplaySection
from napari_drr.viewer.widgets.inputs import InputSection
from napari_drr.viewer.widgets.output import OutputSection
from napari_drr.viewer.widgets.pose import PoseSection
from napari_drr.viewer.widgets.renderer import RendererSection, renderer_summary
from napari_drr.viewer.widgets.view import ViewSection

pytestmark = pytest.mark.gui


@pytest.fixture
def make_section(make_napari_viewer, thorax):
    """Dock one section alone, on a viewer with the phantom."""

    def make(kind, filled=True):
        viewer = make_napari_viewer()
        if filled:
            fill(viewer, thorax)
        s = session(viewer)
        s.detector.update(height=20, width=24, pixel_spacing_x=16.0, pixel_spacing_y=16.0)
        section = kind(s)
        viewer.window.add_dock_widget(section, name="section")
        return viewer, s, section

    return make


def refusals(s):
    told = []
    s.events.refused.connect(told.append)
    return told


# Input


def test_the_radiological_view_is_taken_back_and_set_again(make_section):
    viewer, _, inputs = make_section(InputSection)
    assert not inputs.radiological.value
    inputs.radiological.value = True
    assert layers.is_radiological(viewer)
    viewer.scene.camera.orientation = ("towards", "down", "right")
    assert not inputs.radiological.value
    inputs.radiological.value = True
    inputs.radiological.value = False
    fresh = type(viewer.scene.camera)().orientation
    assert viewer.scene.camera.orientation == fresh


def test_a_file_is_opened(make_section, qtbot, tmp_path, thorax):
    viewer, s, inputs = make_section(InputSection, filled=False)
    assert "Drop a CT" in inputs.hint.value
    path = tmp_path / "ct.nii.gz"
    thorax.volume.save(path)
    inputs._ask_file()
    dialog = inputs.native.findChild(QFileDialog)
    dialog.setDirectory(str(tmp_path))
    dialog.selectFile(path.name)
    dialog.accept()
    assert s.ct is viewer.layers["ct"]
    assert not inputs.hint.native.isVisibleTo(inputs.native)
    told = refusals(s)
    inputs.open(tmp_path / "none.nii.gz")
    assert len(told) == 1


def test_the_phantom_is_one_click_away(make_section):
    viewer, s, inputs = make_section(InputSection, filled=False)
    inputs.open_phantom()
    assert s.ct in viewer.layers
    assert s.labels in viewer.layers


def test_a_frame_is_chosen(make_section):
    _, s, inputs = make_section(InputSection)
    inputs.frame_choice.value = "LPS"
    assert s.frame == "LPS"
    s.frame = "RAS"
    assert inputs.frame_choice.value == "RAS"


# View


VIEWS = {
    "AP": ("AP", 0, 0, 1),
    "PA": ("PA", 0, 0, -1),
    "L lat": ("PA", 90, 0, -1),
    "R lat": ("PA", -90, 0, -1),
    "LAO": ("PA", 30, 0, -1),
    "RAO": ("PA", -30, 0, -1),
    "CRA": ("PA", 0, 30, -1),
    "CAU": ("PA", 0, -30, -1),
}


def marked(section):
    return [text for text, button in section.buttons.items() if button.value]


def test_view_buttons_set_views_and_mark_the_one_that_is_shown(make_section):
    _, s, section = make_section(ViewSection)
    assert marked(section) == ["AP"]
    for text, (orientation, alpha, beta, front) in VIEWS.items():
        click(section.buttons[text])
        assert (s.orientation, s.pose.alpha_deg, s.pose.beta_deg) == (orientation, alpha, beta)
        assert np.sign(s.pose.y) == front
        assert marked(section) == [text]
        # A second click leaves it as it is.
        click(section.buttons[text])
        assert marked(section) == [text]
    s.pose.gamma_deg = 5
    assert marked(section) == []


def test_a_view_is_known_in_every_convention(make_section):
    _, s, section = make_section(ViewSection)
    click(section.buttons["LAO"])
    s.pose.convention = "XYZ"
    assert marked(section) == ["LAO"]
    s.pose.update(alpha_deg=s.pose.alpha_deg + 360)
    assert marked(section) == ["LAO"]


def test_the_angle_turns_the_view_that_is_marked(make_section):
    _, s, section = make_section(ViewSection)
    section.angle.value = 40
    assert s.pose.alpha_deg == 0, "AP has no angle"
    click(section.buttons["RAO"])
    section.angle.value = 25
    assert s.pose.alpha_deg == -25
    assert marked(section) == ["RAO"]


def test_fit_brings_the_ct_onto_the_detector(make_section):
    viewer, s, section = make_section(ViewSection)
    click(section.fit_button)
    assert s.detector.pixel_spacing_x != 16
    told = refusals(s)
    s.pose.y = 20
    click(section.fit_button)
    assert len(told) == 1
    viewer.layers.clear()
    assert not section.fit_button.enabled
    assert section.fit_button.tooltip == "Choose a CT first."


# Pose


def test_every_row_of_the_pose_sets_its_own_field(make_section):
    _, s, section = make_section(PoseSection)
    for index, (path, row) in enumerate(section.rows.items()):
        if path != "pose.convention":
            row.value = 20.5 + index
            assert getattr(s.pose, path.split(".")[1]) == 20.5 + index
    section.distance.value = 600
    assert s.distance == pytest.approx(600)


def test_the_convention_converts(make_section):
    _, s, section = make_section(PoseSection)
    s.pose.update(alpha_deg=30, beta_deg=20, gamma_deg=10)
    before = s.pose.matrix
    section.convention.value = "XYZ"
    assert s.pose.convention == "XYZ"
    assert np.allclose(s.pose.matrix, before, atol=1e-9)
    assert section.rows["pose.alpha_deg"].value != 30


def test_the_slider_of_y_is_on_the_sources_side(make_section):
    _, s, section = make_section(PoseSection)
    y = section.rows["pose.y"]
    assert y.slider_range[0] == 0
    s.view("PA")
    assert y.slider_range[1] == 0
    assert y.slider.value() == s.pose.y == -850


def test_the_isocenter_is_shown_picked_and_put_back(make_section):
    viewer, s, section = make_section(PoseSection)
    assert section.isocenter.value == "CT center"
    assert not section.center_button.enabled
    click(section.pick_button)
    assert s.tool == "isocenter"
    s.isocenter = (1.0, -2.5, 3.25)
    assert section.isocenter.value == "1.0, -2.5, 3.2 mm"
    click(section.center_button)
    assert s.isocenter is None
    click(section.pick_button)
    assert s.tool == "none"
    viewer.layers.clear()
    assert not section.pick_button.enabled


def test_mouse_tools(make_section):
    _, s, section = make_section(PoseSection)
    for tool, button in section.tools.items():
        click(button)
        assert s.tool == tool
        click(button)
        assert s.tool == tool
        assert [name for name, each in section.tools.items() if each.value] == [tool]
    s.tool = "turn"
    assert section.tools["turn"].value


def entry(menu_button, text):
    menu = menu_button.native.menu()
    return next(action for action in menu.actions() if action.text() == text)


def test_what_is_copied_is_pasted_back(make_section):
    _, s, section = make_section(PoseSection)
    told = []
    s.events.message.connect(told.append)
    s.pose.update(alpha_deg=33, x=12.5)
    s.detector.x0 = 4.0
    s.display.invert = True
    wanted = s.recipe
    for text, what in (
        ("Pose as 4x4 matrix", "pose"),
        ("Camera matrix K", "detector"),
        ("Python script", "all"),
        ("Recipe as JSON", "all"),
    ):
        entry(section.copy_menu, text).trigger()
        s.pose.reset()
        s.detector.update(x0=0.0, pixel_spacing_x=1.0)
        s.display.invert = False
        click(section.paste_button)
        assert told[-1].startswith("Pasted:"), told
        if what in ("pose", "all"):
            assert np.allclose(s.pose.alpha_deg, 33)
            assert np.allclose(s.pose.x, 12.5)
        if what in ("detector", "all"):
            assert s.detector.pixel_spacing_x == pytest.approx(16)
            assert s.detector.x0 == pytest.approx(4)
        if what == "all":
            assert s.recipe == wanted
        s.recipe = wanted


def test_what_cannot_be_pasted_is_told(make_section):
    _, s, section = make_section(PoseSection)
    told, before = refusals(s), s.recipe
    for text in ("", "hello", "[[1, 2], [3, 4]]", '{"version": 99}'):
        QGuiApplication.clipboard().setText(text)
        click(section.paste_button)
    assert len(told) == 4
    assert all(told)
    assert s.recipe == before


# Detector


def test_every_row_of_the_detector_sets_its_own_field(make_section):
    _, s, section = make_section(DetectorSection)
    for index, (path, row) in enumerate(section.rows.items()):
        row.value = (not row.value) if isinstance(row.value, bool) else 20 + index
        assert getattr(s.detector, path.split(".")[1]) == row.value


def test_presets(make_section):
    _, s, section = make_section(DetectorSection)
    assert section.preset.value == CUSTOM
    s.detector.mirror = False
    section.preset.value = "Chest stand, flat panel 43 x 43 cm"
    assert s.detector.source_to_detector == 1800
    assert not s.detector.mirror
    assert "1800 mm" in section.preset.tooltip
    s.detector.width = 77
    assert section.preset.value == CUSTOM
    section.preset.value = CUSTOM
    assert s.detector.width == 77
    s.recipe = Recipe(detector=DetectorSettings())
    assert section.preset.value in PRESETS


def test_a_closed_section_says_what_it_holds(open_dock):
    _, widget = open_dock()
    fold, s = widget.folds["detector"], widget.session
    s.detector.update(height=30, width=40, pixel_spacing_x=2.5, pixel_spacing_y=2.5)
    assert fold.summary.text() == "40 x 30, 2.5 mm, SDD 1020 mm"
    s.detector.pixel_spacing_y = 3
    assert "2.5 x 3 mm" in fold.summary.text()
    fold.toggle.click()
    assert fold.summary.text() == ""
    assert widget.folds["display"].summary.text() == "line integral, auto"
    assert widget.folds["renderer"].summary.text().startswith("siddon, auto")


def test_a_section_is_made_when_it_is_first_opened(open_dock, qtbot):
    """Its place is kept ready for it: in width, and for the Tab key."""
    _, widget = open_dock(show=True)
    late = [fold for fold in widget.folds.values() if not fold.is_open]
    assert len(late) == 3
    for fold in late:
        assert not fold.findChildren(QAbstractSpinBox)
        expected = fold.least_width
        fold.toggle.click()
        assert fold.findChildren(QAbstractSpinBox)
        qtbot.waitUntil(lambda fold=fold, wide=expected: wide - 16 <= fold.least_width <= wide)
    qtbot.waitUntil(widget.detector.native.isVisible)
    assert widget.detector is widget.detector
    order, part = [], widget.folds["pose"].toggle
    while part is not widget.output.render_button.native:
        if part.focusPolicy() & Qt.FocusPolicy.TabFocus:
            order += [name for name, fold in widget.folds.items() if fold.isAncestorOf(part)]
        part = part.nextInFocusChain()
    assert [name for name, _ in groupby(order)] == list(widget.folds)


# Renderer


def test_the_backend_that_auto_chose_is_shown(make_section):
    _, s, section = make_section(RendererSection)
    assert section.resolved.value == ""
    s.render()
    assert section.resolved.value.startswith("cpu, ")
    assert "auto: cpu" in renderer_summary(s)


def test_the_device_is_chosen_and_shown(make_section):
    _, s, section = make_section(RendererSection)
    box = section.device.native
    assert section.device.value == "auto"
    there = box.model().item(box.findText("cuda"))
    assert there.isEnabled(), "nobody knows before torch is imported"
    s.render()
    assert there.isEnabled() == torch.cuda.is_available()
    assert there.isEnabled() or "no such GPU" in there.toolTip()
    before = s.recipe
    section.device.value = "cpu"
    assert s.device == "cpu"
    assert s.recipe == before
    s.device = "cuda:99"
    assert section.device.value == "cuda:99"
    with pytest.raises(ValueError, match="no device 'cuda:99'"):
        s.render()
    s.device = "auto"
    assert section.device.value == "auto"
    s.render()
    with pytest.raises(ValueError, match="The device must be auto"):
        s.device = "gpu"


def test_a_sparse_share_leaves_pixels_out(make_section):
    _, s, section = make_section(RendererSection)
    s.pose.alpha_deg = 20
    full = s.render().data.copy()
    section.rows["renderer.sparse_share"].value = 0.25
    sparse = s.render().data
    drawn = sparse != 0
    assert 0 < drawn.sum() <= 20 * 24 // 4
    np.testing.assert_array_equal(sparse[drawn], full[drawn])


def test_what_has_no_effect_is_disabled_and_says_why(make_section):
    _, s, section = make_section(RendererSection)
    assert not section.points.enabled
    assert "choose trilinear" in section.points.tooltip
    s.renderer.renderer = "trilinear"
    assert section.points.enabled
    assert section.energy.enabled
    assert section.bone.enabled
    assert not section.multiplier.enabled
    assert section.multiplier.tooltip == "Choose the relative attenuation."
    s.attenuation.kind = "relative"
    assert not section.energy.enabled
    assert not section.bone.enabled
    assert section.multiplier.enabled


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (PoseSection, {"pose.alpha_deg": 270.0, "pose.y": -6000.0, "pose.x": 1e5}),
        (
            DetectorSection,
            {
                "detector.source_to_detector": 20000.0,
                "detector.height": 5000,
                "detector.pixel_spacing_x": 0.005,
                "detector.pixel_spacing_y": 200.0,
            },
        ),
        (
            RendererSection,
            {
                "renderer.n_points": 20000,
                "renderer.backend": "cuda",
                "attenuation.bone_weight": 20.0,
                "attenuation.energy_kev": 20.0,
            },
        ),
    ],
)
def test_every_legal_value_is_shown(make_section, kind, values):
    _, s, section = make_section(kind)
    for path, value in values.items():
        name, field = path.split(".")
        setattr(getattr(s, name), field, value)
        assert section.rows[path].value == value


# Display


def test_looks_render_nothing(make_section, qtbot):
    _, s, section = make_section(DisplaySection)
    layer = s.render()
    rendered, pixels = [], layer.data.copy()
    s.live = True
    Watch(s, qtbot).settle()
    s.events.rendered.connect(rendered.append)
    s.events.started.connect(lambda: rendered.append(None))
    job = s._rendering._job
    section.rows["display.invert"].value = True
    assert layer.colormap.name == "gray_r"
    section.rows["display.gamma"].value = 2.0
    assert layer.gamma == 2
    section.rows["display.mode"].value = "transmission"
    assert layer.colormap.name.startswith("transmission")
    assert np.array_equal(layer.data, pixels)
    assert not rendered
    assert s._rendering._job is job, "nor is it asked for, to come later"


def test_limits_are_auto_until_they_are_set(make_section):
    _, s, section = make_section(DisplaySection)
    layer = s.render()
    largest = float(layer.data.max())
    assert section.auto.value
    assert (section.low.value, section.high.value) == pytest.approx((0, largest))
    section.high.value = 1.5
    assert s.display.contrast_limits == (0, 1.5)
    assert not section.auto.value
    assert tuple(layer.contrast_limits) == (0, 1.5)
    assert section.slider.value() == (0, 1.5)
    section.auto.value = True
    assert s.display.contrast_limits is None
    section.auto.value = False
    assert s.display.contrast_limits == pytest.approx((0, largest))


def test_the_range_slider_is_one_step_to_undo(open_dock, qtbot):
    viewer, widget = open_dock(show=True)
    s, section = widget.session, widget.display
    Watch(s, qtbot).settle()
    widget.folds["display"].toggle.click()
    qtbot.waitUntil(lambda: section.slider.width() > 100)
    drag(section.slider, 0.98, 0.5)
    assert s._history.in_gesture
    let_go(section.slider)
    low, high = s.display.contrast_limits
    assert low == 0
    assert 0.3 < high / float(viewer.layers["DRR"].data.max()) < 0.7
    s.undo()
    assert s.display.contrast_limits is None
    assert section.auto.value


def test_limits_that_cross_are_refused(make_section):
    _, s, section = make_section(DisplaySection)
    s.display.contrast_limits = (0.0, 2.0)
    told = refusals(s)
    section.low.value = 3
    assert told
    assert section.low.value == 0


# Output


def test_masks_are_chosen(make_section):
    viewer, s, section = make_section(OutputSection)
    section.mask_labels.value = True
    assert s.masks == {"labels"}
    section.mask_images.value = True
    assert s.masks == {"labels", "images"}
    s.masks = ()
    assert not section.mask_labels.value
    viewer.layers.remove("labels")
    assert not section.mask_labels.enabled
    assert section.mask_labels.tooltip == "Choose labels first."


def accept(section, path):
    """Type a file name into the dialog that is open, and accept."""
    dialog = section.native.findChild(QFileDialog)
    dialog.setDirectory(str(path.parent))
    dialog.selectFile(path.name)
    dialog.accept()


def test_a_radiograph_is_saved_and_its_recipe_loaded(make_section, tmp_path):
    _, s, section = make_section(OutputSection)
    s.pose.alpha_deg = 12.0
    image = s.render().data.copy()
    path = tmp_path / "image.drr.tif"
    entry(section.save_menu, "Radiograph with its recipe...").trigger()
    accept(section, path)
    assert section.message_line.value == "Saved image.drr.tif."
    saved = tmp_path / "again.drr.tif"
    save_radiograph(saved, image, s.recipe)
    assert path.read_bytes() == saved.read_bytes()
    s.pose.reset()
    section.load_recipe(path)
    assert s.pose.alpha_deg == 12
    assert "image.drr.tif" in section.message_line.value


def test_settings_are_saved_and_loaded(make_section, qtbot, tmp_path):
    _, s, section = make_section(OutputSection)
    s.pose.beta_deg = 7.0
    entry(section.save_menu, "Settings (recipe)...").trigger()
    accept(section, tmp_path / "view")
    s.pose.reset()
    qtbot.waitUntil(lambda: section.native.findChild(QFileDialog) is None)
    entry(section.save_menu, "Load settings...").trigger()
    accept(section, tmp_path / "view.drr.json")
    assert s.pose.beta_deg == 7


def test_what_cannot_be_saved_or_loaded_is_told(make_section, tmp_path):
    _, s, section = make_section(OutputSection)
    section.save_radiograph(tmp_path / "none.drr.tif")
    assert section.message_line.value == "There is no radiograph yet: render one."
    s.render()
    section.save_radiograph(tmp_path / "no folder" / "x.drr.tif")
    assert section.message_line.is_warning
    section.load_recipe(tmp_path / "none.drr.json")
    assert "none.drr.json" in section.message_line.value
    (tmp_path / "bad.json").write_text("{")
    section.load_recipe(tmp_path / "bad.json")
    assert "not valid JSON" in section.message_line.value


def test_stop_gives_up_the_render(open_dock, qtbot):
    viewer, widget = open_dock()
    s = widget.session
    watch = Watch(s, qtbot)
    watch.settle()
    assert not widget.output.stop_button.enabled
    s.live = False
    make_endless(s)
    click(widget.output.render_button)
    assert widget.output.status_line.value == "Rendering ..."
    qtbot.waitUntil(lambda: not widget.output.progress_bar.isHidden())
    click(widget.output.stop_button)
    assert widget.output.status_line.value == "Stopped."
    assert widget.output.progress_bar.isHidden()
    s.undo()
    s.undo()
    click(widget.output.render_button)
    watch.settle()
    assert viewer.layers["DRR"].data.shape == (20, 24)


def test_failures_and_warnings_are_told_in_the_dock(open_dock, qtbot):
    viewer, widget = open_dock()
    s, output = widget.session, widget.output
    watch = Watch(s, qtbot)
    watch.settle()
    s.pose.x = 3000.0
    watch.settle()
    assert "No ray meets the CT" in output.message_line.value
    assert output.message_line.is_warning
    s.pose.x = 0.0
    watch.settle()
    assert output.message_line.value == ""
    far = np.add(viewer.layers["labels"].translate, 5000.0)
    viewer.layers["labels"].translate = far
    watch.fail()
    assert "overlap" in output.message_line.value
    assert output.status_line.value == "Not rendered."


@pytest.mark.parametrize(("fresh_ms", "stays"), [(300_000, True), (-300_000, False)])
def test_a_note_stays_a_while_though_it_renders(open_dock, qtbot, monkeypatch, fresh_ms, stays):
    # Longer than any render, or no time at all, though Qt rounds what is left of a timer.
    monkeypatch.setattr("napari_drr.viewer.widgets.output.NOTE_MS", 600_000)
    monkeypatch.setattr("napari_drr.viewer.widgets.output.FRESH_MS", fresh_ms)
    _, widget = open_dock()
    watch = Watch(widget.session, qtbot)
    watch.settle()
    qtbot.waitUntil(lambda: widget.session._rendering.is_warm)  # which it tells until then
    QGuiApplication.clipboard().setText(
        "[[0, -1, 0, -850], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"
    )
    click(widget.pose.paste_button)
    note = widget.output.message_line.value
    assert note == "Pasted: pose from a 4x4 matrix."
    # The live image may have come before the note was written.
    widget.session.render()
    assert widget.session.pose.alpha_deg == pytest.approx(90)
    assert widget.output.message_line.value == (note if stays else "")
    assert not widget.output.message_line.is_warning
