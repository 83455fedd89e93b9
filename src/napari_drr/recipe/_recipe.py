"""The recipe: all that is needed to render an image again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from napari_drr.recipe._ct import CTReference
from napari_drr.recipe._parts import (
    Attenuation,
    DetectorSettings,
    Display,
    Orientation,
    Pose,
    RendererSettings,
    Structure,
)
from napari_drr.recipe._values import Values, from_mapping

VERSION = 1


@dataclass(frozen=True)
class Recipe(Values):
    """All that is needed to render an image again from its CT.

    Recipes are immutable, hashable and compare by value; change one with `dataclasses.replace`.

    Args:
        ct: Which CT.
        isocenter: What the C-arm turns about, world mm; None is the center of the CT's grid.
        pose: Where the C-arm is.
        orientation: The view at the zero pose: `"AP"`, `"PA"`, or None.
        detector: The detector.
        renderer: How rays are integrated.
        attenuation: How HU become attenuation.
        structures: The labelled structures, with what is shown of them.
        display: How the image looks.
        version: Of the format; newer ones are refused.

    Examples:
        >>> recipe = Recipe(pose=Pose(alpha_deg=30))
        >>> Recipe.from_json(recipe.to_json()) == recipe
        True
    """

    ct: CTReference = field(default_factory=CTReference)
    isocenter: tuple[float, float, float] | None = None
    pose: Pose = field(default_factory=Pose)
    orientation: Orientation = "AP"
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    renderer: RendererSettings = field(default_factory=RendererSettings)
    attenuation: Attenuation = field(default_factory=Attenuation)
    structures: tuple[Structure, ...] = ()
    display: Display = field(default_factory=Display)
    version: int = field(default=VERSION, metadata={"required": True})

    def __post_init__(self) -> None:
        """Convert and check every field, and the version."""
        super().__post_init__()
        _check_version(self.version)

    def to_json(self) -> str:
        """Return the recipe as JSON text; numbers keep every bit.

        Returns:
            ASCII text, keys in the order of the fields.
        """
        return json.dumps(asdict(self), indent=2, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote; keys left out take their defaults.

        Args:
            text: JSON text.

        Returns:
            A recipe equal to the one that was written.

        Raises:
            ValueError: If the text is not JSON, comes from a newer version, has an unknown key, or
                a value of another type or outside its range; the message names the key, as in
                `pose.alpha_deg`.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"The recipe is not valid JSON: {error}.") from None
        if isinstance(data, dict):
            # First, since a newer recipe may have keys that are unknown here.
            _check_version(data.get("version"))
        return from_mapping(cls, data, "")

    def weights(self) -> dict[int, float]:
        """Return the weights to render with, by label.

        Returns:
            A weight for each structure that is hidden (0) or weighted; empty when all are rendered
            as they are.
        """
        weighted = {s.id: s.weight if s.visible else 0.0 for s in self.structures}
        return {label: weight for label, weight in weighted.items() if weight != 1.0}


def _check_version(version: object) -> None:
    if isinstance(version, int) and version > VERSION:
        raise ValueError(
            f"`version` is {version}, newer than this napari-drr reads (up to {VERSION}): "
            "update napari-drr."
        )
    if isinstance(version, int) and version < 1:
        raise ValueError(f"`version` must be at least 1, got {version}.")
