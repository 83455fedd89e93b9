"""The arguments of the commands."""

import argparse
import re
from importlib.metadata import version
from typing import NoReturn

_CONVENTIONS = (
    *("XYX", "XYZ", "XZX", "XZY", "YXY", "YXZ"),
    *("YZX", "YZY", "ZXY", "ZXZ", "ZYX", "ZYZ"),
)

# All arguments that take a number of words take numbers.
_COUNT = re.compile(r"expected (\d) arguments")

_EXAMPLES = """\
examples:
  napari-drr render phantom -o drr.png
  napari-drr render ct.nii.gz --view "LAO 30" --invert -o drr.png
  napari-drr render ct.nii.gz --labels labels.nii.gz --channels --structures ribs -o ribs.tif
  napari-drr render dicom/ --poses poses.csv -o "images/drr_{index:04d}.tif"
  napari-drr render ct.nii.gz --from drr.png -o again.tif
"""


class UsageError(Exception):
    """The arguments are not understood."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises errors instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        message = _COUNT.sub(r"expected \1 numbers separated by spaces", message)
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; its result's `run` runs the command."""
    top = _Parser(
        prog="napari-drr",
        description="Digitally reconstructed radiographs from a CT. Not for diagnosis.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {version('napari-drr')}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", title="commands")
    render = commands.add_parser(
        "render",
        help="render radiographs of a CT",
        description="Render radiographs of a CT into files, each with the recipe that renders it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    render.set_defaults(run=_render)
    for add in (_add_ct, _add_output, _add_pose, _add_detector, _add_renderer):
        add(render)
    for add in (_add_attenuation, _add_structures, _add_display):
        add(render)
    info = commands.add_parser(
        "info",
        help="tell what a CT and its labels hold",
        description="Tell a CT's size, spacing, orientation and HU, and its labels with volumes.",
        allow_abbrev=False,
    )
    info.set_defaults(run=_info, source=None)
    _add_ct(info)
    for command in (render, info):
        command.add_argument("--debug", action="store_true", help="show where an error arose")
    return top


def _render(options: argparse.Namespace) -> None:
    from napari_drr.cli._render import render

    render(options)


def _info(options: argparse.Namespace) -> None:
    from napari_drr.cli._info import info

    info(options)


def _add_ct(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("CT and labels")
    group.add_argument(
        "ct",
        metavar="CT",
        nargs="?",
        help="NIfTI, NRRD or MHA/MHD file, or DICOM folder, in HU; or `phantom`, or `example`; "
        "with --from, the recipe's, where it names one",
    )
    group.add_argument("--labels", metavar="FILE", help="label map of the CT, on any grid")
    group.add_argument(
        "--structures-file",
        metavar="CSV",
        help="names of the labels: columns id, structure and, optionally, group",
    )
    group.add_argument("--series", metavar="UID", help="which series of a DICOM folder")
    group.add_argument(
        "--hu-offset",
        type=float,
        default=0.0,
        metavar="HU",
        help="add to every value, such as -1024 for a CT stored from 0 to 4095",
    )
    group.add_argument(
        "--spacing", type=float, metavar="MM", help="voxel size of the phantom (default 2)"
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("output")
    group.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help=".png (as displayed), .tif, .nii.gz or .npz (line integrals, float32); of several "
        "poses a pattern such as drr_{index:04d}.tif, or a folder; {name} is a channel's name",
    )
    group.add_argument(
        "--record-path", action="store_true", help="put name and path of the CT into the recipe"
    )
    group.add_argument(
        "--quiet", action="store_true", help="print neither progress nor the files' names"
    )


def _add_pose(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("pose", "where the C-arm is; by default AP")
    group.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="take all settings from a file that napari-drr wrote, or a recipe in JSON; other "
        "arguments change them",
    )
    pose = group.add_mutually_exclusive_group()
    pose.add_argument(
        "--view",
        help='AP, PA, "LAO 30", "RAO 30", "CRA 20", "CAU 20", "LAO 30 CRA 20", "left lateral" or '
        '"right lateral"',
    )
    pose.add_argument(
        "--pose",
        nargs=6,
        type=float,
        metavar=("ALPHA", "BETA", "GAMMA", "X", "Y", "Z"),
        help="Euler angles in degrees and translation in mm",
    )
    pose.add_argument(
        "--poses",
        metavar="CSV",
        help="a row per image: alpha_deg, beta_deg, gamma_deg, x, y, z and, optionally, "
        "orientation and convention",
    )
    _add_pose_frame(group)


def _add_pose_frame(group: "argparse._ArgumentGroup") -> None:
    """Add what a pose is relative to."""
    group.add_argument(
        "--distance", type=float, metavar="MM", help="of a view: source to isocenter (default 850)"
    )
    group.add_argument(
        "--orientation",
        choices=["AP", "PA", "none"],
        help="of --pose and --poses: the view at the zero pose (default AP)",
    )
    group.add_argument(
        "--convention",
        choices=_CONVENTIONS,
        metavar="AXES",
        help="of --pose and --poses: axes of the Euler angles (default ZXY)",
    )
    group.add_argument(
        "--isocenter",
        nargs=3,
        type=float,
        metavar=("X", "Y", "Z"),
        help="what the C-arm turns about, in scanner coordinates (RAS mm); default is the center "
        "of the CT",
    )


def _add_detector(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("detector")
    add = group.add_argument
    add("--sdd", type=float, metavar="MM", help="source-to-detector distance (default 1020)")
    add("--height", type=int, metavar="PIXELS", help="rows (default 200)")
    add("--width", type=int, metavar="PIXELS", help="columns (default: as rows)")
    add("--delx", type=float, metavar="MM", help="spacing of columns (default 2)")
    add("--dely", type=float, metavar="MM", help="spacing of rows (default: as columns)")
    add("--x0", type=float, metavar="MM", help="principal point's offset along a row")
    add("--y0", type=float, metavar="MM", help="principal point's offset along a column")
    add(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="patient's right on the left, as in a radiograph (default)",
    )


def _add_renderer(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("renderer")
    add = group.add_argument
    add("--renderer", choices=["siddon", "trilinear"], help="default siddon, which is exact")
    add("--reduction", choices=["sum", "max", "mip"], help="of a ray's samples (default sum)")
    add("--n-points", type=int, metavar="N", help="samples per ray, trilinear (default 500)")
    add("--backend", choices=["auto", "reference", "cpu", "cuda"], help="default auto")
    add("--device", metavar="DEVICE", help="cpu (default), auto, cuda, cuda:1 or mps")
    add(
        "--sparse-share",
        type=float,
        metavar="SHARE",
        help="share of the pixels to render, drawn at random; the others are 0 (default 1)",
    )
    add(
        "--memory-budget",
        metavar="SIZE",
        help="memory to use beside volume and image, such as 500M or 2G",
    )


def _add_attenuation(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("attenuation")
    add = group.add_argument
    add(
        "--attenuation",
        choices=["physical", "relative"],
        help="physical (1/mm, default), or DiffDRR's relative map",
    )
    add("--energy", type=float, metavar="KEV", help="photon energy, physical (default 70)")
    add("--bone-weight", type=float, metavar="W", help="factor on bone, physical (default 1)")
    add(
        "--bone-attenuation-multiplier",
        type=float,
        metavar="M",
        help="factor on bone, relative (default 1)",
    )


def _add_structures(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("structures", "names, ids, groups or patterns of the labels")
    group.add_argument(
        "--structures",
        metavar="A,B",
        help="render these only; with --channels, each into a channel of its own",
    )
    group.add_argument(
        "--weights", metavar="A=W,B=W", help="factors on structures, such as ribs=0.2,heart=2"
    )
    group.add_argument(
        "--channels", action="store_true", help="render each structure into a channel of its own"
    )


def _add_display(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("display", "how a PNG looks")
    add = group.add_argument
    add("--display", choices=["line_integral", "transmission"], help="default line_integral")
    add(
        "--invert",
        action=argparse.BooleanOptionalAction,
        help="exchange black and white",
    )
    add("--gamma", type=float, metavar="G", help="exponent on the gray value (default 1)")
    add(
        "--contrast",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="line integrals shown as black and white (default: 0 and the image's largest)",
    )
    add("--bits", type=int, choices=[8, 16], default=8, help="of a gray value (default 8)")
