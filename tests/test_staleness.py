"""What goes stale when something is edited: each case edits a copy of the package and asks the plan."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dslite.layout.code import PACKAGE, Code
from dslite.layout.paths import NOTEBOOKS
from dslite.run import staleness
from dslite.run.outcome import Outcome
from dslite.run.plan import Member, Plan, make
from dslite.stages.catalogue import OF_CORPUS, STAGES

FITS = {"train", "evaluate", "explain", "deploy", "ablation", "search", "folds", "compress", "graph"}
BESIDES_CORPUS = FITS | {"baseline"}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A copy of the package and its notebooks, and an output in which everything is up to date."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(PACKAGE, root / "dslite", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    everything = plan(root)
    for job in everything.jobs:
        for leaf in job.leaves(everything.paths):
            leaf.parent.mkdir(parents=True, exist_ok=True)
            leaf.write_text(json.dumps({"identity": job.name}))
    for job in everything.jobs:
        done = Outcome("done", 1.0, "", job.parameters, job.made_from, job.page_from, job.identities(everything.paths))
        done.write(everything.paths.outcome(job.name))
    assert staleness.to_do(plan(root)) == {}
    return root


def plan(root: Path, **changes) -> Plan:
    """Every stage of two corpora, IEMOCAP and CSS, with different readers and base models."""
    given = dict(data="", weights="", profile="demo", reading="paper", seed=7, output="", workers=1)
    given |= dict(seeds=1, changes={}, discrepancies="") | changes
    members = [
        Member(name, name.upper(), given | {"corpus": name, "backbone": backbone},
               {"dslite.backbones": backbone, "dslite.corpora.readers": reader}, {"audio": "1"}, "weights")
        for name, backbone, reader in (
            ("iemocap", "densenet121", "iemocap"), ("css", "squeezenet_v1", "compare_2021"),
        )
    ]  # fmt: skip
    across = {"output": "", "seed": 7, "backbone": "densenet121", "workers": 1}
    return make(root / "out", root / "notebooks", members, tuple(STAGES), across, Code(root / "dslite"))


@pytest.fixture
def edit(root):
    """Replaces a text in a file of the copy, which must be there, until the test is over."""
    kept: dict[Path, bytes] = {}

    def edit(file: str, old: str, new: str) -> None:
        place = root / file
        kept.setdefault(place, place.read_bytes())
        text = place.read_text("utf-8")
        assert old in text, f"{file} has no {old!r} any more: mend this case"
        place.write_text(text.replace(old, new, 1), "utf-8")

    yield edit
    for place, content in kept.items():
        place.write_bytes(content)


def stale(root: Path, **changes) -> tuple[set[str], set[str], dict[str, str]]:
    """Names of jobs whose results are stale, of those whose page alone is, and all reasons."""
    found = staleness.to_do(plan(root, **changes))
    results = {name for name, reason in found.items() if reason.results}
    return results, found.keys() - results, {name: reason.text for name, reason in found.items()}


def of_both(stages) -> set[str]:
    return {f"{corpus}-{stage}" for corpus in ("iemocap", "css") for stage in stages}


def test_a_docstring_or_a_comment_anywhere_makes_nothing_stale(root):
    kept = {}
    try:
        for file in sorted((root / "dslite").rglob("*.py")):
            kept[file] = file.read_bytes()
            text = file.read_text("utf-8")
            file.write_text(re.sub(r'^"""', '"""Said otherwise. ', text, count=1) + "\n\n# A remark.\n", "utf-8")
        assert stale(root) == (set(), set(), {})
    finally:
        for file, content in kept.items():
            file.write_bytes(content)


def test_layout_of_code_makes_nothing_stale(root, edit):
    edit("dslite/training.py", "def upsample(indices: np.ndarray, ", "def upsample(\n    indices: np.ndarray,\n    ")
    assert stale(root) == (set(), set(), {})


def test_a_font_size_makes_pages_stale_and_no_result(root, edit):
    edit("dslite/reporting/display.py", '"font.size": 9,', '"font.size": 10,')
    results, pages, reasons = stale(root)
    assert results == {"paper"}, "its results are pages"
    assert pages == of_both(OF_CORPUS) | {"benchmark"}
    assert reasons["css-train"] == "its page alone: changed code: dslite.reporting.display"


def test_a_figure_of_one_page_makes_that_page_stale(root, edit):
    edit("dslite/stages/train/views.py", '"chunks scored"', '"chunks that were scored"')
    assert stale(root)[:2] == (set(), of_both({"train"}))


def test_the_front_end_makes_everything_stale(root, edit):
    edit("dslite/spectrogram.py", "import ", "import math\nimport ")
    results, pages, reasons = stale(root)
    assert results == of_both(OF_CORPUS) | {"paper", "benchmark"} and not pages
    assert reasons["css-corpus"] == "changed code: dslite.spectrogram"


def test_augmentation_makes_fits_stale_and_what_follows(root, edit):
    edit("dslite/augmentation.py", "[8, n], seed", "[9, n], seed")
    results, _, reasons = stale(root)
    assert results == of_both(FITS) | {"paper"}
    assert reasons["css-train"] == "changed code: dslite.augmentation"
    assert reasons["css-evaluate"] == "new input: train"


def test_the_shap_explainer_makes_explanations_stale_and_what_shows_them(root, edit):
    edit("dslite/explanation/explainers.py", "import numpy as np", "import math\n\nimport numpy as np")
    assert stale(root)[0] == of_both({"explain"}) | {"paper"}


def test_a_reader_makes_its_corpus_stale(root, edit):
    edit("dslite/corpora/readers/iemocap.py", "import ", "import math\nimport ")
    results, pages, reasons = stale(root)
    assert results == {f"iemocap-{stage}" for stage in OF_CORPUS} | {"paper"} and not pages
    assert reasons["iemocap-corpus"] == "changed code: dslite.corpora.readers.iemocap"


def test_a_base_model_makes_what_uses_it_stale(root, edit):
    edit("dslite/backbones/squeezenet_v1.py", "seconds=0.0065", "seconds=0.007")
    results, _, _ = stale(root)
    assert {"css-train", "css-baseline"} <= results
    # The other corpus has another base model, but this one is among the students of `compress`.
    assert {name for name in results if name.startswith("iemocap")} == {"iemocap-compress"}
    assert "css-corpus" not in results and "benchmark" not in results


def test_another_base_model_makes_nothing_stale(root):
    new = root / "dslite/backbones/another.py"
    shutil.copy(root / "dslite/backbones/mobilenet_v2.py", new)
    try:
        assert stale(root) == (set(), set(), {})
    finally:
        new.unlink()


def test_the_rules_of_the_scorecard_make_the_papers_page_stale(root, edit):
    edit("dslite/paper/verdicts.py", "_ONE_SIDED, _TWO_SIDED = 1.6448536", "_ONE_SIDED, _TWO_SIDED = 1.65")
    assert stale(root)[:2] == ({"paper"}, set())
    edit("dslite/paper/verdicts.toml", "margin", "margin ")
    assert stale(root)[:2] == ({"paper"}, set())


def test_a_parameter_of_a_stage_makes_that_stage_stale(root, edit):
    edit("dslite/stages/explain/work.py", "SHARE = 0.8", "SHARE = 0.9")
    assert stale(root)[0] == of_both({"explain"}) | {"paper"}
    edit("dslite/stages/deploy/work.py", "STREAM_SECONDS = 30.0", "STREAM_SECONDS = 60.0")
    assert stale(root)[0] == of_both({"explain", "deploy"}) | {"paper"}


def test_how_the_augmentation_is_chosen_makes_what_is_made_of_it_stale(root, edit):
    edit("dslite/stages/evaluate/work.py", '("all", "file"), "by_dev"', '("full-chunk", "file"), "by_dev"')
    assert stale(root)[0] == of_both({"evaluate", "explain", "deploy", "search", "compress"}) | {"paper"}


def test_the_list_of_augmentations_makes_fits_stale_and_neither_corpus_nor_baselines(root, edit):
    edit("dslite/configurations.py", '    "none": Configuration("no augmentation", False, False),\n', "")
    results, pages, reasons = stale(root)
    assert results == of_both(FITS) | {"paper"} and not pages & of_both({"corpus", "baseline"})
    assert reasons["iemocap-train"] == "changed code: dslite.configurations"


def test_a_notebook_makes_its_page_stale(root, edit):
    edit("notebooks/deploy.ipynb", "One exported file", "An exported file")
    results, pages, reasons = stale(root)
    assert (results, pages) == (set(), of_both({"deploy"}))
    assert reasons["css-deploy"] == "its page alone: changed code: deploy.ipynb"


def test_a_template_of_pages_makes_pages_stale(root, edit):
    edit("dslite/reporting/template/page.css", "{", "{ ")
    results, pages, _ = stale(root)
    assert results == {"paper"} and pages == of_both(OF_CORPUS) | {"benchmark"}


def test_the_run_itself_makes_nothing_stale(root, edit):
    edit("dslite/run/screen.py", "SPEAK = 20.0", "SPEAK = 30.0")
    edit("dslite/stages/catalogue.py", "155.0", "160.0")
    assert stale(root) == (set(), set(), {})


@pytest.mark.parametrize(
    ("changes", "of", "why"),
    [
        ({"profile": "full"}, OF_CORPUS, "changed parameter profile: demo -> full"),
        ({"weights": "/w {1} 'a'"}, BESIDES_CORPUS, "changed parameter weights: nothing -> /w {1} 'a'"),
        ({"discrepancies": "F-02"}, {"ablation"}, "changed parameter discrepancies: nothing -> F-02"),
        ({"output": "/elsewhere", "workers": 2, "data": "/there"}, (), ""),
    ],
)
def test_a_parameter_of_the_run_makes_what_depends_on_it_stale(root, changes, of, why):
    results, pages, reasons = stale(root, **changes)
    assert results - {"paper"} == of_both(of) and not pages
    assert not why or why in {*reasons.values()}


def test_audio_weights_and_gone_files_are_named(root):
    everything = plan(root)
    job = next(job for job in everything.jobs if job.name == "css-corpus")
    other = replace(job, made_from=job.made_from | {"audio": "other"})
    found = staleness.to_do(everything.only(other if j is job else j for j in everything.jobs))
    assert found["css-corpus"].text == "changed input: the audio" and "iemocap-corpus" not in found
    page, _, record = job.leaves(everything.paths)
    for place, words, results in ((page, "its page is gone", False), (record, "its files are gone", True)):
        kept = place.read_bytes()
        place.unlink()
        found = staleness.to_do(everything)["css-corpus"]
        place.write_bytes(kept)
        assert (found.text, found.results) == (words, results)


def test_an_edited_split_makes_its_corpus_stale(root):
    place = plan(root).paths.split("css")
    place.write_text("partition,speaker,filename\n")
    try:
        results, _, reasons = stale(root)
        assert results == {f"css-{stage}" for stage in OF_CORPUS} | {"paper"}
        assert reasons["css-corpus"] == "new input: the split"
    finally:
        place.unlink()
    assert stale(root) == (set(), set(), {})
