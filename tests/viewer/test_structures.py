"""The structures of a session, without a window."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_drr import session
from napari_drr.recipe import Structure
from napari_drr.viewer import layers
from napari_drr.viewer._solo import Solo
from napari_drr.viewer._structures import names_are_assumed

NAMES = ("heart", "aorta", "rib_left_1", "rib_left_2")


@pytest.fixture
def s():
    s = session(ViewerModel())
    rows = [Structure(7 * i + 1, n, "ribs" if "rib" in n else "") for i, n in enumerate(NAMES)]
    s.recipe = replace(s.recipe, structures=tuple(rows))
    return s


def visible(s):
    return {x.name for x in s.structures if x.visible}


def test_what_is_not_meant_stays_the_very_same(s):
    before = tuple(s.structures)
    s.structures.set_weight(2.0, "heart")
    after = tuple(s.structures)
    assert after[0].weight == 2.0
    assert all(a is b for a, b in zip(after[1:], before[1:], strict=True))


def test_nothing_new_is_no_change(s):
    seen = []
    s.events.recipe.connect(seen.append)
    could_undo = s.can_undo
    s.structures.show()
    s.structures.set_weight(1.0, "ribs")
    assert seen == []
    assert s.can_undo == could_undo


def test_an_id_counts_once(s):
    heart = s.structures["heart"].id
    assert s.structures.ids(heart, heart) == [heart]
    s.selected = (heart, heart)
    assert s.selected == (heart,)


def test_solo_goes_there_and_back(s):
    s.structures.hide("aorta")
    solo, before = Solo(), visible(s)
    solo.press(s.structures, ())
    assert visible(s) == before
    solo.press(s.structures, s.structures.ids("ribs"))
    assert solo.is_on(s.structures)
    assert visible(s) == {"rib_left_1", "rib_left_2"}
    solo.press(s.structures, s.structures.ids("heart"))
    assert visible(s) == {"heart"}
    assert solo.ends(s.structures, ())
    solo.press(s.structures, ())
    assert visible(s) == before
    assert not solo.is_on(s.structures)


def test_solo_goes_back_to_nothing_at_all(s):
    s.structures.hide()
    solo = Solo()
    for _ in range(2):
        solo.press(s.structures, s.structures.ids("heart"))
    assert visible(s) == set()


def test_solo_is_one_step(s):
    Solo().press(s.structures, s.structures.ids("heart"))
    s.undo()
    assert visible(s) == set(NAMES)


@pytest.mark.parametrize(
    ("metadata", "ids", "assumed"),
    [
        ({}, (1, 5), True),
        ({}, (1, 500), False),
        ({"structures": [{"id": 1, "structure": "heart", "group": ""}]}, (1,), False),
        ({"structures": [], "assumed": True}, (), True),
    ],
)
def test_names_may_be_assumed(metadata, ids, assumed):
    made = {layers.KEY: metadata} if metadata else {}
    labels = ViewerModel().add_labels(np.ones((2, 2, 2), np.uint16), metadata=made)
    assert names_are_assumed(labels, ids) == assumed
