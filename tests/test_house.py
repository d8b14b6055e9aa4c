"""Names in the package: one name means one thing, and two things have names that tell them apart."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "dslite"
MODULES = sorted(PACKAGE.rglob("*.py"))
ENDINGS = ("", "s", "es", "ed", "d", "er", "r", "ing", "ion", "ions")
"""Of a word's forms: two neighbours must not differ by these alone."""


def classes() -> dict[str, list[str]]:
    """Name of a public class -> the modules that define one."""
    found = defaultdict(list)
    for file in MODULES:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(file.relative_to(PACKAGE.parent).as_posix())
    return found


def alike(one: str, other: str) -> bool:
    """Whether two names are forms of one word (or several, joined by underscores)."""
    ones, others = one.split("_"), other.split("_")
    return len(ones) == len(others) and all(_stems(a) & _stems(b) for a, b in zip(ones, others, strict=True))


def _stems(word: str) -> set[str]:
    """What may be left of a word without its ending; a final e counts for nothing, as in explore and exploring."""
    ways = [word.removesuffix(ending) for ending in ENDINGS if word.endswith(ending)]
    ways += [re.sub(r"i(es|ed|er)$", "y", word)]
    return {way.removesuffix("e") for way in ways if len(way) > 2}


def test_no_two_public_classes_have_one_name():
    twice = {name: places for name, places in classes().items() if len(places) > 1}
    assert not twice


def test_no_two_neighbours_have_names_that_differ_by_an_ending():
    for folder in sorted({file.parent for file in MODULES}):
        names = sorted({f.stem for f in folder.glob("*.py")} | {f.parent.name for f in folder.glob("*/__init__.py")})
        pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :] if alike(a, b)]
        assert not pairs, folder.relative_to(PACKAGE.parent)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("notebook", "notebooks", True),
        ("explaining", "explained", True),
        ("explore", "exploring", True),
        ("train", "training", True),
        ("execute", "execution", True),
        ("study", "studies", True),
        ("gallery_page", "gallery_pages", True),
        ("gallery", "gallery_page", False),
        ("scores", "scorecard", False),
        ("run", "runlock", False),
        ("code", "codec", False),
    ],
)
def test_forms_of_a_word_are_told(one, other, same):
    assert alike(one, other) is same
