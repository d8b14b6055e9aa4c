"""The run's RO-Crate: valid by the profiles' own checks, right about every file, silent about this machine."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import pytest

from dslite.corpora import REGISTRY
from dslite.files import read_json, write_json
from dslite.layout.paths import Paths
from dslite.run import crate, outputs
from dslite.run.cli import main
from dslite.run.outcome import Outcome
from dslite.run.plan import Plan
from dslite.run.session import Session
from tests.toys import command, write_templates

ROOT = Path(__file__).resolve().parents[1]
VALIDATOR = Path(sys.prefix, "crate/bin/python")
Graph = dict[str, dict]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Paths:
    """The output of a run of two notebooks, one of which failed with a folder of this machine in its error."""
    folder = tmp_path_factory.mktemp("crate")
    (folder / "out").mkdir()
    (folder / "out" / "ess-corpus.py").write_text(f"raise ValueError('{folder}/labels.csv is upside down')")
    templates = write_templates(folder / "templates")
    options = ("--corpora", "css", "ess", "--stages", "corpus", "--seed", "7", "--output", folder / "out")
    process = command(templates, *options)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1, said
    return Paths(folder / "out")


def entities(place: Path) -> Graph:
    return {one["@id"]: one for one in read_json(place)["@graph"]}


@pytest.fixture(scope="module")
def graph(finished) -> Graph:
    return entities(finished.crate)


def test_files_are_named_with_their_hashes_and_what_made_them(finished, graph):
    there = {f.relative_to(finished.reports).as_posix(): f for f in finished.reports.rglob("*") if f.is_file()}
    del there[finished.crate.name]
    assert {one["@id"] for one in graph["./"]["hasPart"]} == set(there) >= {"index.html", "css/corpus.ipynb"}
    for name, file in there.items():
        assert graph[name]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest(), name
    made, rest = ([one["@id"] for one in graph[name]["result"]] for name in ("#run-css-corpus", "#run"))
    assert made == ["css/corpus.html", "css/corpus.ipynb"] and "index.html" in rest and not set(made) & set(rest)


def test_notebooks_are_actions_with_parameters_times_and_errors(graph):
    done, failed, run = (graph[f"#run{name}"] for name in ("-css-corpus", "-ess-corpus", ""))
    assert done["actionStatus"] == "http://schema.org/CompletedActionStatus" and "error" not in done
    assert run["startTime"] <= done["startTime"] <= done["endTime"] <= run["endTime"]
    assert failed["actionStatus"] == run["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert failed["error"] in run["error"] and "exit code 1" in run["error"] and failed["error"].endswith("upside down")
    given = {graph[one["@id"]]["name"]: graph[one["@id"]] for one in done["object"]}
    assert given["seed"]["value"] == 7 and given["corpus"]["value"] == "css"
    assert graph[given["seed"]["exampleOfWork"]["@id"]]["additionalType"] == "Integer"
    assert not {"output", "workers", "data", "changes"} & set(given), "where, and nothing"


def test_a_record_is_in_whole_seconds_and_yet_ends_no_earlier_than_its_run(tmp_path):
    began, ended = int(time.time()) - 0.05, time.time() - 1e-3  # begun late in a second
    note = outputs.record(Session({}, Plan(tmp_path, ()), {}, {}, 1), {"seed": 42}, began, 0)
    told = datetime.strptime(note["began"], "%Y-%m-%d %H:%M:%S %z").timestamp()
    assert told == began // 1 and ended <= told + note["seconds"] <= time.time() + 0.2


def test_nothing_of_the_machine_or_invented_is_in_it(finished, graph):
    text = finished.crate.read_text("utf-8")
    assert str(finished.output.parent) not in text and "/" + Path.home().name + "/" not in text
    assert graph["#run-ess-corpus"]["error"] == "ValueError in cell 3: labels.csv is upside down"
    assert not {"author", "creator", "publisher", "agent"} & {key for one in graph.values() for key in one}
    assert REGISTRY["css"].licence not in graph["./"]["license"], "nobody knows what these recordings are"


def test_it_is_the_same_twice_and_a_run_that_succeeded_says_so(finished, tmp_path):
    copy = Paths(tmp_path / "out")
    shutil.copytree(finished.output, copy.output)
    note = read_json(copy.run)
    crate.write(copy.reports, copy, note)
    assert copy.crate.read_bytes() == finished.crate.read_bytes()
    crate.write(copy.reports, copy, note | {"exit": 0})
    assert entities(copy.crate)["#run"]["actionStatus"].endswith("CompletedActionStatus")
    crate.write(copy.output, copy, note)  # an output in one piece
    assert entities(copy.output / copy.crate.name)["artifacts/css/corpus/record.json"]["sha256"]


@pytest.mark.parametrize("data", ["real", "stand-in"])
def test_recordings_have_their_owners_licence_and_stand_ins_none(finished, tmp_path, data):
    paths = Paths(tmp_path)
    write_json(paths.corpus("css").record("corpus"), {"data": data})
    Outcome("running").write(paths.outcome("css-corpus"))
    crate.write(paths.reports, paths, read_json(finished.run))
    graph = entities(paths.crate)
    corpus = graph["#corpus-css"]
    assert (
        corpus["name"].startswith("REAL" if data == "real" else "SYNTHETIC")
        and corpus["name"] in graph["./"]["description"]
    )
    assert (corpus.get("license") == REGISTRY["css"].licence) is (data == "real")
    assert (REGISTRY["css"].licence in graph["./"]["license"]) is (data == "real")
    stopped = graph["#run-css-corpus"]
    assert stopped["actionStatus"].endswith("FailedActionStatus") and "stopped" in stopped["error"]
    assert "endTime" not in stopped


def test_a_changed_or_missing_file_is_found_in_a_bundle(finished, tmp_path, capsys):
    assert main(["--output", str(finished.output), "--bundle"]) == 0
    with zipfile.ZipFile(finished.output / "dslite-reports.zip") as bundle:
        bundle.extractall(tmp_path)
    (tmp_path / "dslite-reports").rename(Paths(tmp_path).reports)
    capsys.readouterr()

    def wrong() -> dict[str, str]:
        main(["--verify", str(tmp_path), "--json"])
        found = json.loads(capsys.readouterr().out)["wrong"]
        return {one["file"]: one["recomputed"] for one in found if one["key"] == "sha256"}

    assert wrong() == {}
    page = Paths(tmp_path).corpus("css").page("corpus")
    page.write_text(page.read_text("utf-8") + " ", "utf-8")
    Paths(tmp_path).corpus("ess").failed_page("corpus").unlink()
    assert wrong() == {
        "reports/css/corpus.html": hashlib.sha256(page.read_bytes()).hexdigest(),
        "reports/ess/corpus.failed.html": "",
    }
    Paths(tmp_path).crate.write_text('{"@graph": [7]}')
    assert main(["--verify", str(tmp_path)]) == 1


MUTATIONS: dict[str, tuple[Callable[[Graph], object], str]] = {
    "no workflow is named": (lambda graph: graph["./"].pop("mainEntity"), "must be specified through a `mainEntity`"),
    "the run has no instrument": (lambda graph: graph["#run"].pop("instrument"), "MUST have an instrument"),
    "the workflow is a mere file": (lambda graph: graph["Snakefile"].update({"@type": "File"}), "must have types File"),
    "no profile is named": (lambda graph: graph["./"].pop("conformsTo"), "permalink of the Provenance Run Crate"),
    "a step leads nowhere": (
        lambda graph: graph["#step-corpus"].update(workExample={"@id": "#gone"}),
        "must refer to its corresponding tool",
    ),
    "the plan has no steps": (lambda graph: graph["#plan"].pop("object"), "must reference the ControlAction"),
    "no licence": (lambda graph: graph["./"].pop("license"), "must specify a license"),
}
"""What is wrong with a crate -> how it becomes so, and what the check that fails says."""


@pytest.fixture(scope="module")
def failures(finished, tmp_path_factory) -> dict[str, list[str]]:
    """The required checks that the crate fails as it is, and after each mutation."""
    folder = tmp_path_factory.mktemp("mutations")
    for number, change in enumerate([lambda graph: None, *(change for change, _ in MUTATIONS.values())]):
        shutil.copytree(finished.reports, folder / str(number))
        place = folder / str(number) / finished.crate.name
        content = read_json(place)
        change({one["@id"]: one for one in content["@graph"]})
        write_json(place, content)
    places = [folder / str(number) for number in range(1 + len(MUTATIONS))]
    return dict(zip(["as it is", *MUTATIONS], required_and_failed(folder, places), strict=True))


def required_and_failed(folder: Path, places: Iterable[Path]) -> list[list[str]]:
    """The required checks that the crate in each of some places fails; ``folder`` is one to work in."""
    if not VALIDATOR.exists():
        pytest.skip("needs roc-validator (make .venv/crate/ready): crates were not held against their profiles")
    script = [VALIDATOR, "-I", ROOT / "tests" / "crates.py", folder / "cache", *places]
    done = subprocess.run([*map(str, script)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_meets_what_its_profiles_require(failures):
    assert failures["as it is"] == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_is_wrong_with_a_crate_is_found(failures, mutation):
    assert any(MUTATIONS[mutation][1] in one for one in failures[mutation]), failures[mutation]
