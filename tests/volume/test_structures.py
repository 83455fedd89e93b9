"""Structure tables: where names come from, and how selections find them."""

import numpy as np
import pandas as pd
import pytest
import torch

from napari_drr.volume.structures import (
    as_structures,
    name_labels,
    select_structures,
    totalsegmentator_structures,
)


@pytest.fixture
def table():
    return totalsegmentator_structures()


def test_totalsegmentator_has_its_117_classes(table):
    assert table["id"].tolist() == list(range(1, 118))
    assert table["structure"].is_unique
    names = table.set_index("id")["structure"]
    # Landmarks of TotalSegmentator v2's class list, which fix the order of all blocks in between.
    landmarks = """1 spleen, 10 lung_upper_lobe_left, 14 lung_lower_lobe_right,
        24 kidney_cyst_right, 25 sacrum, 26 vertebrae_S1, 27 vertebrae_L5, 43 vertebrae_T1,
        50 vertebrae_C1, 51 heart, 52 aorta, 62 superior_vena_cava, 69 humerus_left,
        73 clavicula_left, 79 spinal_cord, 80 gluteus_maximus_left, 90 brain, 91 skull,
        92 rib_left_1, 103 rib_left_12, 104 rib_right_1, 115 rib_right_12, 116 sternum,
        117 costal_cartilages"""
    for entry in landmarks.split(","):
        label, name = entry.split()
        assert names[int(label)] == name


def test_totalsegmentator_groups(table):
    sizes = table.groupby("group").size().to_dict()
    assert sizes == {
        "organs": 24, "vertebrae": 26, "cardiac": 18, "skeleton": 11, "nervous": 2, "muscles": 10,
        "ribs": 26,
    }  # fmt: skip


def test_the_table_is_the_callers_own(table):
    table.loc[0, "structure"] = "changed"
    assert totalsegmentator_structures()["structure"][0] == "spleen"


def test_ids_of_totalsegmentator_are_assumed_and_say_so():
    named = name_labels([0, 117, 5])
    assert named["structure"].tolist() == ["liver", "costal_cartilages"]
    assert named["group"].tolist() == ["organs", "ribs"]
    assert named.attrs["assumed"] is True


def test_one_foreign_id_ends_the_assumption():
    named = name_labels([5, 118])
    assert named["structure"].tolist() == ["label 5", "label 118"]
    assert named["group"].tolist() == ["", ""]
    assert named.attrs["assumed"] is False


def test_given_names_are_never_filled_up_by_guesses():
    given = as_structures(pd.DataFrame({"id": [1], "structure": ["pelvis"], "group": ["bone"]}))
    named = name_labels([1, 5], given)
    assert named["structure"].tolist() == ["pelvis", "label 5"]
    assert named.attrs["assumed"] is False


def test_more_columns_are_kept_and_absent_labels_left_out():
    given = pd.DataFrame(
        {"group": ["a", "b"], "original_idx": [1, 7], "structure": ["x", "y"], "id": [3, 9]}
    )
    named = name_labels(np.array([0, 9], dtype=np.uint8), as_structures(given))
    assert named.to_dict("list") == {
        "id": [9],
        "structure": ["y"],
        "group": ["b"],
        "original_idx": [7],
    }


def test_csv_is_read_and_blank_groups_are_those_of_totalsegmentator(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("structure, id\nheart, 2\nstent, 4\n", encoding="utf-8")
    table = as_structures(path)
    assert table.to_dict("list") == {
        "id": [2, 4], "structure": ["heart", "stent"], "group": ["cardiac", ""],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [1], "structure": ["a"]}, "columns id and structure, got"),
        ({"id": [1, 1], "structure": ["a", "b"]}, "each id once, got"),
        ({"id": [1, 2], "structure": ["a", "a"]}, "each structure once, got 'a'"),
        ({"id": [1.5], "structure": ["a"]}, "whole ids of at least 0, got"),
        ({"id": [-1], "structure": ["a"]}, "whole ids of at least 0, got"),
        ({"id": ["one"], "structure": ["a"]}, "whole ids of at least 0, got 'one'"),
    ],
)
def test_bad_tables_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        as_structures(pd.DataFrame(columns))


def test_missing_csv_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must name a CSV file.*nowhere\.csv"):
        as_structures(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (5, [5]),
        (np.int64(5), [5]),
        (np.uint8(5), [5]),
        ("51", [51]),
        ("heart", [51]),
        ("cardiac", list(range(51, 69))),
        ("rib_left_*", list(range(92, 104))),
        (["heart", 5, "heart", 51], [51, 5]),
        (np.array([7, 3]), [7, 3]),
        (np.array(7), [7]),
        (torch.tensor([51, 5]), [51, 5]),
        (torch.tensor(51), [51]),
        ([torch.tensor(51), "liver"], [51, 5]),
        (pd.Series(["heart"]), [51]),
        ((), []),
        ("background", [0]),
        (0, [0]),
        ("bones", [*range(25, 51), *range(69, 79), 91, *range(92, 118)]),
        ("skeleton", [*range(69, 79), 91]),
    ],
)
def test_selection(table, selection, expected):
    found = select_structures(table, selection)
    assert found == expected
    assert all(type(label) is int for label in found)


def test_a_name_goes_before_a_group_of_the_same_spelling():
    table = as_structures(
        pd.DataFrame({"id": [1, 2], "structure": ["ribs", "x"], "group": ["x", "ribs"]})
    )
    assert select_structures(table, "ribs") == [1]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("rib_lefft_1", r"'rib_lefft_1' is no structure.*Close to it: rib_left_1"),
        (118, "118 is no structure, id or group"),
        ("zzz", "Groups: cardiac, muscles"),
        (-1, "-1 is no structure"),
    ],
)
def test_unknown_structures_are_told_with_what_is_close(table, selection, message):
    with pytest.raises(ValueError, match=message):
        select_structures(table, selection)


@pytest.mark.parametrize("selection", [[1.0], 1.0, [None], None, True, torch.tensor([51.0])])
def test_selection_by_other_types_is_refused(table, selection):
    with pytest.raises(TypeError, match=r"by id \(int\) or name \(str\), got"):
        select_structures(table, selection)
