"""Parameters, progress, estimates and states."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from dslite.errors import DsliteError
from dslite.files import write_json
from dslite.layout import progress
from dslite.layout.code import HERE, PACKAGE
from dslite.layout.paths import NOTEBOOKS, Paths
from dslite.run import estimates, outcome, outputs, parameters, runlock, staleness
from dslite.run.cli import main
from dslite.run.options import parse
from dslite.run.outcome import Outcome
from dslite.run.plan import Job, Plan
from dslite.run.screen import Screen
from dslite.run.staleness import Reason
from dslite.stages.catalogue import ACROSS, DEFAULT, OF_CORPUS, STAGES, Workload, chain
from dslite.wording import spoken
from tests.toys import alive, known

FIRST = """# what to run with
corpus = "css"  # "one" of many: ä = 1
seed = -3; rate = 0.5
classes = (
    "a",
    "b",  # two
)
home = str(1)
"""


def notebook(source: str = FIRST):
    cells = [nbformat.v4.new_markdown_cell("x = 1"), nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell("y")]
    return nbformat.v4.new_notebook(cells=cells)


def test_parameters_are_the_literals_of_the_first_code_cell():
    assert known(notebook()) == {"corpus": "css", "seed": -3, "rate": 0.5, "classes": ("a", "b")}


def test_literals_are_replaced_and_the_rest_stays():
    changed = notebook()
    values = {"corpus": "ü'\"\n", "rate": None, "classes": ["c"], "seed": 10**9}
    parameters.substitute(changed, values, "toy.ipynb")
    assert known(changed) == values
    lines = changed.cells[1].source.splitlines()
    assert lines[0] == "# what to run with"
    assert lines[1].endswith('  # "one" of many: ä = 1')
    assert lines[-1] == "home = str(1)"
    assert changed.cells[2].source == "y"


def test_unknown_parameters_and_values_that_are_no_literals_are_refused():
    with pytest.raises(DsliteError, match="toy.ipynb has no parameter speed, zeal.*corpus, seed, rate, classes"):
        parameters.substitute(notebook(), {"zeal": 1, "seed": 1, "speed": 2}, "toy.ipynb")
    with pytest.raises(DsliteError, match="seed must be a Python literal"):
        parameters.substitute(notebook(), {"seed": float("nan")}, "toy.ipynb")
    with pytest.raises(DsliteError, match="home"):
        parameters.substitute(notebook(), {"home": "x"}, "toy.ipynb")


def test_progress_goes_to_the_file_of_the_run(tmp_path, monkeypatch, capsys):
    place = tmp_path / "p.json"
    assert progress.read(place) is None
    monkeypatch.setenv(progress.VARIABLE, str(place))
    progress.report(3, 12, "epoch 3 of 12")
    seen = progress.read(place)
    assert (seen.fraction, seen.text) == (0.25, "epoch 3 of 12")
    progress.report(13, 12, "over")
    assert progress.read(place).fraction == 1.0
    assert capsys.readouterr().out == ""
    monkeypatch.delenv(progress.VARIABLE)
    progress.report(3, 12, "epoch 3 of 12")
    assert "25% epoch 3 of 12" in capsys.readouterr().out


def toy(corpus: str, stage: str, threads: int = 1, **values) -> Job:
    return Job(corpus, stage, "", "", {"seed": 1, "workers": 1} | values, {}, {}, {}, threads)


LOAD = Workload(pictures=100, files=50, classes=4, forward=0.01, fits=50, variants=2, trials=8, demo=True)


def test_the_estimate_is_what_it_took_last_time_with_the_same_parameters(tmp_path):
    paths, job = Paths(tmp_path), toy("aa", "train", threads=2)
    assert estimates.seconds(job, paths, LOAD) == 25
    Outcome("done", 30.0, parameters={"seed": 1, "workers": 1}).write(paths.logs / "aa-train.json")
    assert estimates.seconds(job, paths, LOAD) == 15
    assert estimates.seconds(toy("aa", "train", seed=2), paths, LOAD) == 50
    Outcome("failed", 1.0, parameters={"seed": 1, "workers": 1}).write(paths.logs / "aa-train.json")
    assert estimates.seconds(job, paths, LOAD) == 25
    assert estimates.seconds(toy("", "benchmark", threads=5), paths, None) == 31
    search = toy("aa", "search", threads=2, hours=0.0)
    assert estimates.seconds(search, paths, LOAD) == 120
    assert estimates.seconds(replace(search, parameters={"hours": 0.01}), paths, LOAD) == 36
    Outcome("done", 1.0, parameters=search.parameters | {"helpers": 2}).write(paths.logs / "aa-search.json")
    assert estimates.seconds(search, paths, LOAD) == 120, "that time was the notebook's, without that of its helpers"


def test_the_total_is_shared_work_or_the_longest_chain():
    jobs = [toy("aa", "corpus"), toy("aa", "train"), toy("bb", "corpus"), toy("bb", "train"), toy("", "paper")]
    each = {"aa-corpus": 10, "aa-train": 30, "bb-corpus": 10, "bb-train": 10, "paper": 5}
    assert estimates.total(jobs, each, 1) == 65
    assert estimates.total(jobs, each, 2) == 45  # aa's chain is longer than half of the work
    jobs[1] = toy("aa", "train", threads=2)
    assert estimates.total(jobs, each, 2) == 50
    assert estimates.total([], {}, 2) == 0
    assert [estimates.ahead(job, jobs, each) for job in jobs] == [40, 30, 20, 10, 5]
    assert estimates.ahead(jobs[0], jobs, {"aa-train": 30}) == 30


@pytest.mark.parametrize(
    ("queues", "silent", "worked"), [(True, "queued or starting, 5 min", "2 min"), (False, "starting, 1 s", "62 min")]
)
def test_the_time_in_a_queue_is_no_work(queues, silent, worked, tmp_path):
    job, paths = toy("css", "train"), Paths(tmp_path)
    screen = Screen([job], {job.name: 300.0}, 1, paths)
    screen.queues = queues
    screen.started(job.name)
    screen.running[job.name] -= 3600
    assert silent + " left" in screen.picture()[1]
    write_json(job.progress(paths), {"fraction": 0.5, "text": "phase 2", "time": time.time()})
    assert ("50% phase 2, 5 min left" in screen.picture()[1]) == queues
    screen.heard[job.name] -= 120
    screen.running[job.name] -= 120
    assert f"50% phase 2, {worked} left" in screen.picture()[1]
    short = toy("css", "deploy")
    screen.jobs[short.name] = short
    if queues:  # a job that no picture saw at work
        screen.started(short.name)
        screen.running[short.name] -= 3600
        Outcome("done", 10.0).write(short.note(paths))
        screen.finished(short.name)
        assert screen.ended[short.name] == 10
    screen.finished(job.name)
    assert screen.ended[job.name] == pytest.approx(120 if queues else 3720, abs=5)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (600, "10 min"), (6000, "1 h 40 min"), (1e6, "12 days")]
)
def test_durations_in_words(seconds, words):
    assert spoken(seconds) == words


def test_states(tmp_path):
    paths, job = Paths(tmp_path), toy("aa", "train")
    places = paths.corpus("aa")
    assert staleness.state(job, paths, {"aa-train": Reason("new")}).state == "not run"
    places.pages.mkdir(parents=True)
    places.page("train").touch()
    assert staleness.state(job, paths, {}).state == "stale", "a page without a record shows what is no more"
    places.record("train").parent.mkdir(parents=True)
    places.record("train").touch()
    assert staleness.state(job, paths, {}) == staleness.State("done", "", "aa/train.html", None)
    stale = staleness.state(job, paths, {"aa-train": Reason("changed parameter seed: 1 -> 2")})
    assert (stale.state, stale.reason) == ("stale", "changed parameter seed: 1 -> 2")
    places.failed_page("train").touch()
    Outcome("failed", 3.0, "no audio").write(paths.logs / "aa-train.json")
    assert staleness.state(job, paths, {}) == staleness.State("failed", "no audio", "aa/train.failed.html", 3.0)


@pytest.mark.parametrize(
    ("last", "words"),
    [(None, "new"), (Outcome("running"), "was cut short"), (Outcome("failed"), "failed last time")],
)
def test_reasons_of_missing_output_come_from_the_last_attempt(tmp_path, last, words):
    if last:
        last.write(tmp_path / "artifacts" / "logs" / "aa-train.json")
    assert staleness.to_do(Plan(tmp_path, (toy("aa", "train"),))) == {"aa-train": Reason(words)}


def test_an_outcome_of_another_version_is_no_outcome(tmp_path):
    place = tmp_path / "artifacts" / "logs" / "aa-train.json"
    place.parent.mkdir(parents=True)
    place.write_text('{"state": "done", "seconds": 1.0, "used": {}}')
    assert staleness.to_do(Plan(tmp_path, (toy("aa", "train"),))) == {"aa-train": Reason("new")}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_its_work_its_template_and_code_that_is_there(stage):
    assert callable(import_module(f"dslite.stages.{stage}.work").work)
    template = NOTEBOOKS / f"{stage}.ipynb"
    assert set(STAGES[stage].parameters) <= set(known(nbformat.read(template, as_version=4)))
    named = (PACKAGE / "stages" / stage / "index.py").is_file()
    assert not named or callable(import_module(f"dslite.stages.{stage}.index").entries)
    found = HERE.made_by(f"dslite.stages.{stage}.work")
    assert {f"dslite.stages.{stage}.work", "dslite.errors"} <= set(found)
    assert all(len(each) == 16 for each in found.values())
    assert not any(name.startswith(("dslite.run", "dslite.explore")) for name in found)


def test_what_runs_no_notebook_imports_no_snakemake():
    """A dry run and one that finds everything up to date spent as long on that as on all else."""
    code = "import sys, dslite.run.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    assert "dslite.run.session" in done.stdout.split() and "snakemake" not in done.stdout.split()


def test_the_catalogue_is_in_the_order_of_the_flow():
    for at, stage in enumerate(OF_CORPUS):
        assert set(STAGES[stage].needs) <= set(OF_CORPUS[:at])
    assert (*OF_CORPUS, *ACROSS) == tuple(STAGES) and set(STAGES) - set(DEFAULT) == {
        "ablation",
        "search",
        "folds",
        "compress",
        "graph",
    }
    assert parse([]).stages == parse(["--corpora", "own.csv", "css"]).stages == list(DEFAULT)
    assert set(DEFAULT) - set(parse(["--corpora", "own.csv"]).stages) == {"benchmark"}
    assert parse(["--corpora", "own.csv", "--stages", "benchmark"]).stages == ["benchmark"]
    assert chain("explain") == ["corpus", "train", "baseline", "evaluate", "explain"]
    assert chain("ablation") == ["corpus", "ablation"]
    folders = {file.parent.name for file in Path(PACKAGE, "stages").glob("*/work.py")}
    assert folders == set(STAGES), "nothing lists stages but the catalogue, and it lists all"


def test_seeds_that_go_too_far_are_refused_at_once(capsys):
    assert parse(["--seed", "1048575", "--seeds", "2"]).seeds == 2
    with pytest.raises(SystemExit):
        parse(["--seed", "1048576", "--seeds", "2"])
    assert "--seed 1048576 --seeds 2: the last seed would be 1048577; seeds go up to 1048576" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["--verify", "out", "--corpora", "css"],
            "--verify does one thing and stops: leave --corpora out, or --verify",
        ),
        (["--verify", "out", "--import-results", "a.zip"], "--verify does one thing and stops: leave --import-results"),
        (["--download", "ravdess", "--verify", "out"], "--download does one thing and stops: leave --verify out"),
        (
            ["--import-results", "a.zip", "--stages", "train"],
            "--import-results does one thing and stops: leave --stages",
        ),
        (["--bundle", "--list", "--seed", "7"], "--bundle does one thing and stops: leave --seed, --list out, or"),
        (["--showcase", "shown", "--dry-run"], "--showcase does one thing and stops: leave --dry-run out, or"),
        (["--verify", ""], "--verify is given an empty name; a file or folder was expected"),
        (["--import-results", ""], "--import-results is given an empty name; a file or folder was expected"),
        (["--json"], "--json is for --verify"),
        (["--accept-licence", "--list"], "--accept-licence is for --download"),
        (["--with-recordings"], "--with-recordings is for --export-results"),
        (["--hours", "3"], "--hours 3 is for the stage search alone: add --search trials=N, or leave it out"),
        (["--cores", "two"], "argument --cores: 'two': a whole number from 1 on was expected"),
        (["--search", "many"], "argument --search: 'many': trials=N or grid was expected"),
        (["--search", "trials=0"], "argument --search: 0 is less than 1"),
        (["--random-weights", "--weights", "w"], "argument --weights: not allowed with argument --random-weights"),
        (["--cluster", "slurm", "--executor", "x"], "argument --executor: not allowed with argument --cluster"),
    ],
)
def test_options_that_would_be_passed_over_are_refused(given, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(given)
    assert stopped.value.code == 2
    assert f"error: {said}" in capsys.readouterr().err


def test_options_that_belong_together_are_taken():
    for given in (
        ["--download", "ravdess", "--data", "d", "--accept-licence"],
        ["--export-results", "a.zip", "--corpora", "css", "--with-recordings", "--output", "out", "--set", "units=9"],
        ["--import-results", "a.zip", "b.zip", "--output", "out"],
        ["--bundle", "--output", "out", "--standin-size", "real"],
        ["--verify", "out", "--json"],
        ["--list", "--dry-run", "--corpora", "css"],
        ["--stages", "search", "--hours", "3"],
    ):
        parse(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["--corpora", "ravdes", "--dry-run"],
            "There is no corpus 'ravdes'. Did you mean --corpora ravdess? Known: ccs",
        ),
        (["--corpora", "css,ess", "--dry-run"], "There is no corpus 'css,ess'. Did you mean --corpora css ess? Known:"),
        (["--corpora", "CSS", "--list"], "There is no corpus 'CSS'. Did you mean --corpora css? Known: ccs"),
        (["--corpora", "timit", "--dry-run"], "There is no corpus 'timit'. Known: ccs"),
        (["--import-results", "gone.zip"], "gone.zip: check the name."),
        (
            ["--import-results", str(PACKAGE)],
            "dslite is a folder; a zip that --export-results has written was expected.",
        ),
        (
            ["--corpora", "css", "--dry-run", "--set", "fits=best"],
            "There is no fit best; there are: none on train, cutmix",
        ),
        (["--bundle"], "holds no reports yet; run `python run_all.py` first."),
        (["--strict", "--stages", "train", "--dry-run"], "--strict reads the scorecard, which the stage paper writes"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(given, said, tmp_path, capsys):
    assert main([*given, "--output", str(tmp_path / "out")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_corpus_that_is_named_in_two_ways_runs_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "own.csv").write_text("filename,label\na.wav,x\nb.wav,y\n")
    monkeypatch.chdir(tmp_path)
    names = ["own.csv", "./own.csv", str(tmp_path / "own.csv")]
    given = ["--stages", "corpus", "--dry-run", "--output", str(tmp_path / "out")]
    assert main(["--corpora", *names, *given]) == 0
    assert capsys.readouterr().out.count("own            corpus") == 1


@pytest.mark.parametrize("how", ["--dry-run", "--list"])
@pytest.mark.parametrize("below", ["", "results"])
def test_a_file_in_place_of_the_output_is_told_by_what_only_looks(how, below, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("mine")
    place = tmp_path / "a.txt" / below
    assert main(["--corpora", "css", how, "--output", str(place)]) == 1
    said = capsys.readouterr().err
    assert said == f"No results can be written to {place} (Not a directory): name another --output.\n"


def test_code_that_an_attempt_noted_is_looked_up_in_what_there_is():
    work = "dslite.stages.paper.work"
    known = HERE.made_by(work, chosen={"dslite.backbones": "densenet121"})
    noted = {f"code {name}": digest for name, digest in known.items()} | {"parameter seed": 42}
    assert len(HERE.made_by(work)) > len(known), "other base models take no part"
    assert not outcome.of_other_code(noted, work)
    assert outcome.of_other_code(noted | {"code dslite.scoring": "of before"}, work)
    assert outcome.of_other_code(noted | {"code dslite.gone": "of before"}, work)


def test_the_lock_belongs_to_a_living_run(tmp_path):
    paths = Paths(tmp_path)
    refused = pytest.raises(DsliteError, match=f"process {os.getpid()}.*--output")
    with runlock.alone(paths), refused, runlock.alone(paths):
        pass
    with runlock.alone(paths):
        pass


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    paths = Paths(tmp_path)
    standin, page = paths.standin(".css.7.part") / "wav", paths.corpus("css").page(".train.7.part")
    for folder in (standin, page.parent):
        folder.mkdir(parents=True)
    page.touch()
    paths.index.touch()
    outputs.sweep(paths)
    assert not standin.parent.exists() and not page.exists() and paths.index.exists()


def test_a_process_dies_with_its_parent_and_takes_its_group(tmp_path):
    """A grandchild leads a group with a child of its own; when its parent is killed, both go."""
    leader = (
        "import json, os, subprocess, sys, time; from dslite.processes import die_with_parent; "
        "die_with_parent(int(sys.argv[1])); child = subprocess.Popen(['sleep', '60']); "
        f"open({str(tmp_path / 'pids')!r}, 'w').write(json.dumps([os.getpid(), child.pid])); time.sleep(60)"
    )
    parent = (
        "import os, subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {leader!r}, str(os.getpid())], start_new_session=True).wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent])
    deadline = time.monotonic() + 20
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pids = json.loads((tmp_path / "pids").read_text())
    process.kill()
    process.wait()
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_process_that_ends_quickly_searches_for_no_garbage_but_says_and_returns_what_it_would():
    script = (
        "import atexit, sys; from dslite.processes import end_quickly; "
        "end_quickly(); atexit.register(print, 'left in order')\n"
        "class Ring:\n    def __init__(self): self.me = self\n    def __del__(self): print('searched', flush=True)\n"
        "ring = Ring(); sys.exit(3)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "left in order\n", "")
