"""The mouse in a real window: what a user's hand does there."""

import itertools

import numpy as np
import pytest
import torch
from hand import add_labels, at_pixel
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QOpenGLWidget

from napari_drr import DRR, load_phantom, read, session
from napari_drr.viewer import layers
from napari_drr.viewer._screen import Screen

pytestmark = pytest.mark.gui

AXIAL, CORONAL = (0, 1, 2), (1, 0, 2)
LEFT = Qt.MouseButton.LeftButton


class Canvas:
    """The canvas of a window, and the mouse over it."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot, self.held = viewer, qtbot, Qt.MouseButton.NoButton
        (self.native,) = (w for w in QApplication.allWidgets() if isinstance(w, QOpenGLWidget))

    def at(self, position):
        """Return where a position of the viewer is on the canvas."""
        viewer, camera = self.viewer, self.viewer.scene.camera
        screen = Screen.of(viewer)
        ways = np.array([screen.down, screen.right])
        away = np.asarray(position)[list(viewer.dims.order[-2:])] - camera.center[-2:]
        middle = np.array([self.native.height(), self.native.width()]) / 2
        y, x = np.rint(middle + ways * away * camera.zoom).astype(int).tolist()
        return QPoint(x, y)

    def pixel(self, column, row):
        """Return where a pixel point of the radiograph is on the canvas."""
        return self.at(at_pixel(self.viewer, session(self.viewer).output(), column, row))

    def click(self, point, button=LEFT):
        self.qtbot.mouseClick(self.native, button, pos=point)

    def press(self, point, modifier=Qt.KeyboardModifier.NoModifier):
        self.held = LEFT
        self.qtbot.mousePress(self.native, LEFT, modifier, pos=point)

    def move(self, point, until):
        """Move the mouse to a point; napari leaves out moves that come fast.

        Not by `qtbot.mouseMove`: it moves the X server's pointer too, which holds no button.
        """

        def moved():
            self._send_move(next(wobble))
            return bool(until())

        wobble = itertools.cycle([point, point + QPoint(1, 0)])
        self.qtbot.waitUntil(moved)

    def _send_move(self, point):
        where, anywhere = QPointF(point), QPointF(self.native.mapToGlobal(point))
        none, held = Qt.MouseButton.NoButton, self.held
        event = QMouseEvent(
            QEvent.Type.MouseMove, where, anywhere, none, held, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(self.native, event)

    def release(self, point, modifier=Qt.KeyboardModifier.NoModifier):
        self.held = Qt.MouseButton.NoButton
        self.qtbot.mouseRelease(self.native, LEFT, modifier, pos=point)


@pytest.fixture(scope="module")
def phantom():
    return load_phantom(spacing=12.0, center_volume=False)


@pytest.fixture
def viewer(make_napari_viewer, phantom):
    viewer = make_napari_viewer(show=True)
    voxels, how, _ = layers.image_layer_data(phantom.volume, "ct")
    viewer.add_image(voxels.copy(), **how)
    add_labels(viewer, phantom)
    layers.set_radiological(viewer)
    return viewer


@pytest.fixture
def s(viewer):
    s = session(viewer)
    s.detector.update(height=40, width=40, pixel_spacing_x=10.0, pixel_spacing_y=10.0)
    s.render()
    yield s
    s.close()


@pytest.fixture
def canvas(s, viewer, qtbot):
    viewer.screenshot(flash=False)  # napari's first draw puts the camera where its model is
    return Canvas(viewer, qtbot)


def of_the_api(s):
    """Render the session's pose, an AP one, with the API."""
    inputs = s._inputs.snapshot()
    subject = read((inputs.hounsfield, inputs.affine), attenuation="physical")
    pose = s.recipe.pose
    angles = torch.tensor([[pose.alpha_deg, pose.beta_deg, pose.gamma_deg]]).double()
    xyz = torch.tensor([[pose.x, pose.y, pose.z]]).double()
    drr = DRR(subject, 1020.0, 40, 10.0)
    image = drr(angles, xyz, parameterization="euler_angles", convention="ZXY", degrees=True)
    return image[0, 0].numpy()


def camera_of(viewer):
    camera = viewer.scene.camera
    return (*camera.center, camera.zoom)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("order", [AXIAL, CORONAL])
def test_a_drag_turns_the_c_arm_and_nothing_else(s, canvas, viewer, qtbot, live, order):
    viewer.dims.order = order
    s.live = live
    s.tool = "turn"
    before, camera, image = s.recipe, camera_of(viewer), s.render().data.copy()
    full, failed = [], []
    s.events.failed.connect(failed.append)
    s.events.rendered.connect(lambda result: full.append(result) if not result.is_preview else None)
    canvas.press(canvas.pixel(20, 20))
    canvas.move(canvas.pixel(24, 18), until=lambda: s.recipe != before)
    half_way = s.recipe
    canvas.move(canvas.pixel(28, 16), until=lambda: s.recipe != half_way)
    # Pictures come while the mouse is down.
    qtbot.waitUntil(lambda: not np.array_equal(s.output().data, image))
    canvas.release(canvas.pixel(28, 16))
    qtbot.waitUntil(lambda: bool(failed or (full and full[-1].recipe.pose == s.recipe.pose)))
    # 8 pixels of 40 are 18 degrees; the hand is where a canvas pixel is.
    assert (s.pose.alpha_deg, s.pose.beta_deg) == pytest.approx((-18.0, -9.0), abs=2.0)
    assert failed == []
    image = of_the_api(s)
    np.testing.assert_allclose(s.output().data, image, atol=1e-6 * image.max())
    assert camera_of(viewer) == pytest.approx(camera)
    s.live = False
    s.undo()
    assert s.recipe == before
    assert not s._history.in_gesture


def test_escape_takes_a_drag_back_and_a_release_may_be_anywhere(s, canvas, qtbot):
    s.viewer.layers.selection.active = s.labels  # napari binds Escape to its polygon there
    s.tool = "turn"
    before = s.recipe
    canvas.press(canvas.pixel(20, 20))
    canvas.move(canvas.pixel(30, 20), until=lambda: s.recipe != before)
    qtbot.keyClick(canvas.native, Qt.Key.Key_Escape)
    assert s.recipe == before
    canvas.release(QPoint(-50, -50))
    assert s.recipe == before
    canvas.press(canvas.pixel(20, 20))
    canvas.release(QPoint(-50, -50))
    assert s.recipe != before
    assert not s._history.in_gesture


def test_napari_pans_beside_the_radiograph(s, canvas, viewer):
    s.tool = "turn"
    before, camera = s.recipe, camera_of(viewer)
    inside = canvas.at(np.array(s.ct.extent.world).mean(axis=0))
    canvas.press(inside)
    canvas.move(inside + QPoint(30, 20), until=lambda: camera_of(viewer) != pytest.approx(camera))
    canvas.release(inside + QPoint(30, 20))
    assert s.recipe == before


@pytest.mark.parametrize("order", [AXIAL, CORONAL])
def test_clicks_link_within_half_a_pixel_and_half_a_voxel(s, canvas, viewer, order):
    viewer.dims.order = order
    s.tool = "link"
    canvas.click(canvas.pixel(12.5, 30.5))
    assert s.ray == pytest.approx((12.5, 30.5), abs=0.5)
    position = np.array(s.ct.data_to_world((4, 7, 9)))
    viewer.dims.point = position
    canvas.click(canvas.at(position))
    np.testing.assert_allclose(s.marker, position[::-1], atol=6.0)
    assert s.ray is None
    canvas.click(QPoint(2, 2))
    assert s.marker is None


def test_a_click_sets_the_isocenter(s, canvas):
    s.tool = "isocenter"
    position = np.array(s.viewer.dims.point)
    position[1:] = s.ct.data_to_world((0, 5, 8))[1:]
    canvas.click(canvas.at(position))
    np.testing.assert_allclose(s.isocenter, position[::-1], atol=6.0)
    assert s.tool == "none"


def test_the_status_bar_tells_the_value(s, canvas, viewer):
    row, column = np.unravel_index(s.output().data.argmax(), (40, 40))
    where = canvas.pixel(column + 0.5, row + 0.5)
    viewer.mouse_over_canvas = True
    before = viewer.cursor.position
    canvas.move(where, until=lambda: viewer.cursor.position != before)
    # What napari's thread does, which its test fixture does not start.
    viewer.update_status_from_cursor()
    assert viewer.status.startswith(f"line integral {s.output().data.max():.2f}")
