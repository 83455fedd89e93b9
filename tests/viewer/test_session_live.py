"""What a session renders live, and what it tells meanwhile."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from halt import Halt

from napari_drr import read
from napari_drr.viewer import layers, live
from napari_drr.viewer._session import Session


def wait_for(condition, seconds=60):
    """Without a window nothing posts; the loop's own thread is waited for."""
    deadline = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        deadline.wait(0.01)
    raise AssertionError("nothing came")


@pytest.fixture
def posted(viewer):
    """A session whose deliveries are run by `run()`, as an event loop would."""
    queue = []
    s = Session(viewer, queue.append)
    s.adopt()
    s.detector.update(height=300, width=300, pixel_spacing_x=1.5, pixel_spacing_y=1.5)

    def run():
        while queue:
            queue.pop(0)()

    s.run = run
    yield s
    s.close()


def settled(s):
    """Wait until the newest recipe is shown in full."""
    results = []
    s.events.rendered.connect(results.append)

    def is_done():
        s.run()
        job = s._rendering._job
        done = job is None or job.future.done()
        shown = s.output() is not None and not s.status.is_preview
        return done and shown and s.output().metadata[layers.KEY] == as_json(s.recipe)

    wait_for(is_done)
    s.events.rendered.disconnect(results.append)
    return results


def as_json(recipe):
    return json.loads(recipe.to_json())


def test_live_renders_what_changes(posted):
    posted.live = True
    settled(posted)
    for change in (
        lambda: setattr(posted.pose, "alpha_deg", 20.0),
        lambda: posted.view("left lateral"),
        lambda: posted.structures.hide("ribs"),
        lambda: setattr(posted.attenuation, "energy_kev", 100.0),
        lambda: posted.undo(),
    ):
        before = posted.output().data.copy()
        change()
        settled(posted)
        live = posted.output().data.copy()
        assert not np.array_equal(live, before)
        # Weights may come of new rays, or of what was rendered apart by now: sums that are rounded.
        np.testing.assert_allclose(live, posted.render().data, atol=1e-6 * live.max())


def test_nothing_renders_when_it_is_not_live(posted):
    posted.pose.alpha_deg = 20.0
    posted.run()
    assert posted.output() is None
    assert not posted._rendering._loop.is_busy


def test_a_gesture_ends_with_the_full_image(posted):
    posted.live = True
    settled(posted)
    with posted.gesture():
        for angle in range(1, 20):
            posted.pose.alpha_deg = float(angle)
            posted.run()
    settled(posted)
    live = posted.output().data.copy()
    assert np.array_equal(live, posted.render().data)


def test_looks_change_at_once_without_a_render(posted):
    posted.live = True
    settled(posted)
    seen = []
    posted.events.rendered.connect(seen.append)
    layer, values = posted.output(), posted.output().data.copy()
    posted.display.invert = True
    assert layer.colormap.name == "gray_r"
    posted.display.contrast_limits = (0.0, 2.0)
    assert tuple(layer.contrast_limits) == (0.0, 2.0)
    posted.display.contrast_limits = None
    assert layer.contrast_limits[1] == pytest.approx(values.max())
    posted.display.mode = "transmission"
    assert layer.colormap.name.startswith("transmission")
    assert layer.metadata[layers.KEY]["display"]["mode"] == "transmission"
    posted.run()
    assert seen == []
    assert np.array_equal(layer.data, values)


def test_a_window_is_painted_before_anything_is_loaded(posted, monkeypatch):
    monkeypatch.setattr(live, "HEAD_START", 1000.0)
    posted.warm_up()
    posted.render(wait=False)
    image = posted._rendering._job.future
    with pytest.raises(TimeoutError):
        image.result(0.2)
    posted.run()
    assert image.result(60).image.max() > 0


def test_that_the_renderer_is_loaded_is_told_until_it_has_rendered(posted, monkeypatch):
    monkeypatch.setattr(live, "HEAD_START", 1000.0)
    halt, told = Halt(), []
    posted.events.message.connect(told.append)
    posted._rendering._loop.hold()
    posted._rendering._loop.later(halt)  # ahead of what loads it
    posted.warm_up()
    posted.render()
    assert [message.startswith("Loading the renderer") for message in told] == [True]
    posted.render(wait=False)
    assert len(told) == 1
    halt.end()


def test_what_lies_under_a_pixel_is_named(posted):
    posted.live = True
    settled(posted)
    wait_for(lambda: posted._rendering._renderer.apart is not None)
    heart = posted.structures["heart"]
    images, _ = posted.recipe.channels(read_inputs(posted), ["heart"])
    row, column = np.unravel_index(int(images[0, 0].argmax()), images.shape[2:])
    found = posted.under(int(column), int(row))
    values = {structure.id: value for structure, value in found}
    assert values[heart.id] == pytest.approx(float(images[0, 0, row, column]), rel=1e-5)
    assert [v for _, v in found] == sorted((v for _, v in found), reverse=True)
    assert posted.under(-1, 0) == []
    halt = Halt()
    posted._rendering._loop.later(halt)
    halt.wait()
    posted.pose.alpha_deg = 50.0
    assert posted.under(int(column), int(row)) == []
    halt.end()
    wait_for(lambda: posted.under(int(column), int(row)) != [])


def read_inputs(s):
    inputs = s._inputs.snapshot()
    return read(
        (inputs.hounsfield, inputs.affine),
        inputs.labels,
        structures=inputs.structures,
        attenuation="physical",
    )


def test_tools_and_points_are_checked_and_told(s):
    told = []
    for name in ("tool", "marker", "ray", "selected"):
        getattr(s.events, name).connect(lambda value, name=name: told.append((name, value)))
    s.tool = "turn"
    s.marker = (1, 2, 3)
    s.marker = (1.0, 2.0, 3.0)
    s.ray = (3.5, 4.5)
    s.selected = ["heart"]
    s.ray = None
    heart = s.structures["heart"].id
    assert told == [
        ("tool", "turn"),
        ("marker", (1.0, 2.0, 3.0)),
        ("ray", (3.5, 4.5)),
        ("selected", (heart,)),
        ("ray", None),
    ]
    with pytest.raises(ValueError, match="`tool` must be one of"):
        s.tool = "hammer"
    with pytest.raises(ValueError, match="3 finite numbers"):
        s.marker = (1.0, np.nan, 2.0)


def test_structures_are_inverted_and_colored(s):
    s.structures.solo("heart")
    s.structures.invert()
    assert [x.name for x in s.structures if not x.visible] == ["heart"]
    s.structures.set_color((1, 0, 0), "heart")
    assert s.structures.color("heart") == (1.0, 0.0, 0.0)
    s.structures.set_color(None, "heart")
    assert s.structures.color("heart") == layers.structure_color(s.structures["heart"].id)
    with pytest.raises(ValueError, match="3 or 4 numbers"):
        s.structures.set_color((2.0, 0, 0), "heart")


def test_a_slider_of_gamma_leaves_no_colormaps_behind(posted):
    from napari.utils.colormaps import AVAILABLE_COLORMAPS

    posted.live = True
    settled(posted)
    posted.display.mode = "transmission"
    before = set(AVAILABLE_COLORMAPS)
    for step in range(20):
        posted.display.gamma = 1.0 + step / 10
    assert len(set(AVAILABLE_COLORMAPS) - before) <= 1
    gray = posted.output().colormap.map(np.array([0.5]))[0, 0]
    limits = (0.0, float(posted.output().contrast_limits[1]))
    shown = replace(posted.recipe.display, contrast_limits=limits)
    assert gray == pytest.approx(float(shown.gray([limits[1] / 2])[0]), abs=1 / 255)


def test_another_cts_recipe_is_told_of_also_when_nothing_else_differs(posted, tmp_path):
    posted.live = True
    settled(posted)
    told = []
    posted.events.message.connect(told.append)
    other = replace(posted.recipe.ct, sha256="0" * 64)
    path = tmp_path / "other.drr.json"
    path.write_text(replace(posted.recipe, ct=other).to_json())
    posted.load(path)
    wait_for(lambda: (posted.run(), any("another CT" in text for text in told))[1])
    told.clear()
    posted.pose.alpha_deg = 3.0
    settled(posted)
    assert not told
    # A slider that is moved at once does not hide it.
    posted.load(path)
    posted.pose.beta_deg = 2.0
    wait_for(lambda: (posted.run(), any("another CT" in text for text in told))[1])


def test_clearing_all_layers_leaves_it_live(posted, viewer, phantom):
    posted.live = True
    settled(posted)
    radiograph = posted.output()
    viewer.layers.remove("ct")
    viewer.layers.remove(radiograph)
    assert posted.live


def test_a_radiograph_that_rests_stands_beside_its_ct_again(posted, viewer):
    """While it moves, only its pixels are written."""
    posted.live = True
    settled(posted)
    before = posted.output().affine.affine_matrix[1, 2]
    far = np.add(viewer.layers["ct"].translate, (0.0, 0.0, 500.0))
    viewer.layers["ct"].translate = viewer.layers["labels"].translate = far

    def has_moved():
        posted.run()
        return abs(posted.output().affine.affine_matrix[1, 2] - before) > 400

    wait_for(has_moved)


def test_a_render_that_was_asked_for_is_placed_at_once_though_live(posted, viewer):
    posted.live = True
    settled(posted)
    before = posted.output().affine.affine_matrix[1, 2]
    far = np.add(viewer.layers["ct"].translate, (0.0, 0.0, 500.0))
    viewer.layers["ct"].translate = viewer.layers["labels"].translate = far
    assert abs(posted.render().affine.affine_matrix[1, 2] - before) > 400


def test_what_was_styled_meanwhile_stays_styled_at_rest(posted):
    posted.live = True
    settled(posted)
    posted.display.invert = True
    posted._rendering.settle()
    assert posted.output().metadata[layers.KEY]["display"]["invert"] is True
