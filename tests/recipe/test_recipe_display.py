"""Do line integrals get the gray value that the display says?"""

import numpy as np
import pytest

from napari_drr.recipe import Display

P = np.array([0.0, 1.0, 2.0, 4.0])


def test_line_integrals_are_stretched_between_the_limits() -> None:
    np.testing.assert_allclose(Display().gray(P), P / 4)
    np.testing.assert_allclose(Display(contrast_limits=(1, 2)).gray(P), [0, 0, 1, 1])


def test_transmission_is_the_exponential_between_the_same_limits() -> None:
    gray = Display("transmission", contrast_limits=(1, 4)).gray(P)
    expected = (np.exp(-P[1:]) - np.exp(-4)) / (np.exp(-1) - np.exp(-4))
    np.testing.assert_allclose(gray, [1, *expected], atol=1e-15)


def test_inversion_and_gamma() -> None:
    np.testing.assert_allclose(Display(gamma=2).gray(P), (P / 4) ** 2)
    np.testing.assert_allclose(Display(gamma=2, invert=True).gray(P), 1 - (P / 4) ** 2)


@pytest.mark.parametrize("mode", ["line_integral", "transmission"])
@pytest.mark.parametrize(
    "p", [np.zeros((2, 2)), np.full((2, 2), 3.0), -P, P * 1000, P - 1e6, P * 1e-17]
)
def test_gray_values_are_0_to_1_whatever_the_image(mode: str, p: np.ndarray) -> None:
    gray = Display(mode).gray(p)
    assert gray.shape == p.shape
    assert ((gray >= 0) & (gray <= 1)).all()


def test_equal_limits_make_black_and_white() -> None:
    np.testing.assert_array_equal(Display(contrast_limits=(1, 1)).gray(P), [0, 0, 1, 1])
    gray = Display("transmission", contrast_limits=(1, 1)).gray(P)
    np.testing.assert_array_equal(gray, [1, 1, 0, 0])
