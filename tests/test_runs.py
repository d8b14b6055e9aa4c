"""Plans, reasons and runs, on toy notebooks."""

import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec

from dslite.reporting import pages
from dslite.run import engine, execution, outcome, staleness
from dslite.run.outcome import Outcome
from dslite.run.plan import Member, Plan, make
from dslite.stages.catalogue import ACROSS, OF_CORPUS, STAGES
from tests.toys import write_templates


class MadeUp:
    """Code as plans ask for it: a module of every stage's own, one that all share, one of every page, and templates."""

    def __init__(self, **newer: str):
        self.newer = newer

    def made_by(self, *roots: str | Path, chosen=None) -> dict[str, str]:
        if str(roots[0]).startswith("dslite.stages."):
            stage = roots[0].split(".")[2]
            return {"dslite.shared": "1", f"dslite.{stage}": self.newer.get(stage, "1")}
        pages = {"dslite.pages": self.newer.get("pages", "1"), "dslite.shared": "1"}
        return pages | {file.name: file.read_text() for file in roots[1:]}


def member(name: str, output: Path, **changes) -> Member:
    values = dict(data="", weights="", profile="demo", backbone="small", seed=7, workers=1) | changes
    return Member(name, name.upper(), {"corpus": name, "output": str(output), **values}, {}, {"audio": "of " + name})


def plan_of(root: Path, *members: Member, stages=tuple(STAGES), code=None) -> Plan:
    across = {"output": str(root / "out"), "seed": 7, "backbone": "small"}
    return make(root / "out", root / "templates", members, stages, across, code or MadeUp())


def run(plan: Plan) -> tuple[bool, list[str]]:
    """What has to run; whether all of it succeeded, and what started."""
    started: list[str] = []
    to_do = staleness.to_do(plan)
    wanted = plan.only(job for job in plan.jobs if job.name in to_do)
    return engine.execute(wanted, 2, started.append, lambda name: None), started


def reasons(plan: Plan) -> dict[str, str]:
    return {name: reason.text for name, reason in staleness.to_do(plan).items()}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder where one corpus, with a name that needs care, has been through every stage."""
    root = tmp_path_factory.mktemp("a run {x} 'y'")
    write_templates(root / "templates")
    plan = plan_of(root, member("aa", root / "out"))
    assert set(reasons(plan).values()) == {"new"}
    good, started = run(plan)
    assert good, [log.read_text() for job in plan.jobs if (log := plan.paths.log(job.name)).exists()]
    assert sorted(started) == sorted([*(f"aa-{stage}" for stage in OF_CORPUS), *ACROSS])
    for stage in OF_CORPUS:
        before = [started.index(f"aa-{needed}") for needed in STAGES[stage].needs]
        assert all(place < started.index(f"aa-{stage}") for place in before), started
    assert started.index("aa-evaluate") < started.index("paper") > started.index("benchmark")
    return root


def test_what_a_run_leaves(root):
    plan = plan_of(root, member("aa", root / "out"))
    for job in plan.jobs:
        assert all(Path(leaf).is_file() for leaf in job.leaves(plan.paths)), job
    notebook = nbformat.read(plan.paths.corpus("aa").notebook("train"), as_version=4)
    first = notebook.cells[1].source.splitlines()
    assert first[0] == "corpus = 'aa'  # which one"
    assert "seed = 7  # of everything random" in first
    assert f"output = {str(Path('..', '..'))!r}" in first, "relative to where the notebook lies"
    assert len(notebook.cells) == 4, "no injected cell"
    assert notebook.cells[-1].outputs[0].text == "the end\n"
    assert not list(plan.paths.output.rglob("*.part*"))


def test_a_second_run_runs_nothing(root):
    for template in (root / "templates").glob("*.ipynb"):
        template.touch()
    plan = plan_of(root, member("aa", root / "out"))
    assert reasons(plan) == {}
    assert run(plan) == (True, [])


def test_what_changes_nothing_runs_nothing(root):
    aa = member("aa", root / "out", workers=2, data="/somewhere/else")
    assert reasons(plan_of(root, aa)) == {}


def test_reasons_of_parameters(root):
    changed = "changed parameter profile: demo -> full; changed parameter seed: 7 -> 8"
    plan = plan_of(root, member("aa", root / "out", profile="full", seed=8))
    assert reasons(plan) == {
        "aa-corpus": changed,
        "aa-train": f"new input: corpus; {changed}",
        "aa-baseline": f"new input: corpus; {changed}",
        "aa-evaluate": f"new input: train, baseline; {changed}",
        "aa-explain": f"new input: evaluate; {changed}",
        "aa-deploy": f"new input: evaluate; {changed}",
        "aa-ablation": f"new input: corpus; {changed}",
        "aa-search": f"new input: evaluate; {changed}",
        "aa-folds": f"new input: corpus; {changed}",
        "aa-compress": f"new input: evaluate; {changed}",
        "aa-graph": f"new input: corpus; {changed}",
        "paper": "new input: evaluate of aa, explain of aa",
    }
    assert all(reason.results for reason in staleness.to_do(plan).values())
    said = reasons(plan_of(root, member("aa", root / "out", weights="/w {1} 'a', \"b\"")))
    assert "aa-corpus" not in said
    assert said["aa-train"] == "changed parameter weights: nothing -> /w {1} 'a', \"b\""


def test_reasons_of_code_and_audio(root):
    changed = plan_of(root, member("aa", root / "out"), code=MadeUp(evaluate="2"))
    assert reasons(changed) == {
        "aa-evaluate": "changed code: dslite.evaluate",
        "aa-explain": "new input: evaluate",
        "aa-deploy": "new input: evaluate",
        "aa-search": "new input: evaluate",
        "aa-compress": "new input: evaluate",
        "paper": "new input: evaluate of aa, explain of aa",
    }
    other = replace(member("aa", root / "out"), audio={"audio": "of aa", "labels of test": "2"})
    assert reasons(plan_of(root, other))["aa-corpus"] == "changed input: the labels of test"
    other = replace(member("aa", root / "out"), weights="other weights")
    said = reasons(plan_of(root, other))
    assert said["aa-train"] == "changed input: the weights file" and "aa-corpus" not in said


def test_what_changes_pages_alone_makes_no_results_stale(root):
    changed = staleness.to_do(plan_of(root, member("aa", root / "out"), code=MadeUp(pages="2")))
    assert len(changed) == len(STAGES) and not any(reason.results for reason in changed.values())
    assert changed["paper"].text == "its page alone: changed code: dslite.pages"
    template = root / "templates" / "train.ipynb"
    before = template.read_text()
    template.write_text(before.replace("which one", "which corpus"))
    try:
        found = staleness.to_do(plan_of(root, member("aa", root / "out")))
    finally:
        template.write_text(before)
    assert found == {"aa-train": staleness.Reason("its page alone: changed code: train.ipynb", results=False)}


def test_a_source_is_run_as_far_as_it_is_needed_and_makes_the_graph_stale(root):
    target, source = member("bb", root / "out"), member("cc", root / "out")
    members = (replace(target, source="cc"), replace(source, stages=STAGES["graph"].of_source))
    plan = plan_of(root, *members)
    of = {name: [job.stage for job in plan.jobs if job.corpus == name] for name in ("bb", "cc")}
    assert of["cc"] == ["corpus", "train", "baseline", "evaluate"] and "graph" in of["bb"]
    graph = next(job for job in plan.jobs if job.name == "bb-graph")
    assert [job.name for job in graph.before(plan.jobs)] == ["bb-corpus", "cc-evaluate"]


def test_reasons_of_a_new_corpus_and_of_what_is_missing(root):
    plan = plan_of(root, member("aa", root / "out"), member("bb", root / "out"))
    said = reasons(plan)
    assert [name for name in said if name.startswith("aa")] == []
    assert said["bb-train"] == "new"
    assert said["paper"] == "changed input: other corpora have results; new input: evaluate of bb, explain of bb"
    plan = plan_of(root, member("aa", root / "out"))
    page, notebook, record = next(job for job in plan.jobs if job.name == "aa-evaluate").leaves(plan.paths)
    for place in (page, notebook):
        kept = place.read_text()
        place.unlink()
        assert staleness.to_do(plan) == {"aa-evaluate": staleness.Reason("its page is gone", results=False)}
        place.write_text(kept)
    kept = record.read_text()
    record.unlink()
    said = reasons(plan)
    assert said["aa-evaluate"] == "its files are gone" and said["aa-explain"] == "new input: evaluate"
    record.write_text(kept.replace('"identity": "', '"identity": "other '))  # made anew by a run of fewer stages
    assert reasons(plan) == {
        "aa-explain": "new input: evaluate",
        "aa-deploy": "new input: evaluate",
        "aa-search": "new input: evaluate",
        "aa-compress": "new input: evaluate",
        "paper": "new input: evaluate of aa, explain of aa",
    }
    record.write_text(kept)
    note = plan.paths.outcome("aa-deploy")
    kept = note.read_text()
    Outcome("running").write(note)
    assert reasons(plan) == {"aa-deploy": "was cut short"}
    note.write_text(kept)
    assert reasons(plan) == {}


def test_a_kernel_that_ends_before_it_answers_is_said_to_have_died(tmp_path, monkeypatch):
    write_templates(tmp_path / "templates")
    ends = KernelSpec(argv=[sys.executable, "-c", "raise SystemExit(3)", "{connection_file}"], language="python")
    monkeypatch.setattr(execution._Kernel, "kernel_spec", ends)
    monkeypatch.setattr(execution._Kernel, "ended", None)
    monkeypatch.chdir(tmp_path)  # papermill leaves its own
    plan = plan_of(tmp_path, member("aa", tmp_path / "out"), stages=["corpus"])
    (job,) = plan.jobs
    with pytest.raises(execution.NotebookError, match=r"The kernel died \(exit code 3\); see the log\."):
        execution.execute(job, plan.paths, {})
    assert "exit code 3" in job.places(plan.paths).failed_page("corpus").read_text()
    assert not job.leaves(plan.paths)[0].exists()


def test_a_page_that_grew_too_large_names_its_notebook_and_not_the_draft_of_it(tmp_path, monkeypatch):
    write_templates(tmp_path / "templates")
    plan = plan_of(tmp_path, member("aa", tmp_path / "out"), stages=["corpus"])
    (job,) = plan.jobs
    monkeypatch.setattr(execution, "_run", lambda draft, folder: None)
    record = job.leaves(plan.paths)[2]
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    monkeypatch.setattr(pages, "LIMIT_MB", 0.0)
    with pytest.raises(execution.NotebookError, match=r"The page of corpus\.ipynb would take"):
        execution.execute(job, plan.paths, {})


def test_only_wanted_stages_and_what_they_need(root):
    plan = plan_of(root, member("cc", root / "out"), stages=("train",))
    assert list(reasons(plan)) == ["cc-corpus", "cc-train"]


def test_failures_stop_nobody_else_and_say_what_happened(tmp_path):
    write_templates(tmp_path / "templates")
    out = tmp_path / "out"
    out.mkdir()
    deeds = {
        "raises": "import dslite.run.notebook  # as every stage's notebook\nfrom dslite.errors import DsliteError\n"
        "raise DsliteError('a.wav is <b>empty</b>; replace it')",
        "lacks": "from dslite.errors import Died\nraise Died('most likely because memory ran out: use fewer cores')",
        "dies": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "exits": "raise SystemExit(0)",
        "works": "",
    }
    for name, deed in deeds.items():
        (out / f"{name}-corpus.py").write_text(deed)
    plan = plan_of(tmp_path, *(member(name, out) for name in deeds), stages=("corpus",))
    good, started = run(plan)
    assert not good
    assert len(started) == 5
    paths = plan.paths
    assert paths.corpus("works").page("corpus").exists()
    errors = {name: outcome.read(paths.outcome(f"{name}-corpus")).error for name in deeds}
    assert errors["raises"] == "a.wav is <b>empty</b>; replace it"
    assert errors["lacks"] == "most likely because memory ran out: use fewer cores"
    assert "SIGKILL" in errors["dies"] and "-9" in errors["dies"] and "memory" in errors["dies"]
    assert "exit()" in errors["exits"]
    assert errors["works"] == ""
    bad = ("raises", "lacks", "dies", "exits")
    for name in bad:
        places = paths.corpus(name)
        assert [file.name for file in places.pages.iterdir()] == ["corpus.failed.html"]
        assert not places.record("corpus").exists()
    failed = paths.corpus("raises").failed_page("corpus").read_text()
    assert "a.wav is &lt;b&gt;empty&lt;/b&gt;" in failed
    assert failed.index("a.wav is &lt;b&gt;") < failed.index("Traceback")
    assert reasons(plan) == dict.fromkeys([f"{name}-corpus" for name in bad], "failed last time")

    (out / "dies-corpus.py").unlink()
    good, started = run(plan.only(job for job in plan.jobs if job.corpus == "dies"))
    assert good
    assert not paths.corpus("dies").failed_page("corpus").exists(), "the failure is history"
    assert paths.corpus("dies").page("corpus").exists()


HELPER = """import sys, types
def take_part(settings, process):
    import os
    from pathlib import Path
    begun = Path(settings.output, process)
    with begun.open("a") as file:
        file.write("begun ")
    if process == "css-search-3" or process == "css-search-1" and begun.read_text() == "begun ":
        os.kill(os.getpid(), 9)
    return "the hours are over"
sys.modules["dslite.stages.search.trials"] = module = types.ModuleType("trials")
module.take_part = take_part
"""


def test_helpers_come_before_the_notebook_and_one_that_was_killed_starts_again_once(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write_templates(tmp_path / "templates")
    out.mkdir()
    (out / "css-search.py").write_text(
        "told = [file.read_text() for file in sorted(Path(output).glob('artifacts/logs/*.helped'))]\n"
        "Path(output, 'told').write_text(repr(told))"
    )
    (tmp_path / "sitecustomize.py").write_text(HELPER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    jobs = plan_of(tmp_path, member("css", out, backbone="squeezenet_v1")).jobs
    job = next(job for job in jobs if job.name == "css-search")
    events: list[str] = []
    plan = Plan(out, (replace(job, helpers=3),))
    assert engine.execute(plan, 2, lambda name: events.append(f"+{name}"), lambda name: events.append(f"-{name}"))
    assert list(dict.fromkeys(events)) == ["+css-search", "-css-search"], "its helpers are no notebooks"
    assert [(out / f"css-search-{n}").read_text() for n in (1, 2, 3)] == ["begun begun ", "begun ", "begun begun "]
    told = [*["the hours are over"] * 2, ""]
    assert (out / "told").read_text() == repr(told), "what was killed twice leaves the work to the notebook"
    assert not list(plan.paths.helper("css-search", "*").parent.glob("*.helped"))
    assert job.leaves(plan.paths)[0].is_file()
