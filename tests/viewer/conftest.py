import numpy as np
import pytest
import torch
import torchio


@pytest.fixture
def letter_f():
    """An F, 30 rows by 20 columns: no flip or turn of it looks like it."""
    image = np.zeros((30, 20), np.float32)
    image[:, :4] = 1
    image[:4] = 1
    image[12:16, :14] = 1
    return image


@pytest.fixture
def volume_image():
    """Make a small CT of distinct values in HU, with the affine that is asked for."""

    def make(affine=None, shape=(5, 6, 7), kind=torchio.ScalarImage):
        values = torch.arange(np.prod(shape), dtype=torch.float32).reshape(1, *shape)
        return kind(tensor=values - 1000, affine=affine)

    return make
