"""Plans, reasons and runs, on toy notebooks."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from dslite.layout import notes as traces
from dslite.layout.paths import ACROSS, NEEDS, STAGES
from dslite.run import engine, outcome
from dslite.run.plan import Member, Plan, make
from tests.toys import write_templates

ALL = (*STAGES, *ACROSS)


def code(stage: str) -> dict[str, str]:
    return {"dslite/shared.py": "1", f"dslite/{stage}.py": "1"}


def member(name: str, output: Path, **changes) -> Member:
    values = dict(data="", weights="", profile="demo", backbone="small", seed=7, workers=1) | changes
    return Member(name, name.upper(), {"corpus": name, "output": str(output), **values}, "audio of " + name)


def plan_of(root: Path, *members: Member, stages=ALL, code=code) -> Plan:
    values = {"output": str(root / "out"), "seed": 7}
    return make(root / "out", root / "templates", members, stages, dict.fromkeys(ACROSS, values), code)


def run(plan: Plan) -> tuple[bool, list[str]]:
    started: list[str] = []
    return engine.execute(plan, 2, started.append, lambda name: None), started


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder where one corpus, with a name that needs care, has been through every stage."""
    root = tmp_path_factory.mktemp("a run {x} 'y'")
    write_templates(root / "templates")
    plan = plan_of(root, member("aa", root / "out"))
    assert set(engine.to_do(plan).values()) == {"new"}
    good, started = run(plan)
    assert good
    assert sorted(started) == sorted([*(f"aa-{stage}" for stage in STAGES), *ACROSS])
    for stage, needed in NEEDS.items():
        assert all(started.index(f"aa-{before}") < started.index(f"aa-{stage}") for before in needed), started
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
    assert len(notebook.cells) == 4, "no injected cell"
    assert notebook.cells[-1].outputs[0].text == "the end\n"
    assert not list(plan.paths.output.rglob("*.part*"))


def test_a_second_run_runs_nothing(root):
    for template in (root / "templates").glob("*.ipynb"):
        template.touch()
    plan = plan_of(root, member("aa", root / "out"))
    assert engine.to_do(plan) == {}
    assert run(plan) == (True, [])


def test_what_changes_nothing_runs_nothing(root):
    aa = member("aa", root / "out", workers=2, data="/somewhere/else")
    assert engine.to_do(plan_of(root, aa)) == {}


def test_reasons_of_parameters(root):
    plan = plan_of(root, member("aa", root / "out", profile="full", seed=8))
    assert engine.to_do(plan) == {
        "aa-corpus": "changed parameter profile: demo -> full; changed parameter seed: 7 -> 8",
        "aa-train": "new input: corpus",
        "aa-baseline": "new input: corpus",
        "aa-evaluate": "new input: train, baseline",
        "aa-explain": "new input: evaluate",
        "aa-deploy": "new input: evaluate",
        "aa-ablation": "new input: corpus",
        "paper": "new input: evaluate, explain of aa",
    }
    plan = plan_of(root, member("aa", root / "out", weights="/w {1} 'a', \"b\""))
    reasons = engine.to_do(plan)
    assert "aa-corpus" not in reasons
    assert reasons["aa-train"] == "changed parameter weights: nothing -> /w {1} 'a', \"b\""


def test_reasons_of_code_and_audio(root):
    newer = {"evaluate": {"dslite/evaluate.py": "2"}}
    changed = plan_of(root, member("aa", root / "out"), code=lambda stage: code(stage) | newer.get(stage, {}))
    reasons = engine.to_do(changed)
    assert reasons == {
        "aa-evaluate": "changed code: dslite/evaluate.py",
        "aa-explain": "new input: evaluate",
        "aa-deploy": "new input: evaluate",
        "paper": "new input: evaluate, explain of aa",
    }
    other = replace(member("aa", root / "out"), audio="other audio")
    assert engine.to_do(plan_of(root, other))["aa-corpus"] == "changed input: the audio"
    template = root / "templates" / "train.ipynb"
    before = template.read_text()
    template.write_text(before.replace("which one", "which corpus"))
    try:
        reasons = engine.to_do(plan_of(root, member("aa", root / "out")))
        assert reasons["aa-train"] == "changed code: templates/train.ipynb"
        assert "aa-corpus" not in reasons
    finally:
        template.write_text(before)


def test_reasons_of_a_new_corpus_and_of_a_missing_page(root):
    plan = plan_of(root, member("aa", root / "out"), member("bb", root / "out"))
    reasons = engine.to_do(plan)
    assert [name for name in reasons if name.startswith("aa")] == []
    assert reasons["bb-train"] == "new"
    assert reasons["paper"] == "changed input: other corpora have results; new input: evaluate, explain of bb"
    page = plan.paths.corpus("aa").page("evaluate")
    kept = page.read_text()
    page.unlink()
    try:
        assert engine.to_do(plan_of(root, member("aa", root / "out")))["aa-evaluate"] == "its files are gone"
    finally:
        page.write_text(kept)


def test_only_wanted_stages_and_what_they_need(root):
    plan = plan_of(root, member("cc", root / "out"), stages=("train",))
    assert list(engine.to_do(plan)) == ["cc-corpus", "cc-train"]


def test_failures_stop_nobody_else_and_say_what_happened(tmp_path):
    write_templates(tmp_path / "templates")
    out = tmp_path / "out"
    out.mkdir()
    deeds = {
        "raises": "from dslite.errors import DsliteError\nraise DsliteError('a.wav is <b>empty</b>; replace it')",
        "dies": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "exits": "raise SystemExit(0)",
        "works": "",
    }
    for name, deed in deeds.items():
        (out / f"{name}-corpus.py").write_text(deed)
    plan = plan_of(tmp_path, *(member(name, out) for name in deeds), stages=("corpus",))
    good, started = run(plan)
    assert not good
    assert len(started) == 4
    paths = plan.paths
    assert paths.corpus("works").page("corpus").exists()
    errors = {name: outcome.read(traces.outcome(paths, f"{name}-corpus")).error for name in deeds}
    assert errors["raises"] == "a.wav is <b>empty</b>; replace it"
    assert "SIGKILL" in errors["dies"] and "-9" in errors["dies"] and "memory" in errors["dies"]
    assert "exit()" in errors["exits"]
    assert errors["works"] == ""
    for name in ("raises", "dies", "exits"):
        places = paths.corpus(name)
        assert [file.name for file in places.pages.iterdir()] == ["corpus.failed.html"]
        assert not places.record("corpus").exists()
    failed = paths.corpus("raises").failed_page("corpus").read_text()
    assert "a.wav is &lt;b&gt;empty&lt;/b&gt;" in failed
    assert failed.index("a.wav is &lt;b&gt;") < failed.index("Traceback")
    assert engine.to_do(plan)["dies-corpus"] == "failed last time"

    (out / "dies-corpus.py").unlink()
    good, started = run(plan.only(job for job in plan.jobs if job.corpus == "dies"))
    assert good
    assert not paths.corpus("dies").failed_page("corpus").exists(), "the failure is history"
    assert paths.corpus("dies").page("corpus").exists()
