import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "conventions.md"


def test_the_examples_of_the_conventions_hold():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0
