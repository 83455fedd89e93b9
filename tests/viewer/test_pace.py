"""How large previews are."""

import pytest

from napari_drr.viewer._pace import FIRST_PAINT, LEAST, LEAST_PIXELS, PATIENCE, Pace


def settle(pace, seconds_per_pixel, overhead=0.0, shape=(800, 800), frames=150):
    """Render previews at a given speed, and return the last size."""
    for _ in range(frames):
        height, width = pace.shape(*shape)
        pace.rendered(height * width, overhead + height * width * seconds_per_pixel)
    return pace.shape(*shape)


def test_it_never_asks_for_more_than_the_image():
    assert Pace().shape(20, 30) == (20, 30)
    assert settle(Pace(), 1e-12, shape=(50, 40)) == (50, 40)


def test_it_keeps_the_ratio_of_the_sides():
    height, width = Pace().shape(1000, 500)
    assert height / width == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize("speed", [1e-8, 5e-8, 2e-7])
def test_rendering_comes_to_take_the_time_that_there_is(speed):
    pace = Pace()
    height, width = settle(pace, speed)
    # A step is a quarter of the pixels, and the size stays between 0.7 and 1.15 of the target.
    assert 0.5 * pace.target < height * width * speed <= 1.2 * pace.target


def test_a_slow_renderer_gets_no_smaller_than_what_can_be_seen():
    height, width = settle(Pace(), 1e-4)
    assert height * width == pytest.approx(LEAST_PIXELS, rel=0.3)


def test_it_is_steady_once_it_has_settled():
    pace = Pace()
    size = settle(pace, 1e-7)
    assert {settle(pace, 1e-7, frames=1) for _ in range(50)} == {size}


def test_it_follows_a_change():
    pace = Pace()
    slow = settle(pace, 3e-7)
    fast = settle(pace, 3e-8)
    assert fast[0] > slow[0]
    assert settle(pace, 3e-7)[0] == pytest.approx(slow[0], rel=0.2)


def test_the_target_is_half_of_the_paint_between_limits():
    pace = Pace()
    assert pace.paint_seconds is None
    assert pace.target == min(FIRST_PAINT / 2, 0.75 * PATIENCE)
    for _ in range(9):
        pace.painted(0.007)
    assert pace.paint_seconds == 0.007
    assert pace.target == 0.0035
    for _ in range(9):
        pace.painted(0.0001)
    assert pace.target == LEAST
    for _ in range(9):
        pace.painted(1.0)
    assert pace.target <= PATIENCE


def test_one_slow_paint_changes_nothing():
    pace = Pace()
    for seconds in (0.008, 0.008, 2.0, 0.008, 0.008):
        pace.painted(seconds)
    assert pace.paint_seconds == 0.008


def test_a_budget_goes_before_what_was_measured():
    pace = Pace(budget=0.1)
    pace.painted(0.02)
    assert pace.target == 0.1
