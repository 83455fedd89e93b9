"""Does a recipe come back from JSON as it was, and is what can't be one refused clearly?"""

import dataclasses
import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_drr.recipe import (
    VERSION,
    Attenuation,
    CTReference,
    DetectorSettings,
    Display,
    Pose,
    Recipe,
    RendererSettings,
    Structure,
)
from napari_drr.recipe._parts import EulerConvention

numbers = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
texts = st.text(max_size=8)
rows = st.tuples(*[numbers] * 4)

recipes = st.builds(
    Recipe,
    ct=st.builds(
        CTReference,
        name=texts,
        sha256=texts,
        series_uid=st.none() | texts,
        path=st.none() | texts,
        shape=st.lists(st.integers()).map(tuple),
        affine=st.tuples(rows, rows, rows, rows),
    ),
    isocenter=st.none() | st.tuples(numbers, numbers, numbers),
    pose=st.builds(
        Pose,
        **dict.fromkeys(["alpha_deg", "beta_deg", "gamma_deg", "x", "y", "z"], numbers),
        convention=st.sampled_from(get_args(EulerConvention)),
    ),
    orientation=st.sampled_from(["AP", "PA", None]),
    detector=st.builds(
        DetectorSettings,
        source_to_detector=numbers.filter(bool),
        height=st.integers(min_value=1),
        width=st.integers(min_value=1),
        pixel_spacing_x=positive,
        pixel_spacing_y=positive,
        x0=numbers,
        y0=numbers,
        mirror=st.booleans(),
    ),
    renderer=st.builds(
        RendererSettings,
        renderer=st.sampled_from(["siddon", "trilinear"]),
        reduction=st.sampled_from(["sum", "max", "mip"]),
        n_points=st.integers(min_value=2),
        backend=st.sampled_from(["auto", "reference", "cpu", "cuda"]),
    ),
    attenuation=st.builds(
        Attenuation,
        kind=st.sampled_from(["physical", "relative"]),
        energy_kev=positive,
        bone_weight=positive,
        bone_attenuation_multiplier=positive,
    ),
    structures=st.lists(
        st.builds(
            Structure,
            id=st.integers(),
            name=texts,
            group=texts,
            visible=st.booleans(),
            weight=numbers,
            color=st.none() | st.tuples(numbers, numbers, numbers),
        ),
        max_size=3,
        unique_by=lambda structure: structure.id,
    ).map(tuple),
    display=st.builds(
        Display,
        mode=st.sampled_from(["line_integral", "transmission"]),
        invert=st.booleans(),
        gamma=positive,
        contrast_limits=st.none() | st.tuples(numbers, numbers).map(sorted),
    ),
)


@given(recipes)
def test_json_gives_back_an_equal_recipe(recipe: Recipe) -> None:
    back = Recipe.from_json(recipe.to_json())
    assert back == recipe
    assert hash(back) == hash(recipe)
    # Equal numbers could still differ in the sign of zero.
    assert back.to_json() == recipe.to_json()


@given(recipes)
def test_json_is_ascii_and_standard(recipe: Recipe) -> None:
    text = recipe.to_json()
    assert text.isascii()
    assert json.loads(text)["version"] == VERSION


@given(recipes)
def test_repr_evaluates_to_an_equal_recipe(recipe: Recipe) -> None:
    parts = [Attenuation, CTReference, DetectorSettings, Display, Pose, RendererSettings, Structure]
    assert eval(repr(recipe), {part.__name__: part for part in [*parts, Recipe]}) == recipe


def test_a_structure_is_listed_once() -> None:
    listed = (Structure(51, "heart"), Structure(5, "liver"), Structure(51, "heart", weight=2.0))
    with pytest.raises(ValueError, match="`structures` must list each id once, got 51 more than"):
        Recipe(structures=listed)
    data = json.loads(Recipe(structures=listed[:2]).to_json())
    data["structures"] += data["structures"]
    with pytest.raises(ValueError, match="`structures` must list each id once, got 51 more than"):
        Recipe.from_json(json.dumps(data))


def test_keys_left_out_take_their_defaults() -> None:
    text = '{"version": 1, "pose": {"alpha_deg": 30}}'
    assert Recipe.from_json(text) == Recipe(pose=Pose(alpha_deg=30.0))


def test_values_of_numpy_become_plain_ones() -> None:
    recipe = Recipe(
        isocenter=np.array([1, 2, 3]),
        pose=Pose(alpha_deg=np.float32(0.5)),
        detector=DetectorSettings(height=np.int64(7)),
    )
    assert type(recipe.pose.alpha_deg) is float
    assert type(recipe.detector.height) is int
    assert recipe.isocenter == (1.0, 2.0, 3.0)
    assert type(recipe.isocenter[0]) is float


def test_a_recipe_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().version = 2


def without(text: str, *keys: str) -> str:
    """Take a key out of a recipe's JSON."""
    data = json.loads(text)
    part = data
    for key in keys[:-1]:
        part = part[key]
    del part[keys[-1]]
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"version": 1', "not valid JSON"),
        ("[]", r"A recipe must be an object with keys, got \[\]"),
        ("{}", "The key `version` is missing"),
        ('{"version": 2, "beam": "cone"}', "newer than this napari-drr.*update"),
        ('{"version": 0}', "`version` must be at least 1, got 0"),
        ('{"version": "1"}', "`version` must be a whole number, got '1'"),
        ('{"version": true}', "`version` must be a whole number, got True"),
        ('{"version": 1, "beam": 3}', "Unknown key `beam`: the keys here are ct, isocenter"),
        ('{"version": 1, "pose": {"alpha": 3}}', r"Unknown key `pose\.alpha`"),
        ('{"version": 1, "pose": 3}', "`pose` must be an object with keys, got 3"),
        ('{"version": 1, "pose": {"x": "3"}}', r"`pose\.x` must be a number, got '3'"),
        ('{"version": 1, "pose": {"x": true}}', r"`pose\.x` must be a number, got True"),
        ('{"version": 1, "pose": {"x": NaN}}', r"`pose\.x` must be a finite number, got nan"),
        ('{"version": 1, "pose": {"x": 1e999}}', r"`pose\.x` must be a finite number, got inf"),
        ('{"version": 1, "pose": {"x": 1' + 400 * "0" + "}}", r"`pose\.x` must be a finite"),
        ('{"version": 1, "pose": {"convention": "ZZZ"}}', r"`pose\.convention` must be one of XYX"),
        ('{"version": 1, "isocenter": [1, 2]}', "`isocenter` must have 3 entries, got 2"),
        ('{"version": 1, "isocenter": [1, 2, "z"]}', r"`isocenter\[2\]` must be a number"),
        ('{"version": 1, "isocenter": "123"}', "`isocenter` must be a sequence, got '123'"),
        ('{"version": 1, "orientation": "LL"}', "`orientation` must be one of AP, PA; got 'LL'"),
        ('{"version": 1, "detector": {"height": 0}}', r"`detector\.height` must be at least 1"),
        ('{"version": 1, "detector": {"height": 2.5}}', r"`detector\.height` must be a whole"),
        ('{"version": 1, "detector": {"mirror": 1}}', r"`detector\.mirror` must be true or false"),
        (
            '{"version": 1, "detector": {"source_to_detector": 0}}',
            r"`detector\.source_to_detector` must be other than 0, got 0\.0",
        ),
        (
            '{"version": 1, "detector": {"pixel_spacing_x": -1}}',
            r"`detector\.pixel_spacing_x` must be greater than 0, got -1\.0",
        ),
        (
            '{"version": 1, "attenuation": {"bone_weight": -1}}',
            r"`attenuation\.bone_weight` must be at least 0",
        ),
        ('{"version": 1, "structures": [{"id": 1}]}', r"`structures\[0\]\.name` is missing"),
        (
            '{"version": 1, "structures": [{"id": 1, "name": 2}]}',
            r"`structures\[0\]\.name` must be text, got 2",
        ),
        (
            '{"version": 1, "display": {"contrast_limits": [2, 1]}}',
            r"`display\.contrast_limits` must be ascending, got \(2\.0, 1\.0\)",
        ),
        ('{"version": 1, "ct": {"name": null}}', r"`ct\.name` must be text, got None"),
        (
            '{"version": 1, "ct": {"name": ' + json.dumps(["long"] * 99) + "}}",
            r"`ct\.name` must be text, got \['long', .*\.\.\.\.$",
        ),
    ],
)
def test_what_is_no_recipe_is_refused_with_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.from_json(text)


def test_the_version_must_be_there() -> None:
    with pytest.raises(ValueError, match="`version` is missing"):
        Recipe.from_json(without(Recipe().to_json(), "version"))


def test_constructors_check_too() -> None:
    with pytest.raises(TypeError, match="`alpha_deg` must be a number, got '30'"):
        Pose(alpha_deg="30")
    with pytest.raises(ValueError, match="`kind` must be one of physical, relative; got 'x'"):
        Attenuation(kind="x")
    with pytest.raises(ValueError, match="`version` is 2, newer"):
        Recipe(version=2)
