"""One source of versions, two commands, and a repository that holds no more than it should."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dslite
from benchmarks.__main__ import NAMES as BENCHMARKS
from dslite.layout.records import hardware, versions
from dslite.reporting.pages import LIMIT_MB

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = sorted((ROOT / "notebooks").glob("*.ipynb"))


def here(lines: list[str]) -> list[Requirement]:
    """Those that hold on this machine: some depend on its platform and Python."""
    return [line for line in map(Requirement, lines) if line.marker is None or line.marker.evaluate()]


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {wanted.name: str(wanted.specifier).removeprefix("==") for wanted in here(lines)}


def direct() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = here([*project["dependencies"], *project["optional-dependencies"]["dev"]])
    return {canonicalize_name(line.name) for line in wanted}


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
    build = "tensorflow" if name == "tensorflow-cpu" else name  # its build for a GPU may be in its place
    try:
        assert versions(build)[build] == locked()[name]
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
    """Room -> its layer in import-linter's contract, from the top down."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {room: at for at, layer in enumerate(layers) for room in re.findall(r"dslite\.(\w+)", layer)}


def imported(file: Path) -> set[str]:
    """The rooms of dslite that a module imports from, wherever in it the import stands, but for type checkers'."""
    found, waiting = set(), [ast.parse(file.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module == "dslite":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("dslite.")}
    return found


def test_no_module_imports_from_a_room_above():
    """As import-linter says, with less to install; and every room has a layer."""
    places, package = rooms(), ROOT / "dslite"
    there = {place.stem for place in package.iterdir() if place.is_dir() or place.suffix == ".py"}
    assert there - {"__init__", "__pycache__"} == set(places)
    for file in package.rglob("*.py"):
        own = places.get(file.relative_to(package).parts[0].removesuffix(".py"), -1)
        above = sorted(other for other in imported(file) if places.get(other, own) < own)
        assert not above, f"{file.relative_to(ROOT)} imports from rooms above it: {above}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/design.md"])
def test_the_rooms_are_drawn_in_the_order_that_imports_may_take(page):
    drawing = (ROOT / page).read_text("utf-8").split("\ndslite/\n")[1].split("\nnotebooks/")[0]
    lines = [line for line in drawing.splitlines() if re.match(r"  \w", line)]
    places, order = rooms(), []
    for line in lines:
        named = [name for name in re.findall(r"(\w+)(?:/|\.py)", line) if name in places]
        assert named, line
        order.append([places[name] for name in named])
    for above, below in zip(order[:-1], order[1:], strict=True):
        assert max(above) <= min(below), (page, above, below)


def test_nothing_heavy_is_committed():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        assert file.suffix not in {".wav", ".flac", ".h5", ".keras", ".tflite", ".npy", ".npz"}, name
        page = name.startswith("docs/ravdess/")  # of a run, as it is: tests/test_showcase.py weighs them together
        assert not file.exists() or file.stat().st_size < (1e6 * LIMIT_MB if page else 1 << 20), name


def test_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == dslite.__version__
    assert f"](https://doi.org/{citation['preferred-citation']['doi']})" in (ROOT / "README.md").read_text("utf-8")


def test_every_benchmark_finds_what_it_measures():
    """In a process of its own: benchmarks set the environment before they import TensorFlow."""
    lines = "; ".join(f"from benchmarks.{name} import main" for name in BENCHMARKS)
    done = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not shutil.which("lscpu"), reason="the reference is lscpu, of Linux")
def test_records_name_the_processor():
    told = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout
    values = dict(re.split(r":\s+", line, maxsplit=1) for line in told.splitlines() if ":" in line)
    assert values["Architecture"] in hardware()
    wanted = [values[name] for name in ("Model name", "CPU family", "Model") if values["Architecture"] == "x86_64"]
    assert all(one in hardware().split(", ", 1)[1] for one in wanted), hardware()
