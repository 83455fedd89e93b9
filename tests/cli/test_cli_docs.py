"""Do the pages about recipes and the command line tell the truth?"""

import re
from pathlib import Path

import pytest

from napari_drr.cli._arguments import parser

DOCS = Path(__file__).parents[2] / "docs"


def test_the_code_of_the_recipes_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "reference" / "recipe.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    exec("\n".join(blocks), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drr.tif", "view.json"]


def test_the_commands_of_the_command_lines_page_are_understood() -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    commands = re.findall(r"^napari-drr (.*)$", page, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        assert parser().parse_args(words).ct


def test_the_command_lines_page_names_arguments_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        parser().parse_args(["render", "--help"])
    known = set(re.findall(r"--[a-z][a-z0-9-]*", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][a-z0-9-]*", page)) <= known
