"""CT files of every kind, written for the tests."""

import numpy as np
import pytest
from dicom_files import write_series

SHAPE = (9, 7, 6)
AFFINE = np.array([[-0.8, 0, 0, 30.5], [0, -0.9, 0, 12.25], [0, 0, 2.5, -99], [0, 0, 0, 1.0]])


@pytest.fixture
def hounsfield():
    """HU of a small CT, int16, (X, Y, Z)."""
    hu = np.random.default_rng(0).integers(-1000, 1500, SHAPE).astype(np.int16)
    hu[0, 0, 0], hu[-1, -1, -1] = -1000, 1500
    return hu


@pytest.fixture
def affine():
    """World mm (RAS) from that CT's voxels; each voxel can be told from its coordinates."""
    return AFFINE.copy()


@pytest.fixture
def write_dicom():
    """A function that writes HU as a DICOM series and returns the files' paths."""
    return write_series
