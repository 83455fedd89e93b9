"""The render loop: newest first, previews, cancellation, ends."""

import gc
import math
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from halt import Halt

from napari_drr import load_phantom
from napari_drr.recipe import DetectorSettings, Pose, Recipe, RendererSettings, Structure
from napari_drr.recipe._rendering import rendered_pixels
from napari_drr.viewer import live
from napari_drr.viewer._pace import Pace
from napari_drr.viewer._render import Renderer, shortage_told
from napari_drr.viewer._requests import Cancelled, Inputs, Request, Result, Settled
from napari_drr.viewer.live import Job, Loop

SECONDS = 60


@pytest.fixture(scope="module")
def inputs():
    subject = load_phantom(spacing=10.0, center_volume=False)
    volume, mask = subject["volume"], subject["mask"]
    return Inputs(
        volume.data[0], volume.affine, (mask.data[0], mask.affine), subject["structures"], ("a",)
    )


@pytest.fixture
def loop():
    loop = Loop(Renderer(), Pace())
    yield loop
    loop.close()


class Delivered:
    """The results that a loop delivered; waits for more. That it rests says nothing here."""

    def __init__(self):
        self.outcomes = []
        self._changed = threading.Condition()

    def __call__(self, job, outcome):
        if isinstance(outcome, Settled):
            return
        with self._changed:
            self.outcomes.append((job, outcome))
            self._changed.notify_all()

    def wait(self, condition):
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.outcomes), SECONDS)

    @property
    def results(self):
        return [outcome for _, outcome in self.outcomes]


def request(inputs, size=160, progress=lambda done, total: None, **changes):
    detector = DetectorSettings(
        height=size, width=size, pixel_spacing_x=400 / size, pixel_spacing_y=400 / size
    )
    recipe = replace(Recipe(detector=detector), **changes)
    return Request(recipe, inputs, (), None, threading.Event(), progress)


# No render is expected to be done in so few seconds: whatever the machine, previews are made.
NO_TIME = 1e-9


def is_full(outcomes):
    return bool(outcomes) and not outcomes[-1][1].is_preview


def warmed(loop, inputs):
    """Render once, so that there is a CT to preview."""
    job = Job(request(inputs))
    loop.submit(job)
    return job.future.result(SECONDS)


def test_a_job_is_rendered_as_the_renderer_does(loop, inputs):
    result = warmed(loop, inputs)
    again = Renderer().render(request(inputs))
    np.testing.assert_array_equal(result.image, again.image)
    assert not result.is_preview
    assert result.shape == (160, 160)


def test_what_is_held_back_begins_when_it_may(loop, inputs, monkeypatch):
    monkeypatch.setattr(live, "HEAD_START", 1000.0)
    done = threading.Event()
    loop.hold()
    loop.later(done.set)
    delivered = Delivered()
    loop.submit(Job(request(inputs), delivered, is_live=True))
    assert loop.is_busy
    assert not done.wait(0.1)
    assert not delivered.outcomes
    loop.go()
    delivered.wait(is_full)
    assert done.wait(SECONDS)


def test_who_waits_for_an_image_is_not_held_back(loop, inputs, monkeypatch):
    monkeypatch.setattr(live, "HEAD_START", 1000.0)
    loop.hold()
    assert warmed(loop, inputs).shape == (160, 160)


def test_a_closed_loop_holds_nothing_back(loop, inputs, monkeypatch):
    monkeypatch.setattr(live, "HEAD_START", 1000.0)
    loop.hold()
    job = Job(request(inputs), Delivered(), is_live=True)
    loop.submit(job)
    thread = loop._thread
    loop.close()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert isinstance(job.future.exception(SECONDS), Cancelled)


def test_a_live_job_is_previewed_then_rendered(loop, inputs):
    loop.pace.budget = NO_TIME
    warmed(loop, inputs)
    delivered = Delivered()
    job = Job(request(inputs, 700, pose=Pose(30.0)), delivered, is_live=True)
    loop.submit(job)
    full = job.future.result(SECONDS)
    delivered.wait(is_full)
    preview, last = delivered.results
    assert preview.is_preview
    assert preview.image.shape == full.image.shape == (700, 700)
    assert last is full
    # Linear between few pixels: it differs at edges only.
    difference = np.abs(preview.image - full.image)
    assert np.median(difference) < 0.02 * full.image.max()


def test_a_preview_of_few_pixels_is_one_though_the_image_has_no_more(loop, inputs):
    loop.pace.budget = NO_TIME
    delivered = Delivered()
    loop.submit(Job(request(inputs, 24), delivered, is_live=True))
    delivered.wait(is_full)
    assert [result.is_preview for result in delivered.results] == [True, False]
    assert [result.shape for result in delivered.results] == [(24, 24), (24, 24)]


def test_what_is_done_at_once_is_not_previewed(loop, inputs):
    loop.pace.budget = math.inf
    warmed(loop, inputs)
    delivered = Delivered()
    job = Job(request(inputs, pose=Pose(30.0)), delivered, is_live=True)
    loop.submit(job)
    job.future.result(SECONDS)
    delivered.wait(is_full)
    assert len(delivered.outcomes) == 1


def test_the_newest_of_many_is_rendered_and_the_others_given_up(loop, inputs):
    loop.pace.budget = NO_TIME
    warmed(loop, inputs)
    delivered, halt = Delivered(), Halt()
    jobs = [
        Job(request(inputs, 400, halt, pose=Pose(float(angle))), delivered, is_live=True)
        for angle in range(40)
    ]
    loop.submit(jobs[0])
    halt.wait()
    for job in jobs[1:]:
        loop.submit(job)
    halt.end()
    jobs[-1].future.result(SECONDS)
    given_up = [job for job in jobs if isinstance(job.future.exception(SECONDS), Cancelled)]
    assert given_up == jobs[:-1]
    delivered.wait(is_full)
    angles = [result.recipe.pose.alpha_deg for result in delivered.results]
    assert angles == [0.0, 39.0, 39.0]


def test_previews_come_however_fast_the_jobs_follow(loop, inputs):
    """Who drags without a rest sees something: a preview is not given up."""
    loop.pace.budget = NO_TIME
    warmed(loop, inputs)
    shown = Delivered()
    for angle in range(1, 12):
        job = Job(
            request(inputs, 700, pose=Pose(float(angle))), shown, is_live=True, is_moving=True
        )
        loop.submit(job)
        # If this thread is slow, the one before may have rested, and come in full as well.
        shown.wait(lambda outcomes, job=job: any(of is job for of, _ in outcomes))
        first = next(result for of, result in shown.outcomes if of is job)
        assert first.recipe.pose.alpha_deg == float(angle)
        assert first.is_preview


def test_a_drag_that_rests_is_rendered_in_full(loop, inputs):
    loop.pace.budget = NO_TIME
    warmed(loop, inputs)
    delivered = Delivered()
    loop.submit(Job(request(inputs, 700, pose=Pose(9.0)), delivered, is_live=True, is_moving=True))
    delivered.wait(is_full)
    assert [result.is_preview for result in delivered.results] == [True, False]


def test_a_new_job_ends_a_full_render_between_two_tiles(loop, inputs):
    warmed(loop, inputs)
    halt = Halt()
    slow = Job(request(inputs, 600, halt))
    loop.submit(slow)
    halt.wait()
    quick = Job(request(inputs, 50))
    loop.submit(quick)
    halt.end()
    assert quick.future.result(SECONDS).shape == (50, 50)
    assert isinstance(slow.future.exception(SECONDS), Cancelled)
    # What it had made by then would be kept until the collector comes.
    assert slow.future.exception().__traceback__ is None


def test_cancel_gives_up_what_waits_and_what_is_rendered(loop, inputs):
    warmed(loop, inputs)
    assert not loop.cancel()
    halt = Halt()
    running, waiting = Job(request(inputs, 600, halt)), Job(request(inputs, 600))
    loop.submit(running)
    halt.wait()
    assert loop.is_busy
    assert loop.cancel()
    loop.submit(waiting)
    assert loop.cancel()
    halt.end()
    for job in (running, waiting):
        assert isinstance(job.future.exception(SECONDS), Cancelled)


def test_what_goes_wrong_is_delivered_and_the_loop_goes_on(loop, inputs):
    far = (inputs.labels[0], inputs.labels[1] + np.eye(4)[:, 3:] * 0)
    moved = far[1].copy()
    moved[:3, 3] += 9000
    delivered = Delivered()
    wrong = replace(inputs, mask=(far[0], moved), key=("wrong",))
    loop.submit(Job(request(wrong), delivered, is_live=True))
    delivered.wait(bool)
    assert isinstance(delivered.results[0], ValueError)
    assert "overlap" in str(delivered.results[0])
    assert warmed(loop, inputs).image.max() > 0


def test_tasks_wait_for_jobs(loop, inputs):
    order, is_under_way, may_go_on = [], threading.Event(), threading.Event()

    def first():
        order.append("task")
        is_under_way.set()
        assert may_go_on.wait(SECONDS)

    done = threading.Event()
    loop.later(first)
    assert is_under_way.wait(SECONDS)
    loop.later(lambda: (order.append("second task"), done.set()))
    job = Job(request(inputs, progress=lambda *_: order.append("job")))
    loop.submit(job)
    may_go_on.set()
    job.future.result(SECONDS)
    assert done.wait(SECONDS)
    assert order[0] == "task"
    assert order[-1] == "second task"
    assert "job" in order


def test_one_thread_serves_all_jobs_and_ends_with_the_loop(inputs):
    loop = Loop(Renderer(), Pace())
    threads = set()
    for angle in range(3):
        job = Job(request(inputs, 30, pose=Pose(float(angle))))
        loop.submit(job)
        job.future.result(SECONDS)
        threads |= {t for t in threading.enumerate() if t.name == "napari-drr"}
    thread = loop._thread
    assert thread in threads
    loop.close()
    thread.join(SECONDS)
    assert not thread.is_alive()
    # It can be used again.
    assert warmed(loop, inputs).image.max() > 0
    loop.close()


def test_a_forgotten_loop_ends_its_thread_and_frees_the_volume(inputs):
    loop = Loop(Renderer(), Pace())
    warmed(loop, inputs)
    thread, renderer = loop._thread, weakref.ref(loop.renderer)
    del loop
    gc.collect()
    thread.join(SECONDS)
    assert not thread.is_alive()
    gc.collect()
    assert renderer() is None


def visible(inputs, hidden=()):
    return tuple(
        Structure(int(row.id), str(row.structure), visible=row.structure not in hidden)
        for row in inputs.structures.itertuples()
    )


def test_masks_come_after_the_radiograph(loop, inputs):
    warmed(loop, inputs)
    delivered = Delivered()
    heart = int(inputs.structures.set_index("structure").loc["heart", "id"])
    wanted = replace(request(inputs, pose=Pose(3.0)), channels=(heart,))
    job = Job(wanted, delivered, is_live=True, previews=False)
    loop.submit(job)
    result = job.future.result(SECONDS)
    delivered.wait(lambda outcomes: len(outcomes) == 2)
    radiograph, with_masks = delivered.results
    assert radiograph.awaits_channels
    assert radiograph.channels is None
    assert not with_masks.awaits_channels
    assert with_masks is result
    np.testing.assert_array_equal(radiograph.image, with_masks.image)
    assert with_masks.channels.shape == (1, 160, 160)


def test_weights_after_preparation_cost_no_ray(loop, inputs):
    rays = []
    first = replace(request(inputs, structures=visible(inputs)), prepares=True)
    job = Job(first)
    loop.submit(job)
    job.future.result(SECONDS)
    idle = threading.Event()
    loop.later(idle.set)
    assert idle.wait(SECONDS)
    assert loop.renderer.apart is not None

    def count(done, total):
        rays.append(done)

    hidden = request(inputs, progress=count, structures=visible(inputs, hidden=("heart",)))
    image = loop.renderer.render(hidden).image
    assert len(rays) <= 1, "one call says that all is done"
    exact = Renderer().render(hidden).image
    # Sums of rounded layers instead of one rounded sum.
    np.testing.assert_allclose(image, exact, atol=1e-6 * exact.max())
    whole = loop.renderer.render(first)
    assert isinstance(whole, Result)
    np.testing.assert_array_equal(whole.image, job.future.result().image)


def test_a_ct_that_has_yet_to_be_read_is_previewed_and_interrupted(loop, inputs):
    """A drag right after a change of the CT shows something, too."""
    warmed(loop, inputs)
    changed = replace(inputs, key=("another",))
    assert not loop.renderer.is_quick(request(changed), 10.0)
    delivered = Delivered()
    loop.submit(Job(request(changed, 700), delivered, is_live=True, is_moving=True))
    delivered.wait(bool)
    assert delivered.results[0].is_preview


def test_a_task_that_fails_does_not_end_the_thread(loop, inputs, caplog):
    def fail():
        raise RuntimeError("of no use")

    done = threading.Event()
    loop.later(fail)
    loop.later(done.set)
    assert done.wait(SECONDS)
    assert "of no use" in caplog.text
    assert warmed(loop, inputs).image.max() > 0


def test_what_fails_after_the_end_is_not_told(loop, caplog):
    halt = Halt()

    def fail():
        halt()
        raise RuntimeError("of no use")

    loop.later(fail)
    halt.wait()
    thread = loop._thread
    loop.close()
    halt.end()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert caplog.text == ""


def test_previews_of_the_largest_sample_are_as_bright_as_the_image(loop):
    size = 330  # so many voxels are joined for sums
    hounsfield = torch.full((size, 40, 40), -1000.0)
    hounsfield[100:230, 10:30, 10:30] = 40.0
    affine = np.diag([1.0, 4.0, 4.0, 1.0])
    thin = Inputs(hounsfield, affine, None, None, ("thin",))
    for reduction in ("sum", "max", "mip"):
        asked = request(thin, 300, renderer=RendererSettings(reduction=reduction))
        full = loop.renderer.render(asked).image
        preview = loop.renderer.preview(asked, (150, 150)).image
        # A sum's joined voxels are the same in the middle of the block.
        assert preview.max() == pytest.approx(full.max(), rel=0.01), reduction


def test_previews_of_a_sparse_image_show_the_same_pixels(loop, inputs):
    asked = request(inputs, 60, renderer=RendererSettings(sparse_share=0.3))
    full = loop.renderer.render(asked).image
    preview = loop.renderer.preview(asked, (30, 30)).image
    pixels = rendered_pixels(asked.recipe)
    assert pixels.mean() == pytest.approx(0.3, abs=1 / full.size)
    assert not full[~pixels].any()
    assert not preview[~pixels].any()
    assert preview.max() == pytest.approx(full.max(), rel=0.1)


def test_too_little_memory_is_told_with_a_way_out(inputs):
    told = pytest.raises(MemoryError, match="60 x 60 pixels of this CT: take fewer pixels")
    with told, shortage_told(request(inputs, 60)):
        torch.empty(2**60)
