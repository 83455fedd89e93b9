"""Undo and redo."""

from napari_drr.viewer._history import DEPTH, History


def test_steps_go_back_and_forth():
    history = History()
    history.record("a")
    history.record("b")
    assert history.undo("c") == "b"
    assert history.undo("b") == "a"
    assert not history.can_undo
    assert history.undo("a") is None
    assert history.redo("a") == "b"
    assert history.redo("b") == "c"
    assert not history.can_redo
    assert history.redo("c") is None


def test_a_change_forgets_what_was_undone():
    history = History()
    history.record("a")
    history.undo("b")
    history.record("a")
    assert not history.can_redo


def test_a_gesture_is_one_step_however_deep():
    history = History()
    history.record("before")
    history.begin()
    history.begin()
    for state in "abc":
        history.record(state)
    assert not history.end()
    history.record("d")
    assert history.end()
    assert history.undo("e") == "a"
    assert history.undo("a") == "before"


def test_gestures_one_after_the_other_are_two_steps():
    history = History()
    for state in "ab":
        history.begin()
        history.record(state)
        history.record(state)
        history.end()
    assert history.undo("c") == "b"
    assert history.undo("b") == "a"


def test_an_undo_within_a_gesture_begins_another_step():
    history = History()
    history.begin()
    history.record("a")
    assert history.undo("b") == "a"
    history.record("a")
    assert history.can_undo
    history.end()


def test_an_end_too_many_does_no_harm():
    history = History()
    history.end()
    assert not history.in_gesture
    history.begin()
    assert history.in_gesture


def test_it_forgets_the_oldest():
    history = History()
    for number in range(DEPTH + 10):
        history.record(number)
    steps = 0
    while history.undo(-1) is not None:
        steps += 1
    assert steps == DEPTH
