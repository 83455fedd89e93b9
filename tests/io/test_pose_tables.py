"""Are tables of poses read as they are meant, and others refused with the line?"""

from pathlib import Path

import pytest

from napari_drr.io.tables import read_poses
from napari_drr.recipe import Pose

HEADER = "alpha_deg,beta_deg,gamma_deg,x,y,z"


def table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "poses.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_a_row_is_a_pose(tmp_path: Path) -> None:
    path = table(tmp_path, HEADER, "1,-2.5,3e1,0,850,-7", "0,0,0,0,800,0")
    assert read_poses(path) == [
        ("AP", Pose(1.0, -2.5, 30.0, 0.0, 850.0, -7.0)),
        ("AP", Pose(y=800.0)),
    ]


def test_columns_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    path = table(tmp_path, "name, Z ,y,x,gamma_deg,beta_deg,alpha_deg", "a, 6,5,4,3,2, 1")
    assert read_poses(path) == [("AP", Pose(1, 2, 3, 4, 5, 6))]


def test_orientation_and_convention_are_optional(tmp_path: Path) -> None:
    rows = ["1,2,3,4,5,6,PA,XYZ", "1,2,3,4,5,6,none,", "1,2,3,4,5,6,ap,zxz", "1,2,3,4,5,6,,"]
    path = table(tmp_path, f"{HEADER},orientation,convention", *rows)
    found = read_poses(path, orientation="PA", convention="YZX")
    assert [orientation for orientation, _ in found] == ["PA", None, "AP", "PA"]
    assert [pose.convention for _, pose in found] == ["XYZ", "YZX", "ZXZ", "YZX"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_of_spreadsheets_are_read(tmp_path: Path, encoding: str) -> None:
    path = table(
        tmp_path, f"{HEADER},name\r", "1,2,3,4,5,6,Jürgen\r", ",,,,,,\r", encoding=encoding
    )
    assert read_poses(path) == [("AP", Pose(1, 2, 3, 4, 5, 6))]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "line 1: missing columns alpha_deg, .*, z; there are none"),
        ([HEADER], r'poses\.csv" holds no poses'),
        (["alpha_deg,beta_deg,x,y,z", "1,2,3,4,5"], "line 1: missing columns gamma_deg;"),
        ([HEADER.replace(",", ";"), "1;2;3;4;5;6"], "line 1: .* there are alpha_deg;beta_deg"),
        ([HEADER, "1,2,3,4,5,6", "1,2,3,4,x,6"], "line 3: `y` must be a number, got 'x'"),
        ([HEADER, "", "1,2,3,4,5"], "line 3: `z` must be a number, got ''"),
        ([HEADER, "nan,2,3,4,5,6"], "line 2: `alpha_deg` must be a finite number, got nan"),
        ([HEADER, "1,2,3,4,5,inf"], "line 2: `z` must be a finite number, got inf"),
        (
            [f"{HEADER},orientation", "1,2,3,4,5,6,LL"],
            "line 2: `orientation` must be AP, PA or none",
        ),
        ([f"{HEADER},convention", "1,2,3,4,5,6,ABC"], "line 2: `convention` must be one of XYX"),
    ],
)
def test_other_tables_are_refused_with_the_line(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_poses(table(tmp_path, *lines))


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="is no table of poses in UTF-8"):
        read_poses(path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_poses(tmp_path / "absent.csv")
