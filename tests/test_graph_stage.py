"""The stage graph on stand-ins: what it leaves, what it takes up again, what it refuses, and its page."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dslite.corpora import standins
from dslite.deployment.runtime import LiteModel
from dslite.errors import DsliteError
from dslite.files import read_json, write_json
from dslite.layout.finished import FinishedStage
from dslite.reporting.ablations import interval
from dslite.run import notebook
from dslite.run.options import parse
from dslite.run.resolve import resolve
from dslite.stages.graph import views
from dslite.stages.graph.conditions import (
    APART,
    CONDITIONS,
    GRAPH,
    GRAPHS,
    RANDOM,
    SPEECH,
    SVM,
    TRANSFER,
    WAYS,
    LightFit,
)
from dslite.stages.graph.fits import Inputs, make
from dslite.stages.graph.work import _graphs
from dslite.stages.graph.work import work as graph_work
from dslite.transfer import fitting
from dslite.transfer.light import SAMPLES
from tests.through import as_a_run, few_layers, one_configuration, page_of, through

HOW = {"backbone": "squeezenet_v1", "weights": "random", "profile": "demo", "reading": "sound"}
QUICK = {"epochs": (2, 0), "draws": 200}


@pytest.fixture(scope="module", autouse=True)
def few():
    """Few layers, and stand-ins of few clips: of what is fitted on, a batch and one that is not full."""
    with pytest.MonkeyPatch.context() as patch:
        few_layers(patch)
        for name, clips in (("css", ([6, 6], [4, 4], [10, 8])), ("ravdess_speech", [[2] * 8] * 3)):
            each = dict(zip(("train", "dev", "test"), clips, strict=True))
            patch.setitem(standins._PLAN["corpora"][name], "clips", each)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    how = HOW | {"seeds": 2, "changes": QUICK}
    settings = resolve("css", source="ravdess_speech", output=tmp_path_factory.mktemp("out"), **how)
    with pytest.MonkeyPatch.context() as patch:
        one_configuration(patch)
        through(settings.origin, "evaluate")
        as_a_run(settings.origin, "evaluate")
        return through(settings, "graph", epochs=1)


def test_every_condition_is_scored_and_compared(done):
    scores, differences = done.table("scores"), done.table("differences")
    assert set(scores["condition"]) == {*CONDITIONS, SVM} and set(scores["partition"]) == {"dev", "test"}
    assert scores["uar"].between(0, 100).all() and set(scores.query("partition == 'dev'")["seed"]) == {42}
    assert len(scores) == (1 + 2) * len(CONDITIONS) + 2, "further seeds on test alone; the machine takes none"
    pairs = set(zip(differences["system"], differences["reference"], strict=True))
    assert pairs == {(c, SPEECH) for c in {*CONDITIONS, SVM} - {SPEECH}} | {(GRAPH, RANDOM), (GRAPH, TRANSFER)}
    clips, predictions = done.clips, done.table("predictions")
    for (_, _, partition), of in predictions.groupby(["condition", "seed", "partition"]):
        assert sorted(of["file"]) == sorted(clips.loc[clips["partition"] == partition, "file"])


def test_graphs_are_among_train_and_dev_and_as_named(done):
    nodes, graphs = done.table("nodes"), done.table("graphs").set_index("graph")
    learnt = done.clips[done.clips["partition"] != "test"]
    assert sorted(nodes["file"]) == sorted(learnt["file"])
    assert (graphs["files"] == len(learnt)).all() and graphs.loc[GRAPH, "edges"] == 3 * len(learnt)
    assert graphs.loc[GRAPH, "edges"] == graphs.loc[RANDOM, "edges"]
    assert graphs.loc["other rule: cosine of at least 0.99", "edges"] <= graphs.loc[GRAPH, "edges"]
    assert (
        graphs.loc["graph of labels", "within_label"] == 1.0
        and graphs.loc["graph across speakers", "within_speaker"] == 0.0
    )


def test_files_take_a_waveform(done):
    (row,) = done.table("networks").query("variant == 'float32'").itertuples()
    folder = done.paths.file("graph", f"mobilenet15/speech-only/{done.settings.seed}/test")
    model = LiteModel(folder / "float32.tflite")
    assert row.bytes == (folder / "float32.tflite").stat().st_size and row.ms > 0
    assert model.card.labels == done.classes and model.card.about["source"] == "ravdess_speech (stand-in)"
    assert model.card.about["data"] == "stand-in"
    out = model(np.random.default_rng(0).normal(0, 0.1, (1, SAMPLES)).astype(np.float32))
    assert out.sum() == pytest.approx(1, abs=1e-3)


def test_what_is_there_is_taken_up_and_other_epochs_are_another_run(done, monkeypatch):
    one_configuration(monkeypatch)
    place = done.paths.file("graph")
    made = {file: file.stat().st_mtime_ns for file in place.glob("*/*/*/*/record.json")}
    assert len(made) == (1 + 2) * len(CONDITIONS) + 2
    again = through(done.settings, "graph", epochs=1)
    assert again.record["identity"] == done.record["identity"]
    done.paths.record("graph").unlink()
    (gone := place / "mobilenet15" / "random-graph" / "42" / "dev" / "record.json").unlink()
    before = pd.read_parquet(gone.with_name("predictions.parquet"))
    through(done.settings, "graph", epochs=1)
    assert {file for file, time in made.items() if file.stat().st_mtime_ns != time} == {gone}
    assert pd.read_parquet(gone.with_name("predictions.parquet")).equals(before), "a fit repeats bit for bit"
    with pytest.raises(DsliteError, match="holds results made with epochs 1, not 2"):
        through(done.settings, "graph", epochs=2)


def test_what_another_job_has_made_meanwhile_stays(done, monkeypatch):
    """Also where it comes while the fit goes on, and is another, as that of another processor may be."""
    inputs = Inputs(done.settings)
    fit = LightFit("mobilenet15", SPEECH, 42, "dev", 1)
    place = done.paths.file("graph", fit.folder) / "predictions.parquet"
    record, before = place.with_name("record.json"), place.read_bytes()
    there = read_json(record)
    make(inputs, fit, there["identity"])
    record.unlink()
    learn = fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda *given, **more: (learn(*given, **more), write_json(record, there))[0])
    place.write_bytes(b"theirs")
    make(inputs, fit, there["identity"])
    assert place.read_bytes() == b"theirs"
    place.write_bytes(before)


def test_other_weights_of_the_base_model_are_another_run(done, tmp_path):
    """A base model is among the light networks, whoever embeds the files."""
    assert graph_work(done.settings, epochs=1).record["identity"] == done.record["identity"]
    (other := tmp_path / "weights.h5").write_bytes(b"other")
    with pytest.raises(DsliteError, match="holds results made with weights 'none', not 'weights.h5'"):
        graph_work(replace(done.settings, weights_file=other), epochs=1)


def test_the_page_says_what_its_source_is(done, monkeypatch):
    page = page_of("graph", lambda stage: FinishedStage.of(done.settings, stage), monkeypatch)
    text = page.get_text(" ", strip=True)
    assert "Source: ravdess_speech (stand-in data), squeezenet_v1 with random weights" in text
    assert "The source is a SYNTHETIC stand-in" in text and "Source: RANDOM WEIGHTS" in text
    assert all(title in text for title in CONDITIONS)


def test_answers_are_computed(done):
    said = views.answers(done)
    row = done.table("differences").query("system == @GRAPH and reference == @RANDOM").iloc[0]
    sign = "+" if row["difference"] >= 0 else "\N{MINUS SIGN}"
    assert "Does it help more than a random graph?** Not shown. MobileNet-15, 0.7 million parameters: " in said
    assert "Means over 2 seeds" in said
    assert f"{sign}{abs(row['difference']):.1f} points" in said


def test_differences_are_told_seed_by_seed(done):
    scores = done.table("scores").query("partition == 'test'").pivot(index="seed", columns="condition", values="uar")
    shown = views.differences(done).set_index(["condition", "less"])["over seeds"]
    for system, reference in ((GRAPH, RANDOM), (SVM, SPEECH)):
        each = scores[system].fillna(scores.loc[42, system]) - scores[reference]
        assert shown[system, reference] == ("" if each[42] == each[43] else interval(each.min(), each.max()))


def test_yes_needs_every_seed():
    rows = pd.DataFrame({"network": ["resnet9"], "p_holm": [0.01], "least": [-1.0], "most": [9.0], "seeds": ["x"]})
    assert views._verdict(rows) == "Not shown"
    assert views._verdict(rows.assign(least=1.0)) == "Yes, over files and with every seed, with ResNet-9"
    assert views._verdict(rows.assign(least=1.0, p_holm=0.06)) == "Not shown"
    heavy = rows.assign(network="vgg15", least=9.0, seeds="")
    assert views._verdict(pd.concat([rows, heavy])) == "Not shown, at any size", "of the second there is one seed"
    assert views._verdict(heavy) == "Yes, over files, with VGG-15"
    assert views._verdict(rows.assign(most=-0.5)) == "It does harm, over files and with every seed, with ResNet-9"


def test_without_speakers_no_graph_is_across_them(done):
    inputs, clips = Inputs(done.settings), done.clips
    clips = clips.assign(speaker=clips["speaker"].where(clips["partition"] != "dev", ""))
    assert {APART} == {*GRAPHS} - {*_graphs(SimpleNamespace(clips=clips), inputs, 3)["graphs"]["graph"]}


def test_a_notebook_by_hand_replaces_no_results_of_its_source(done):
    """Of the target there are none; the source's there are of another seed."""
    how = HOW | {"output": done.settings.output, "changes": QUICK, "source": "ravdess_speech"}
    same, other = resolve("sleep", **how), resolve("sleep", **how, seed=7)
    assert notebook._apart(same, "graph", {}) == same
    apart = notebook._apart(other, "graph", {})
    assert apart.output != other.output and apart.origin.output == apart.output
    swapped = resolve("css", **how | {"source": "mpssc"})
    assert notebook._apart(swapped, "graph", {}).output != swapped.output, "another source's results lie there"


def test_a_changed_reading_is_that_reading_still(tmp_path):
    for reading in ("paper", "released", "sound"):
        settings = resolve("css", output=tmp_path, changes={"resize": "nearest"}, **HOW | {"reading": reading})
        assert Inputs(settings).way == WAYS[reading]


def test_source_and_target_are_two_and_belong_to_the_stage(tmp_path, capsys):
    with pytest.raises(DsliteError, match="source and target"):
        resolve("css", source="css", output=tmp_path)
    settings = resolve("css", source="ravdess_speech", seed=7, output=tmp_path, **HOW)
    assert settings.origin.seed == 7 and settings.origin.backbone == "squeezenet_v1"
    assert resolve(**settings.as_parameters()) == settings
    for options in (["--stages", "graph"], ["--source", "ravdess_speech"]):
        with pytest.raises(SystemExit):
            parse(options)
        assert "go together" in capsys.readouterr().err
    with pytest.raises(DsliteError, match="name it with --source"):
        through(resolve("css", output=tmp_path, **HOW), "graph")
