"""The documentation names what is there."""

import re
from pathlib import Path

import pytest

from dslite.corpora import CORPORA
from dslite.run.options import parse
from dslite.stages.catalogue import STAGES
from dslite.stages.evaluate.work import COLUMNS
from dslite.systems import BASELINES, OURS

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "notebooks/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def headings(page: Path) -> set[str]:
    """What the headings of a page are linked by, as GitHub makes it."""
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_a_heading_lead_to_one(page):
    for target, heading in re.findall(r"\]\(([^)#:]*\.md)?#([^)]+)\)", page.read_text("utf-8")):
        assert heading in headings(page.parent / target if target else page), f"{page.name}: {target}#{heading}"


def test_every_option_is_told_on_some_page(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", capsys.readouterr().out.split("what to run:")[0])) - {
        "--help"
    }
    told = "".join(page.read_text("utf-8") for page in PAGES)
    assert len(options) > 30 and [option for option in sorted(options) if option not in told] == []


def test_the_start_page_of_the_notebooks_lists_them_all():
    listed = re.findall(r"^\| \[\w+\]\((\w+)\.ipynb\) \|", (ROOT / "notebooks/README.md").read_text("utf-8"), re.M)
    assert listed[:2] == ["play", "explore"]
    assert sorted(listed) == sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb"))


def test_every_page_of_documentation_leads_to_all_others():
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    for name in pages:
        assert pages <= set(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / name).read_text("utf-8"))), name


def test_the_columns_of_results_are_all_told():
    told = (ROOT / "docs/results.md").read_text("utf-8").split("## `reports/results.csv`")[1]
    named = [name for row in re.findall(r"^\| (`[^|]+`) \|", told, re.M) for name in re.findall(r"`(\w+)`", row)]
    assert named == COLUMNS
    assert all(f"`{system.title}`" in told for system in BASELINES.values()) and f"`{OURS}`" in told
    assert " ".join(CORPORA) in told


def test_the_house_is_drawn_as_it_is():
    for page in ("CONTRIBUTING.md", "docs/design.md"):
        drawn = (ROOT / page).read_text("utf-8")
        assert all(f"{stage}/" in drawn for stage in STAGES), page
        for place in (ROOT / "dslite").iterdir():
            if place.is_dir() and place.name != "__pycache__":
                assert f"{place.name}/" in drawn, (page, place.name)
            elif place.suffix == ".py" and place.name != "__init__.py":
                assert place.name in drawn, (page, place.name)
