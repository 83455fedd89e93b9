"""The CT that a command is about."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_drr.recipe import CTReference, Recipe

if TYPE_CHECKING:
    from torchio import Subject

PHANTOM, EXAMPLE = "phantom", "example"
PHANTOM_SPACING_MM = 2.0
_SPACING = "--spacing is the phantom's: other CTs keep their own."


def with_ct(options: Namespace, recipe: Recipe) -> Namespace:
    """Return the arguments with the CT filled in from the recipe, where they name none.

    Raises:
        ValueError: If neither names a CT.
    """
    known = recipe.ct.path or (recipe.ct.name if recipe.ct.name in (PHANTOM, EXAMPLE) else None)
    ct: str | None = options.ct or known
    if ct is None:
        raise ValueError(
            "Which CT? Name a file, a DICOM folder, `phantom` or `example`."
            + (" The recipe records no path." if options.source else "")
        )
    filled: dict[str, Any] = {"ct": ct, "series": options.series or _series(ct, recipe)}
    if ct == recipe.ct.name == PHANTOM and recipe.ct.shape and options.spacing is None:
        # The phantom of the recipe: as fine as it was there.
        filled["spacing"] = np.linalg.norm(np.array(recipe.ct.affine)[:3, :3], axis=0).tolist()
    return Namespace(**{**vars(options), **filled})


def read_subject(options: Namespace, recipe: Recipe) -> "Subject":
    """Read the CT and its labels, with the recipe's attenuation.

    Raises:
        OSError: If a file can't be read.
        ValueError: If it is no CT, or arguments don't fit it.
    """
    attenuation = recipe.attenuation
    settings: dict[str, Any] = {
        "attenuation": attenuation.kind,
        "energy_kev": attenuation.energy_kev,
        "bone_attenuation_multiplier": attenuation.bone_attenuation_multiplier,
    }
    if options.ct in (PHANTOM, EXAMPLE):
        return _built_in(options, settings)
    _check_file_options(options)
    from napari_drr.io.read import read

    return read(
        options.ct,
        options.labels,
        structures=options.structures_file,
        hu_offset=options.hu_offset,
        series=options.series,
        **settings,
    )


def _check_file_options(options: Namespace) -> None:
    """Raise if an argument would change nothing about a CT in a file."""
    if options.spacing is not None:
        raise ValueError(_SPACING)
    if options.structures_file is not None and options.labels is None:
        raise ValueError("--structures-file names the labels of --labels: give it too.")
    if options.series is not None and Path(options.ct).is_file():
        raise ValueError(f'--series goes with a DICOM folder, and "{options.ct}" is a file.')


def _built_in(options: Namespace, settings: dict[str, Any]) -> "Subject":
    for name in ("labels", "structures_file", "series"):
        if getattr(options, name) is not None:
            raise ValueError(
                f"--{name.replace('_', '-')} goes with a CT in a file: `{options.ct}` has its own."
            )
    if options.hu_offset:
        raise ValueError(f"--hu-offset goes with a CT in a file: `{options.ct}` is in HU.")
    if options.ct == EXAMPLE and options.spacing is not None:
        raise ValueError(_SPACING)
    if options.ct == PHANTOM:
        from napari_drr.volume.phantom import load_phantom

        spacing = PHANTOM_SPACING_MM if options.spacing is None else options.spacing
        return load_phantom(spacing=spacing, **settings)
    from napari_drr.io.example import load_example_ct

    return load_example_ct(**settings)


def reference(options: Namespace, recipe: Recipe, subject: "Subject") -> CTReference:
    """Return what new files say about their CT: name and path only if asked for."""
    built_in = options.ct in (PHANTOM, EXAMPLE)
    found = CTReference.of(subject, name=options.ct if built_in else "", series_uid=options.series)
    if recipe.ct.sha256 == found.sha256:
        # The same CT: keep what was asked for when the recipe was made.
        found = replace(found, name=recipe.ct.name, path=recipe.ct.path)
    if options.record_path and not built_in:
        path = Path(options.ct).resolve()
        found = replace(found, name=path.name, path=str(path))
    return found


def _series(ct: str, recipe: Recipe) -> str | None:
    """Return the UID of the DICOM series to read: the recipe's, or the only CT; else None."""
    if ct in (PHANTOM, EXAMPLE) or not Path(ct).is_dir():
        return None
    from napari_drr.io.dicom import list_series

    uids = [series.uid for series in list_series(ct) if series.modality == "CT"]
    if recipe.ct.series_uid in uids:
        return recipe.ct.series_uid
    return uids[0] if len(uids) == 1 else None
