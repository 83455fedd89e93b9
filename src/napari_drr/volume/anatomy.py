"""The thorax that the phantom paints: every organ as solids in mm.

Patient frame: mm, +x to the patient's right, +y to the front, +z to the head (RAS), origin in the
middle of the chest. Sizes are those of an adult; nothing is taken from a scan.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from napari_drr.volume.shapes import (
    Canvas,
    Coordinates,
    Inside,
    Shape,
    capsule,
    ellipsoid,
    half_space,
    hoop,
    plate,
    stack,
    tube,
)
from napari_drr.volume.structures import BACKGROUND, totalsegmentator_structures

Solid: TypeAlias = Shape | Sequence[Shape]

_CORTEX_MM = 1.9
_SIDES = ((1, "right"), (-1, "left"))

_VERTEBRAE = ["L1", *(f"T{n}" for n in range(12, 0, -1)), "C7", "C6"]
_VERTEBRA_HEIGHTS = [29, 27, 25.5, 24.5, 23.5, 22.5, 22, 21.5, 21, 20.5, 20, 19.5, 19, 17, 17]
_SPINE_BOTTOM = -168.0

# Ribs 1 to 12: barrel half width and half depth, how far the front end lies below the back (mm),
# and how far round the bony part goes (degrees from straight back).
_RIBS = [
    (60, 48, 30, 140),
    (86, 65, 40, 146),
    (106, 77, 52, 148),
    (118, 85, 62, 146),
    (126, 90, 70, 143),
    (132, 93, 76, 138),
    (135, 94, 80, 132),
    (137, 94, 82, 122),
    (137, 93, 82, 112),
    (134, 90, 76, 100),
    (128, 86, 58, 76),
    (120, 82, 40, 52),
]


# Right lung and mediastinum: z, center x, center y, half width, half depth.
_LUNG = [
    (-150, 70, -2, 60, 84),
    (-110, 73, 0, 57, 84),
    (-60, 71, 0, 57, 84),
    (-10, 66, -4, 56, 80),
    (30, 60, -10, 53, 72),
    (60, 53, -14, 45, 63),
    (90, 44, -22, 31, 48),
    (104, 38, -27, 22, 38),
    (114, 34, -31, 15, 27),
    (122, 32, -33, 9, 16),
    (126, 31, -34, 4, 6),
]
_MEDIASTINUM = [
    (-140, -2, -20, 10, 22),
    (-80, -4, -4, 20, 38),
    (-10, 0, -2, 29, 52),
    (50, 0, -8, 27, 46),
    (85, 0, -14, 21, 36),
    (110, 0, -18, 24, 30),
    (140, 0, -20, 32, 28),
]
# Vessels inside the right lung, mirrored for the left: points of their center lines.
_LUNG_VESSELS = [
    [(30, -14, 12), (58, -18, 34), (78, -14, 68)],
    [(30, -14, 10), (66, -8, 8), (96, 6, -4)],
    [(30, -18, 4), (52, -30, -30), (74, -46, -78)],
    [(32, -14, 0), (48, 0, -28), (76, 14, -52)],
    [(30, -16, 14), (46, -36, 40), (52, -46, 74)],
]
# From the heart up, over the left main airway and down before the spine.
_AORTA = [
    (6, 16, -4),
    (14, 18, 28),
    (8, 10, 56),
    (-14, -8, 70),
    (-33, -34, 56),
    (-32, -48, 20),
    (-26, -50, -60),
    (-10, -42, -168),
]
# Windpipe and the two main airways: center line, first and last radius.
_AIRWAYS: list[tuple[list[tuple[float, float, float]], float, float]] = [
    ([(2, -14, 172), (2, -20, 100), (2, -26, 46)], 9.0, 8.5),
    ([(2, -26, 46), (24, -28, 20), (44, -28, 4)], 7.5, 5.0),
    ([(2, -26, 46), (-22, -28, 26), (-48, -28, 12)], 7.0, 4.5),
]
# Right shoulder girdle: center lines, and the corners of the blade (top, tip, joint).
_CLAVICLE = [(20, 42, 97), (56, 40, 108), (96, 16, 124), (138, -12, 128)]
_SCAPULA = [(66, -88, 102), (92, -104, -22), (140, -36, 96)]
_SCAPULA_SPINE = [(70, -96, 80), (108, -82, 102), (146, -30, 124)]


_LOWER_LOBE, _UPPER_LOBE = half_space(-30.0, -0.85), ~half_space(-30.0, -0.85)
_RIGHT_LOBES = {
    "lung_lower_lobe_right": _LOWER_LOBE,
    "lung_middle_lobe_right": _UPPER_LOBE & half_space(8.0),
    "lung_upper_lobe_right": _UPPER_LOBE & ~half_space(8.0),
}
_LEFT_LOBES = {"lung_lower_lobe_left": _LOWER_LOBE, "lung_upper_lobe_left": _UPPER_LOBE}


class Thorax:
    """Paints the anatomy on a canvas, outside in; what comes later covers what came before."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        table = totalsegmentator_structures()
        self.ids = {BACKGROUND: 0, **dict(zip(table["structure"], table["id"], strict=True))}

    def paint(self) -> None:
        """Paint everything."""
        self._body()
        self._abdomen()
        self._lungs()
        self._mediastinum()
        self._spine()
        self._ribs()
        self._shoulders()

    def _soft(self, shapes: Solid, hounsfield: float | Inside, name: str = BACKGROUND) -> None:
        """Paint one tissue."""
        for shape in [shapes] if isinstance(shapes, Shape) else shapes:
            self.canvas.paint(shape, hounsfield, self.ids[name])

    def _bone(self, peeled: Callable[[float], Solid], name: str, cortex: float) -> None:
        """Paint a bone, given as its solid less a depth in mm: a shell of cortex around marrow."""
        self._soft(peeled(0.0), cortex, name)
        self._soft(peeled(_CORTEX_MM), 220.0, name)

    def _body(self) -> None:
        """Skin and fat, and within them muscle."""
        levels = [
            (-172, 0, 0, 150, 108),
            (-60, 0, 0, 158, 114),
            (40, 0, -2, 167, 111),
            (80, 0, -6, 175, 103),
            (104, 0, -10, 180, 93),
            (120, 0, -14, 179, 84),
            (131, 0, -16, 170, 77),
            (139, 0, -18, 152, 72),
            (146, 0, -18, 124, 67),
            (153, 0, -18, 96, 63),
            (161, 0, -17, 76, 60),
            (172, 0, -16, 66, 58),
        ]
        self._soft(stack(levels, 2.4), -95.0)
        within = [(z, x, y, a - 11, b - 9) for z, x, y, a, b in levels]
        self._soft(stack(within, 2.4), 48.0)

    def _lungs(self) -> None:
        """Five lobes, denser toward back and base, with the larger vessels at their roots."""
        for side, lobes in ((1, _RIGHT_LOBES), (-1, _LEFT_LOBES)):
            lung = _lung(side)
            for name, lobe in lobes.items():
                self._soft(lung & lobe, _lung_hounsfield, name)
            roots = [self.ids[name] for name in lobes]
            for points in _LUNG_VESSELS:
                for piece in tube([(side * x, y, z) for x, y, z in points], 6.0, 1.5):
                    self.canvas.paint(piece, 40.0, over=roots)

    def _abdomen(self) -> None:
        """Liver under the right dome; stomach with its gas and spleen under the left one."""
        right, left = (_under_diaphragm(side) for side in (1, -1))
        self._soft(ellipsoid((66, 4, -128), (82, 88, 90)) & right, 62.0, "liver")
        self._soft(ellipsoid((-4, 46, -118), (52, 34, 36)) & left, 62.0, "liver")
        self._soft(ellipsoid((-58, 6, -124), (46, 52, 56)) & left, 35.0, "stomach")
        self._soft(ellipsoid((-62, 18, -98), (32, 30, 16)) & left, -940.0, "stomach")
        self._soft(ellipsoid((-104, -40, -124), (24, 38, 44)) & left, 52.0, "spleen")

    def _mediastinum(self) -> None:
        """Heart with its tip to the left, great vessels, gullet and airways."""
        self._soft(stack(_MEDIASTINUM, 2.3), 30.0)
        self._soft(ellipsoid((-30, 26, -38), (62, 47, 47), (-0.76, 0.34, -0.55)), 44.0, "heart")
        self._soft(ellipsoid((20, 12, -24), (34, 34, 42)), 44.0, "heart")
        self._soft(tube([(24, 4, 4), (24, 2, 40), (22, 4, 84)], 10.0), 42.0, "superior_vena_cava")
        self._soft(tube([(16, -8, -62), (18, -10, -100)], 12.0), 42.0, "inferior_vena_cava")
        self._soft(tube(_AORTA, 15.0, 11.0), 46.0, "aorta")
        self._soft(tube([(2, -34, 168), (2, -40, 60), (-4, -40, -90)], 7.0), 34.0, "esophagus")
        for points, start, end in _AIRWAYS:
            self._soft(tube(points, start, end), -985.0, "trachea")

    def _spine(self) -> None:
        """Vertebrae C6 to L1, discs between them, and the canal with the cord."""
        bottom = _SPINE_BOTTOM
        for level, (name, height) in enumerate(zip(_VERTEBRAE, _VERTEBRA_HEIGHTS, strict=True)):
            middle = bottom + height / 2.0
            self._vertebra(f"vertebrae_{name}", middle, height, width=21.0 - 0.75 * level)
            bottom += height
        canal = [(z, 0, _spine_y(z) - 21, 8.5, 7.5) for z in np.linspace(-172, 172, 30)]
        cord = [(z, x, y, 5.0, 4.0) for z, x, y, *_ in canal]
        self._soft(stack(canal), 12.0)
        self._soft(stack(cord), 40.0, "spinal_cord")

    def _vertebra(self, name: str, z: float, height: float, width: float) -> None:
        """One vertebra: a waisted body, arch, transverse processes and spinous process."""
        y, half, depth = _spine_y(z), 0.4 * height, 0.78 * width
        disc = [(z + end * height / 2, 0, y, width, depth) for end in (-1, 1)]
        self._soft(stack(disc), 85.0)

        def peeled(shell: float) -> list[Shape]:
            arch = [(z + t * half, 0, y - 20, 15 - shell, 14 - shell) for t in (-1.0, 0.8)]
            return [
                _waisted(z, y, width - shell, depth - shell, half - shell),
                stack(arch),
                *(
                    capsule((s * 9, y - 20, z + 2), (s * 31, y - 27, z + 4), 6 - shell, 4.5 - shell)
                    for s in (1, -1)
                ),
                capsule((0, y - 30, z - 2), (0, y - 44, z - 0.75 * height), 4 - shell),
            ]

        self._bone(peeled, name, cortex=620.0)

    def _ribs(self) -> None:
        """Twelve pairs of ribs, the cartilages of the upper ten, and the breastbone."""
        tops = np.cumsum([_SPINE_BOTTOM, *_VERTEBRA_HEIGHTS])[13:1:-1]  # of T1, T2, ...
        for number, ((a, b, drop, degrees), top) in enumerate(zip(_RIBS, tops, strict=True), 1):
            back = _spine_y(top) - 26.0
            sweep = (float(np.radians(14.0)), float(np.radians(degrees)))
            height = (top - 6.0, top - 6.0 - drop)
            arc = partial(hoop, (a, b), back + b, sweep, height)
            for side, word in _SIDES:
                self._bone(partial(_rib, arc, side), f"rib_{word}_{number}", cortex=850.0)
            if number <= 10:
                angle = sweep[1]
                front = (a * np.sin(angle), back + b - b * np.cos(angle), height[1])
                self._cartilage(front, end=78.0 - 19.0 * min(number, 7))
        self._bone(_sternum, "sternum", cortex=520.0)

    def _cartilage(self, front: tuple[float, float, float], end: float) -> None:
        """The cartilage from a rib's front end to the breastbone at height `end`, on both sides."""
        x, y, z = front
        depth = _sternum_y(end)
        bend = (0.5 * x + 12.0, 0.4 * y + 0.6 * depth, 0.7 * z + 0.3 * end)
        for piece in tube([front, bend, (14.0, depth, end)], 5.5):
            self._soft([piece, piece.on_side(-1)], 130.0, "costal_cartilages")

    def _shoulders(self) -> None:
        """Collar bones and shoulder blades."""
        for side, word in _SIDES:
            self._bone(partial(_on_side, _clavicle, side), f"clavicula_{word}", cortex=900.0)
            self._bone(partial(_on_side, _scapula, side), f"scapula_{word}", cortex=700.0)


def _lung(side: int) -> Shape:
    """Return one lung: its barrel, above the diaphragm."""
    return stack(_LUNG, 2.4).on_side(side) & ~_under_diaphragm(side)


def _under_diaphragm(side: int) -> Shape:
    """Return all that lies under the dome of one side; the right one stands higher."""
    top = -58.0 if side > 0 else -72.0

    def inside(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
        return z < top - 50.0 * ((side * x - 60.0) / 70.0) ** 2 - 50.0 * ((y - 18.0) / 90.0) ** 2

    return Shape((-np.inf,) * 3, (np.inf,) * 3, inside)


def _lung_hounsfield(x: Coordinates, y: Coordinates, z: Coordinates) -> np.ndarray:
    """Lung is denser toward the back and the base, where more blood is (patient on the back)."""
    return -775.0 - 0.4 * y - 0.15 * z + 0.0 * x


def _spine_y(z: float) -> float:
    """Return where the vertebral bodies' centers lie: bent backward in the chest."""
    return -60.0 + 22.0 * ((z - 5.0) / 170.0) ** 2


def _sternum_y(z: float) -> float:
    """Return the depth of the breastbone's middle plane, which leans forward downward."""
    return float(np.interp(z, [-80.0, 100.0], [86.0, 52.0]))


def _waisted(z: float, y: float, width: float, depth: float, half: float) -> Shape:
    """Return a vertebral body, narrower in its middle."""
    ends = ((-1.0, 1.0), (-0.4, 0.88), (0.4, 0.88), (1.0, 1.0))
    return stack([(z + t * half, 0, y, width * s, depth * s) for t, s in ends], 2.3)


def _sternum(shell: float) -> Shape:
    """Return the breastbone less a depth of `shell`."""
    widths = [(-78, 5), (-62, 9), (-46, 17), (20, 14), (58, 13), (66, 17), (92, 27), (101, 22)]
    levels = [(z, 0, _sternum_y(z), w - shell, 6.0 - shell) for z, w in widths]
    return stack(levels, 3.5)


def _scapula(shell: float) -> list[Shape]:
    """Return the right shoulder blade less a depth of `shell`; its blade is all cortex."""
    top, tip, joint = _SCAPULA
    socket = ellipsoid(joint, (9 - shell, 11 - shell, 16 - shell))
    rims = [
        *tube(_SCAPULA_SPINE, 5 - shell, 7.5 - shell),
        *tube([joint, tip], 5 - shell, 4 - shell),
    ]
    return [*rims, socket] if shell else [plate((top, tip, joint), 4.0), *rims, socket]


def _clavicle(shell: float) -> list[Shape]:
    """Return the right collar bone less a depth of `shell`."""
    return tube(_CLAVICLE, 6.5 - shell)


def _rib(arc: Callable[[tuple[float, float]], Shape], side: int, shell: float) -> Shape:
    """Return a rib of one side less a depth of `shell`; its section is flat and upright."""
    return arc((4.2 - shell, 7.0 - shell)).on_side(side)


def _on_side(bone: Callable[[float], list[Shape]], side: int, shell: float) -> list[Shape]:
    """Return a right bone, or its mirror image, less a depth of `shell`."""
    return [piece.on_side(side) for piece in bone(shell)]
