"""One source of versions, two commands, and a repository that holds no more than it should."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dslite
from benchmarks.__main__ import NAMES as BENCHMARKS
from dslite.paper import published

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def locked() -> dict[str, str]:
    """What the lock asks for on this machine: some versions depend on Python's."""
    lines = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]
    here = [wanted for wanted in lines if wanted.marker is None or wanted.marker.evaluate()]
    return {wanted.name: str(wanted.specifier).removeprefix("==") for wanted in here}


def direct() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return {canonicalize_name(Requirement(line).name) for line in wanted}


def test_every_direct_dependency_is_locked():
    assert direct() <= set(locked())


def test_lock_names_versions_and_no_hosts():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "--" not in text
    for line in text.splitlines():
        assert re.match(r"^[a-z0-9._-]+==[^ ]+( ; .+)?$", line), line


def test_conda_gets_the_same_versions():
    lines = [line.strip() for line in (ROOT / "environment.yml").read_text().splitlines()]
    listed = [line[2:] for line in lines if line.startswith("- ") and not line.endswith(":")]
    assert "-r requirements.lock" in listed
    conda = [line for line in listed if not line.startswith("-")]
    assert {re.split("[=<>]", line)[0] for line in conda} == {"conda-forge", "python", "pip", "make"}, (
        "every Python package comes from the lock"
    )


@pytest.mark.parametrize("name", sorted(direct()))
def test_installed_version_is_the_locked_one(name):
    try:
        assert version(name) == locked()[name]
    except PackageNotFoundError:
        pytest.fail(f"{name} is not installed: run make test, which builds .venv")


def test_readme_commands_are_targets():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text()):
        assert target in targets, target
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.stem)
def test_templates_are_thin_and_without_outputs(file):
    notebook = nbformat.read(file, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert all(len(cell.source.splitlines()) <= 10 for cell in code[1:])
    for line in code[0].source.splitlines():
        assert re.match(r"^\w+ = .+  # .+", line), f"a parameter is a literal with a comment, not: {line}"


def rooms() -> dict[str, int]:
    """Room -> its place in the flow, as CONTRIBUTING.md gives it; what no room is named for may be read by all."""
    flow = re.search(r"Data flows one way: (.+?);", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    return {room: place for place, part in enumerate(flow[1].split("->")) for room in re.findall(r"`(\w+)`", part)}


def imported(file: Path) -> set[str]:
    """The rooms of dslite that a module imports from, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "dslite":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("dslite.")}
    return found


def test_no_module_imports_from_a_later_room():
    places, package = rooms(), ROOT / "dslite"
    assert all((package / room).is_dir() or (package / f"{room}.py").is_file() for room in places)
    for file in package.rglob("*.py"):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        # The facts (readings, paper, profiles) name what they are parameters of, which goes as far as training.
        own = places.get(room, places["training"])
        later = sorted(other for other in imported(file) if places.get(other, 0) > own)
        assert not later, f"{file.relative_to(ROOT)} imports from later rooms: {later}"


def test_nothing_heavy_is_committed():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        assert file.suffix not in {".wav", ".flac", ".h5", ".keras", ".tflite", ".npy", ".npz"}, name
        assert not file.exists() or file.stat().st_size < 1 << 20, name


def test_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == dslite.__version__
    assert citation["preferred-citation"]["doi"] == published.DOI


def test_every_benchmark_finds_what_it_measures():
    """In a process of its own: benchmarks set the environment before they import TensorFlow."""
    lines = "; ".join(f"from benchmarks.{name} import main" for name in BENCHMARKS)
    done = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
