"""Small volumes and poses that the tests of the renderer share."""

import pytest
from shared_volumes import POSES, chest_folder, euler, make_volume

from napari_drr import load_example_ct, read


@pytest.fixture(params=POSES)
def pose(request):
    return euler(*POSES[request.param])


@pytest.fixture
def subject():
    volume, mask, table = make_volume()
    return read(volume, mask, structures=table)


@pytest.fixture(scope="session")
def chest():
    if chest_folder() is None:
        pytest.skip("NAPARI_DRR_DATA names no folder with the example chest CT")
    return load_example_ct()
