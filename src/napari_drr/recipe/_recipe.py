"""The recipe: all that is needed to render an image again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from jaxtyping import Float

from napari_drr.recipe._ct import CTReference
from napari_drr.recipe._display import Display
from napari_drr.recipe._parts import (
    Attenuation,
    DetectorSettings,
    Orientation,
    Pose,
    RendererSettings,
    Structure,
)
from napari_drr.recipe._rendering import aimed, call_options, make_drr
from napari_drr.recipe._values import Values, from_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torchio import Subject

    from napari_drr.rendering.drr import DRR

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
        """Convert and check every field, the version, and that each structure is listed once."""
        super().__post_init__()
        _check_version(self.version)
        _check_ids(self.structures)

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

    def script(self, ct_path: str | None = None, labels_path: str | None = None) -> str:
        """Write a Python script that makes the image.

        Args:
            ct_path: File or DICOM folder of the CT; None is a name to fill in.
            labels_path: File of the labels; None is a name to fill in where they are needed.

        Returns:
            What `napari_drr.recipe.script` returns.
        """
        from napari_drr.recipe._script import script

        return script(self, ct_path, labels_path)

    def weights(self) -> dict[int, float]:
        """Return the weights to render with, by label.

        Returns:
            A weight for each structure that is hidden (0) or weighted; empty when all are rendered
            as they are.
        """
        weighted = {s.id: s.weight if s.visible else 0.0 for s in self.structures}
        return {label: weight for label, weight in weighted.items() if weight != 1.0}

    def drr(self, subject: Subject, **options: Any) -> DRR:
        """Return the renderer that this recipe describes.

        Args:
            subject: What `read` returned. Its density is mapped anew where its attenuation is not
                the recipe's.
            **options: More arguments of `DRR` that change no result, such as `memory_budget`.

        Returns:
            A `DRR` on the subject's device.

        Warns:
            RecipeWarning: If the subject holds another CT than the recipe names.
        """
        return make_drr(self, subject, options)

    def render(
        self,
        subject: Subject,
        drr: DRR | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Float[Tensor, "1 1 height width"]:
        """Render the image.

        The result is what `DRR` gives for the same settings, to the last bit.

        Args:
            subject: What `read` returned.
            drr: A renderer from `drr` of this recipe, or of one that differs in pose, orientation,
                detector, structures or bone weight only; its detector is set to this recipe's.
                None makes one.
            progress: Called with (rays done, rays in all).

        Returns:
            Line integrals.

        Raises:
            ValueError: If the recipe weights structures and the subject has no labels, or holds
                values that can't be rendered.

        Examples:
            >>> from napari_drr import load_phantom
            >>> recipe = Recipe(detector=DetectorSettings(height=4, width=5))
            >>> recipe.render(load_phantom(spacing=16.0)).shape
            torch.Size([1, 1, 4, 5])
        """
        drr = aimed(self, drr or self.drr(subject))
        pose = self.pose.rigid_transform()
        image: Tensor = drr(pose, **call_options(self), progress=progress)
        return image

    def channels(
        self,
        subject: Subject,
        structures: Sequence[int | str] | None = None,
        drr: DRR | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Float[Tensor, "1 channel height width"], list[str]]:
        """Render structures, each into a channel of its own.

        Args:
            subject: What `read` returned, with labels.
            structures: Ids, names or groups; None for all that the labels hold.
            drr: As in `render`.
            progress: As in `render`.

        Returns:
            Line integrals, and the names of the channels.

        Raises:
            ValueError: If the subject has no labels, or a structure is unknown.
        """
        drr = aimed(self, drr or self.drr(subject))
        pose = self.pose.rigid_transform()
        return drr.channels(pose, structures=structures, **call_options(self), progress=progress)


def _check_ids(structures: tuple[Structure, ...]) -> None:
    seen: set[int] = set()
    for each in structures:
        if each.id in seen:
            raise ValueError(f"`structures` must list each id once, got {each.id} more than once.")
        seen.add(each.id)


def _check_version(version: object) -> None:
    if isinstance(version, int) and version > VERSION:
        raise ValueError(
            f"`version` is {version}, newer than this napari-drr reads (up to {VERSION}): "
            "update napari-drr."
        )
    if isinstance(version, int) and version < 1:
        raise ValueError(f"`version` must be at least 1, got {version}.")
