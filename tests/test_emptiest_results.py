"""Every notebook on the emptiest results that its stage can leave: its page is a page, and says so in words.

The corpus, the scores and the tables across corpora are made by their stages; what would need a fit is made by hand.
"""

import re
from dataclasses import asdict
from functools import cache

import numpy as np
import pandas as pd
import pytest

from dslite import statistics
from dslite.configurations import CONFIGURATIONS
from dslite.deployment.quantisation import VARIANTS
from dslite.explanation import trust
from dslite.explanation.baselines import silence
from dslite.explanation.maps import Attribution
from dslite.explanation.regions import BANDS, SPANS
from dslite.features import DEEP_SPECTRUM
from dslite.layout import records
from dslite.layout.finished import FinishedStage
from dslite.layout.paths import Paths
from dslite.run.resolve import resolve
from dslite.scoring import TRAINED_ON, fit_name
from dslite.stages.ablation.work import NO_EFFECT, fits_of
from dslite.stages.benchmark.work import Benchmark
from dslite.stages.catalogue import STAGES
from dslite.stages.corpus import work as corpus_work
from dslite.stages.evaluate import work as evaluate_work
from dslite.stages.explain import views as explain_views
from dslite.stages.explain.work import BUDGETS
from dslite.stages.folds import work as folding
from dslite.stages.folds.work import DISJOINT, RANDOM
from dslite.stages.graph import conditions as graphs
from dslite.stages.graph import work as graphing
from dslite.stages.paper import work as paper_work
from dslite.stages.search import work as searching
from dslite.systems import CHANCE, OURS, TITLES
from tests.corpus_files import own
from tests.through import alone, page_of

CLASSES = ("<b>a", "$b$")
"""The model says the first of everything."""


def _record(settings, stage, before, **more):
    return {**records.inherited(before), **records.begin(settings, stage, stage, 0.0), **more}


def _predictions(corpus, part):
    files = corpus.clips[corpus.clips["partition"] == part]
    rows = files[["file", "speaker", "label"]].assign(predicted=CLASSES[0], chunks=1)
    rows = rows.assign(**{f"p_{name}": share for name, share in zip(CLASSES, (0.9, 0.1), strict=True)})
    return rows.assign(padded=rows["file"].map(corpus.chunks.groupby("file")["padded"].first()))


HISTORY = pd.DataFrame({"phase": [1], "epoch": [1], "loss": [0.7], "accuracy": [1.0], "dev_uar": [np.nan]})


def _write(table, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(file, index=False)


def _train(settings, corpus):
    for name in CONFIGURATIONS:
        for part, trained_on in TRAINED_ON.items():
            place = settings.paths.fit(name, part)
            _write(_predictions(corpus, part), place / "predictions.parquet")
            _write(HISTORY, place / "history.parquet")
            about = {"augmentation": name, "trained_on": trained_on, "scored_on": part, "weights": "random"}
            counts = ("chunks_trained_on", "chunks_scored", "trained_layers", "parameters", "threads", "seconds")
            pd.Series(about | dict.fromkeys(counts, 1)).to_json(place / "record.json")
    more = {
        "fits": [fit_name(a, part) for a in CONFIGURATIONS for part in TRAINED_ON],
        "recipe": asdict(settings.recipe),
        "trained_layers": 0,
        "weights": "random",
        "backbone": settings.backbone,
    }
    return _record(settings, "train", corpus.record, **more)


def _baseline(settings, corpus):
    for system in TITLES:
        for part in TRAINED_ON:
            _write(_predictions(corpus, part), settings.paths.baseline(system, part))
    point = {"complexity": 1e-5, "standardise": True, "balanced": False, "dev_uar": 50.0, "converged": False}
    systems = [system for system in TITLES if system != CHANCE]
    more = {"grid": {system: [point] for system in systems}, "chosen": dict.fromkeys(systems, point)}
    more |= {"features": dict.fromkeys(systems, 1), "front_end": asdict(DEEP_SPECTRUM)}
    more |= {"converged": dict.fromkeys(systems, False)}
    return _record(settings, "baseline", corpus.record, **more)


def _explain(settings, evaluated):
    """Maps on which nothing raises anything, of the one clip of each class of test."""
    folder, predictions = settings.paths.file("explain"), evaluated.predictions("none", "test")
    prediction = np.array([0.9, 0.1])
    flat = Attribution(np.zeros((2, BANDS, SPANS)), prediction, prediction, "by hand", 1)
    levels = np.zeros((32, 128), np.uint8)
    same = {"kept": 0.0, "heard_as": CLASSES[0], "heard_probability": 0.9, "probability": 0.9, "of_chunk": 0.9}
    same |= {"base": 0.9, "gap": 0.0, "chunk": 0, "chunks": 1, "start_s": 0.0, "seconds": 0.5, "padded": True}
    clips = [
        {**same, "label": row.label, "file": row.file, "predicted": row.predicted,
         "kind": "right" if row.label == row.predicted else "wrong"}
        for row in predictions.itertuples()
    ]  # fmt: skip
    for part in ("clips", "ways"):
        (folder / part).mkdir(parents=True)
    for number in range(len(clips)):
        np.savez(folder / f"clips/{number:02}.npz", **flat.arrays(), levels=levels)
    for way in explain_views._NAMES:
        np.savez(folder / f"ways/{way}.npz", **flat.only([0]).arrays(), levels=levels, clip=0)
    np.savez(folder / "sample.npz", **{name: np.stack([a] * len(clips)) for name, a in flat.arrays().items()})
    _write(predictions[["file", "label"]].assign(seconds=0.5), folder / "sample.parquet")
    curves = trust.curves(lambda x: np.tile(prediction, (len(x), 1)), levels, flat, 0, silence(128), draws=1)
    _write(curves.assign(clip=0, baseline="silence"), folder / "curves.parquet")
    nothing = dict(zip(("similarity", "similarity_unsigned"), trust.similarity(*[flat.pooled()[0]] * 2), strict=True))
    _write(pd.DataFrame([{"clip": 0, "seed": 0, **nothing}]), folder / "head.parquet")
    _write(pd.DataFrame([{"clip": 0, **nothing}]).iloc[:0], folder / "seeds.parquet")
    corpus = FinishedStage.of(settings, "corpus")
    more = {"front_end": corpus.record["front_end"], "explained": list(dict.fromkeys(c["label"] for c in clips))}
    more |= {"baseline": "silence", "bases": {"silence": prediction.tolist()}, "chosen_by": "rule", "clips": clips}
    more |= {"failed": ["no better than a random order"]}
    more |= {"budget": asdict(BUDGETS["demo"]), "augmentation": "none", "trained_on": ["train", "dev"]}
    more |= {"made_from": {"evaluate": evaluated.record["identity"]}}
    return _record(settings, "explain", evaluated.record, **more)


def _deploy(settings, evaluated):
    """Nothing runs: the float32 file failed, and all others would be made from it."""
    scored = {"uar": 50.0, "ci_low": 50.0, "ci_high": 50.0, "n_files": 1, "n_speakers": 1}
    rows = [{"model": "keras", "bytes": np.nan, **scored, "offered": False, "reason": ""}]
    rows += [{"model": name, "bytes": np.nan, "offered": False, "reason": "it failed"} for name in VARIANTS]
    _write(pd.DataFrame(rows), settings.paths.file("deploy", "variants.parquet"))
    for name in ("flips", "latency", "streaming"):
        _write(pd.DataFrame(), settings.paths.file("deploy", f"{name}.parquet"))
    more = {"augmentation": "none", "offered": [], "samples": 8000, "rate": 16_000, "whole_files": False, "threads": 1}
    front_end = FinishedStage.of(settings, "corpus").record["front_end"]
    return _record(settings, "deploy", evaluated.record, front_end=front_end, **more)


def _ablation(settings, corpus):
    """No discrepancy changes anything here."""
    test = _predictions(corpus, "test")
    differences = statistics.against({"sound": [test]}, "sound", CLASSES, 0)
    scores = [{"variant": "sound", "seed": 0, "partition": part, "uar": np.nan} for part in TRAINED_ON]
    left_out = [{"variant": "F-02", "reason": NO_EFFECT}]
    for name, table in {"differences": differences, "scores": scores, "left_out": left_out}.items():
        _write(pd.DataFrame(table), settings.paths.file("ablation", f"{name}.parquet"))
    for part in TRAINED_ON:
        _write(HISTORY, fits_of(settings.paths, "sound") / "0" / part / "history.parquet")
    return _record(settings, "ablation", corpus.record, seeds=[0], reference="sound")


def _folds(settings, corpus):
    """Files that name too few speakers to be normalised or drawn by them."""
    files = pd.concat([_predictions(corpus, part).assign(fold=part) for part in ("train", "dev", "test")])
    machines = {"complexity": 1e-5, "converged": False}
    tables = [
        files.assign(protocol=protocol, system=system, seed=0, **({} if system == OURS else machines))
        for protocol in (DISJOINT, RANDOM)
        for system in ("librosa statistics + SVM", OURS)
    ]
    everything = pd.concat(tables, ignore_index=True)
    for name, table in ({"predictions": everything} | folding.scored(everything, CLASSES, 0, 100, 100)).items():
        _write(table, settings.paths.file("folds", f"{name}.parquet"))
    return _record(settings, "folds", corpus.record, seeds=[0], augmentation="none", folds="the CSV's own column")


def _search(settings, corpus):
    """Of two trials one came to an end, and the other cannot be; there is nothing to draw."""
    trials = pd.DataFrame({"trial": [0, 1], "state": ["complete", "fail"], "dev_uar": [np.nan, np.nan],
                           "seconds": [1.0, np.nan], "reason": ["", "too <short>"], "units": [0, 8]})  # fmt: skip
    found = {part: _predictions(corpus, part) for part in TRAINED_ON}
    systems = (searching.WINNER, f"{OURS}, none", searching.MACHINE)
    scores = [{"system": name, "seed": 0, "partition": part, "uar": np.nan, "ci_low": np.nan, "ci_high": np.nan}
              for name in systems for part in TRAINED_ON]  # fmt: skip
    on_test = {name: [found["test"]] for name in systems}
    tables = {"trials": trials, "machine": trials, "scores": pd.DataFrame(scores)}
    tables["differences"] = statistics.against(on_test, searching.WINNER, CLASSES, 0)
    for name, table in tables.items():
        _write(table, settings.paths.file("search", f"{name}.parquet"))
    told = {"winner": {"units": 0, "epochs": [1, 0]}, "backbone": "squeezenet_v1", "augmentation": "none"}
    return _record(settings, "search", corpus.record, seeds=[0], in_time=False, hours=1.0, trials=3,
                   grid=True, processes=2, space={"units": "0, 8"}, optimism=float("nan"), **told)  # fmt: skip


def _compress(settings, corpus):
    """One network, of which nothing runs, and one that cannot be."""
    one = {"network": "chosen", "title": "Toy <b>", "kind": "chosen", "backbone": "squeezenet_v1", "weights": "random"}
    one |= {"offered": False, "reason": "it failed"}
    rows = [one | {"variant": name, "file": f"chosen/{name}"} for name in VARIANTS]
    costs = ("bytes", "zipped", "ms_per_s", "peak_mb", "model_mb", "macs", "parameters", "uar", "ci_low", "ci_high")
    lost = statistics.against({}, "", CLASSES, 0).columns.drop(["system", "uar", "n_files"])
    table = pd.DataFrame(rows).assign(**dict.fromkeys((*costs, "n_files", "n_speakers", *lost), np.nan))
    _write(table, settings.paths.file("compress", "files.parquet"))
    _write(pd.DataFrame(), settings.paths.file("compress", "latency.parquet"))
    told = {"augmentation": "none", "seconds_of_audio": 3.0, "best": "", "left_out": {"pruned": "too <few> channels"}}
    return _record(settings, "compress", corpus.record, **told)


def _graph(settings, corpus):
    """No file has a neighbour, one network without a file, and nothing to draw differences of."""
    parts = {part: _predictions(corpus, part) for part in ("dev", "test")}
    found = {("mobilenet15", name, 0, part): table for name in (graphs.SPEECH,) for part, table in parts.items()}
    found |= {(graphs.SVM, graphs.SVM, 0, part): table for part, table in parts.items()}
    tables = graphing.scored(found, CLASSES, 0, 100, 100)
    empty = {"graph": "graph", "files": 2, "edges": 0, "degree": 0.0, "isolated": 2}
    empty |= dict.fromkeys(("within_label", "within_speaker", "chance_label", "chance_speaker"), np.nan)
    costs = {"network": "mobilenet15", "variant": "int8", "parameters": 7, "bytes": np.nan, "ms": np.nan}
    nodes = corpus.clips[["file", "speaker", "label"]].assign(x=0.0, y=0.0)
    tables |= {"graphs": pd.DataFrame([empty]), "networks": pd.DataFrame([costs]), "nodes": nodes}
    for name, table in (tables | {"tried": pd.DataFrame()}).items():
        _write(table, settings.paths.file("graph", f"{name}.parquet"))
    source = {"corpus": "so", "data": "stand-in", "weights": "random", "backbone": "squeezenet_v1", "chosen": "none"}
    effort = {"networks": ["mobilenet15"], "heavy": [], "epochs": 2, "few": 1}
    told = {
        "effort": effort,
        "seeds": [0],
        "k": 3,
        "alpha": 0.1,
        "layer": 1,
        "embedder": "",
        "base_model": {"backbone": "squeezenet_v1", "weights": "random"},
        "way": {"threshold": 0.99},
        "source_warnings": ["<b>"],
    }
    wrong = {"mobilenet15": {"int8": ["it failed"], "float32": []}}
    return _record(settings, "graph", corpus.record, source=source, wrong=wrong, **told)


def _benchmark(output):
    """One thread, and only the file that has to pass."""
    folder = Paths(output).benchmark("squeezenet_v1")
    timed = [("keras", "whole"), ("float32", "whole"), ("float32", "front end"), ("float32", "cnn")]
    costs = ("p10_ms", "p50_ms", "p90_ms", "macs", "parameters", "peak_mb", "model_mb", "bytes", "bytes_with_optimiser")
    table = pd.DataFrame([{"model": model, "part": part, "threads": 1} for model, part in timed])
    _write(table.assign(**dict.fromkeys(costs, 1.0), speed_up=np.nan), folder / "table.parquet")
    rounds = [
        {"model": m, "part": p, "threads": 1, "round": 0, "ms": 1.0} for m, p in [*timed, ("float32 again", "whole")]
    ]
    _write(pd.DataFrame(rounds), folder / "timings.parquet")
    gate = [{"model": name, "bytes": 1.0, "offered": name == "float32", "reason": ""} for name in VARIANTS]
    _write(pd.DataFrame(gate), folder / "gate.parquet")
    return Benchmark(Paths(output), "squeezenet_v1", {"samples": 48_000, "rate": 16_000, "weights": "untrained"})


ONE, SHORT = "one test file of one speaker", "no file as long as a chunk, no speaker"
TELLING = ("corpus", "baseline", "evaluate", "explain")
"""Stages whose pages differ between the two; those of the others say the same of both."""

SAYS = {
    ("evaluate", SHORT): "no file qualifies (n_files 0)",
    ("explain", ONE): "No test clip of this class is wrong.",
    ("deploy", ONE): "Not offered: float32: it failed.",
    ("folds", ONE): "To DS Lite's score, files dealt at random add +0.0 points",
    ("ablation", ONE): "No change could be compared.",
    ("compress", ONE): "No file passed the gate.",
    ("graph", ONE): "No file has a neighbour by this rule, so there is no graph to look at.",
    ("search", ONE): "The 1 h were over before all 3 were made",
}


def _results(case, folder):
    """What each stage left: stage -> what its ``work`` returns."""
    one, rng = case == ONE, np.random.default_rng(0)
    seconds = [3.2, 3.2, 3.2, 3.2, 3.2, 0.4] if one else [0.4 + 0.02 * i for i in range(6)]
    source = own(folder, [0.1 * rng.standard_normal(round(16_000 * s)) for s in seconds], CLASSES)
    if not one:
        table = pd.read_csv(source).drop(columns="speaker")
        table.to_csv(source, index=False)
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        reading = "released" if one else "paper"  # the former leaves short files out: test loses a class
        settings = resolve(source, profile="demo", reading=reading, output=folder / "out", weights="random")
        corpus = corpus_work.work(settings)
        found = {"corpus": corpus}
        for stage, made in {"train": _train, "baseline": _baseline}.items():
            records.write(settings, made(settings, corpus))
            found[stage] = FinishedStage.of(settings, stage)
        found["evaluate"] = evaluate_work.work(settings)
        for stage, made in {"explain": _explain, "deploy": _deploy}.items():
            records.write(settings, made(settings, found["evaluate"]))
            found[stage] = FinishedStage.of(settings, stage)
        records.write(settings, _ablation(settings, corpus))
        found["ablation"] = FinishedStage.of(settings, "ablation")
        records.write(settings, _folds(settings, corpus))
        found["folds"] = FinishedStage.of(settings, "folds")
        records.write(settings, _search(settings, corpus))
        found["search"] = FinishedStage.of(settings, "search")
        records.write(settings, _compress(settings, corpus))
        found["compress"] = FinishedStage.of(settings, "compress")
        records.write(settings, _graph(settings, corpus))
        found["graph"] = FinishedStage.of(settings, "graph")
        if one:  # of the other it would say the same, and draws a dozen figures for it
            found["paper"] = paper_work.work(settings.output)
        found["benchmark"] = _benchmark(settings.output)
        assert len(_predictions(corpus, "test")) == (1 if one else 2)
        return found


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return cache(lambda case: _results(case, tmp_path_factory.mktemp("own")))


@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")
@pytest.mark.parametrize("case, name", [*((ONE, name) for name in STAGES), *((SHORT, name) for name in TELLING)])
def test_the_page_of_the_emptiest_results_is_a_page(results, case, name, monkeypatch):
    page = page_of(name, lambda asked: results(case)[asked], monkeypatch)
    for style in page.select("style"):
        style.decompose()
    text = page.get_text(" ", strip=True)
    assert SAYS.get((name, case), "") in text
    assert not re.search(r"\b(nan|NaN|NaT|inf)\b", text), text
    assert not {"None", "True", "False"} & {cell.get_text().strip() for cell in page.select("td.ds-number")}
    intervals = [tuple(map(float, found)) for found in re.findall(r"(-?[\d.]+)–(-?[\d.]+)", text)]
    assert all(0 <= low <= high <= 100 for low, high in intervals), intervals
    assert page.b is None, "names are shown as they are, not read as HTML"
    assert all(image["alt"] for image in page.select("img"))
