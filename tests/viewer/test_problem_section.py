"""The dock's list of what is wrong, with a button for each way out."""

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_drr.viewer._session import Session
from napari_drr.viewer.widgets.problems import MOST, ProblemSection

pytestmark = pytest.mark.gui


@pytest.fixture
def s():
    viewer = ViewerModel()  # which a session does not keep
    s = Session(viewer)
    yield s
    s.close()


@pytest.fixture
def section(s, qtbot):
    section = ProblemSection(s)
    window = QWidget()
    qtbot.addWidget(window)
    QVBoxLayout(window).addWidget(section.native)
    window.show()
    yield section
    window.close()


def body():
    hounsfield = np.full((12, 16, 20), -1000, np.float32)
    hounsfield[3:-3, 4:-4, 5:-5] = 100
    return hounsfield


def add(s, data, **how):
    s.viewer.add_image(data, **{"name": "ct", "scale": (20,) * 3, "units": "mm", **how})
    s.adopt()


def texts(section):
    return [line.value for line in section.lines if line.native.isVisible()]


def test_nothing_is_shown_where_all_is_well(s, section):
    assert texts(section) == []
    add(s, body())
    assert texts(section) == []
    assert not section.visible


def test_what_can_be_no_ct_is_told_where_there_is_none(s, section):
    s.viewer.add_image(np.zeros((2, 4, 5, 6)), name="series")
    assert "'series' is 4-D" in texts(section)[0]
    assert section.buttons[0].text == "Take volume"
    s.viewer.layers.remove("series")
    assert texts(section) == []


def test_a_button_solves_its_problem(s, section):
    add(s, body(), units="pixel")
    assert texts(section) == [f"⚠ {section.shown[0]}"]
    assert "'ct' has no unit of length" in texts(section)[0]
    assert section.buttons[0].text == "Set mm"
    section.buttons[0].native.click()
    assert str(s.ct.units[0]) == "millimeter"
    assert texts(section) == []


def test_without_a_remedy_there_is_no_button(s, section):
    s.viewer.add_image(np.zeros((4, 5)), name="slice")
    section.renew()
    assert "'slice' is a single 2-D image" in texts(section)[0]
    assert not section.buttons[0].native.isVisible()


def test_one_after_the_other_is_solved(s, section):
    holed = body() + 1024
    holed[2] = np.nan
    add(s, holed, units="pixel", contrast_limits=(0, 2000))
    seen = []
    while section.shown and section.shown[0].remedy is not None:
        seen.append(section.shown[0].remedy)
        section.buttons[0].native.click()
    assert seen == ["fill_ct", "use_millimeters", "shift_ct"]
    assert s.problems() == ()
    assert s.ct.data[2, 0, 0] == -1000


def test_a_pose_moves_nothing(s, section):
    add(s, body())
    s.pose.x = 3000.0
    section.renew()
    assert s.problems()[0].about == "recipe"
    assert texts(section) == []


def test_what_fails_is_told_and_too_much_is_not(s, section):
    for number in range(MOST + 2):
        s.viewer.add_image(np.zeros((4, 5)), name=f"slice {number}")
    s.events.failed.emit("")
    assert len(texts(section)) == MOST


def test_what_cannot_be_solved_is_refused_in_words(s, section, qtbot):
    s.viewer.add_image(np.zeros((2, 4, 5, 6)), name="series")
    (problem,) = section.shown
    s.viewer.layers.clear()
    assert section.shown == ()
    section.shown = (problem,)  # a click that comes too late
    refused = []
    s.events.refused.connect(refused.append)
    section.buttons[0].native.click()
    assert "No image layer is a series" in refused[0]
