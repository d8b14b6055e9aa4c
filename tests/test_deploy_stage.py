"""The stages that ship a model and say what it costs, on a corpus of noise and with short schedules."""

import re
import subprocess
import sys
import wave
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from ai_edge_litert import schema_py_generated as schema

from dslite import reporting
from dslite.deployment import LiteModel, read_card
from dslite.deployment import offer as offering
from dslite.deployment.container import attach
from dslite.deployment.files import predict
from dslite.deployment.quantisation import VARIANTS
from dslite.errors import DsliteError
from dslite.layout.paths import NOTEBOOKS
from dslite.reporting import variants
from dslite.run.resolve import resolve
from dslite.stages.benchmark import views as bench_views
from dslite.stages.benchmark import work as benchmarking
from dslite.stages.deploy import figures
from dslite.stages.deploy import views as costs
from dslite.stages.deploy import work as deploying
from dslite.store import Samples
from tests.corpus_files import own
from tests.through import alone, one_configuration, through

PROGRAM = Path(__file__).parents[1] / "docs/deployment.md"


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as context:
        yield context


@pytest.fixture(scope="module")
def stage(tmp_path_factory, patch):
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    alone(patch, folder)
    one_configuration(patch)
    patch.setattr(deploying, "ROUNDS", {"demo": 3})
    waves = [0.1 * rng.standard_normal(20_000 + 3_000 * i) for i in range(12)]
    return through(resolve(own(folder, waves), profile="demo", output=folder / "out"), "deploy")


def offered(stage):
    return [name for name in VARIANTS if stage.paths.file("deploy", f"{name}.tflite").exists()]


def test_stage_leaves_what_it_promises(stage):
    table = pd.read_parquet(stage.paths.file("deploy", "variants.parquet")).set_index("model")
    assert stage.record["offered"] == offered(stage) == list(table.index[table["offered"]])
    assert {"float32", "dynamic-int8", "int8"} <= set(stage.record["offered"])
    predictions = pd.read_parquet(stage.paths.file("deploy", "predictions.parquet"))
    assert set(predictions["model"]) >= {"keras", *offered(stage)}
    assert set(pd.read_parquet(stage.paths.file("deploy", "latency.parquet"))["model"]) == {
        *offered(stage),
        "float32 again",
    }
    streamed = pd.read_parquet(stage.paths.file("deploy", "streaming.parquet"))
    assert list(streamed["model"]) == offered(stage) and (streamed["windows"] > 1).all()
    assert stage.record["samples"] == 48_000 and stage.record["augmentation"] == stage.chosen


def test_what_is_shipped_is_what_was_scored(stage):
    """Keras' predictions of this stage are those of the fit that the tables rest on."""
    ours = (
        pd.read_parquet(stage.paths.file("deploy", "predictions.parquet")).query("model == 'keras'").set_index("file")
    )
    fitted = stage.predictions(stage.chosen, "test").set_index("file")
    columns = [f"p_{name}" for name in stage.classes]
    np.testing.assert_allclose(ours.loc[fitted.index, columns], fitted[columns], atol=1e-4)


def test_card_says_where_the_model_comes_from(stage):
    card = read_card(stage.paths.file("deploy", "float32.tflite").read_bytes())
    about = {"corpus": "own", "data": "real", "weights": "random", "profile": "demo", "augmentation": stage.chosen}
    assert card.labels == stage.classes and about.items() <= card.about.items()


def test_stage_is_made_once(stage):
    stamp = stage.paths.file("deploy", "float32.tflite").stat().st_mtime_ns
    assert deploying.work(stage.settings).record == stage.record
    assert stage.paths.file("deploy", "float32.tflite").stat().st_mtime_ns == stamp


def documented_program(folder: Path):
    """A function (model, samples) -> what the documented program says of them: probabilities by label, its decision."""
    program = next(b for b in re.findall(r"```python\n(.*?)```", PROGRAM.read_text(), re.DOTALL) if "# Classify" in b)
    assert len(program.splitlines()) <= 30
    (folder / "classify.py").write_text(program)
    guard = "import sys, runpy; sys.modules |= dict.fromkeys(('tensorflow', 'keras', 'dslite')); sys.argv.pop(0); "

    def classify(model: Path, samples: np.ndarray) -> tuple[dict[str, float], str]:
        with wave.open(str(folder / "clip.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
        command = [sys.executable, "-c", f"{guard}runpy.run_path(sys.argv[0])", folder / "classify.py", model]
        done = subprocess.run([*command, folder / "clip.wav"], capture_output=True, text=True, check=True)
        *lines, last = done.stdout.splitlines()
        return {line.split()[0]: float(line.split()[1]) for line in lines}, last.removeprefix("decided: ")

    return classify


def test_the_documented_program_equals_the_pipeline(stage, tmp_path):
    classify, table, samples = documented_program(tmp_path), stage.table("predictions"), Samples(stage.paths.samples)
    table, model = table[table["model"] == "float32"].set_index("file"), stage.paths.file("deploy", "float32.tflite")
    for file in table.index[:2]:  # shorter than a chunk of 3 s
        probabilities, decided = classify(model, samples[file])
        assert list(probabilities) == list(stage.classes) and decided == table.loc[file, "predicted"]
        np.testing.assert_allclose(
            list(probabilities.values()), [table.loc[file, f"p_{label}"] for label in stage.classes], atol=2e-4
        )


@pytest.mark.parametrize("decision", ["vote", "mean"])
@pytest.mark.parametrize("remainder", ["drop", "overlap"])
def test_the_documented_program_hears_whole_files(stage, tmp_path, decision, remainder):
    """Files of several chunks with a rest, decided as a prediction table of the same model would have it."""
    content = stage.paths.file("deploy", "float32.tflite").read_bytes()
    model = LiteModel(content)
    about = model.card.about | {"decision": decision, "remainder": remainder}
    (tmp_path / "x.tflite").write_bytes(attach(content, replace(model.card, about=about)))
    classify, rng = documented_program(tmp_path), np.random.default_rng(1)
    waves = {
        f"{n}": np.round(3e3 * rng.standard_normal(n)).astype(np.float32) / 32768 for n in (48_000, 80_001, 120_000)
    }
    clips = pd.DataFrame({"file": list(waves), "speaker": "", "label": stage.classes[0]})
    reading = replace(stage.settings.reading, decision=decision, remainder=remainder)
    expected = predict({"x": model}, clips, waves, 48_000, stage.classes, reading)["x"].set_index("file")
    assert expected["chunks"].tolist() == ([1, 2, 4] if remainder == "drop" else [1, 3, 4])
    for file, wave_of_file in waves.items():
        probabilities, decided = classify(tmp_path / "x.tflite", wave_of_file)
        assert decided == expected.loc[file, "predicted"]
        wanted = [expected.loc[file, f"p_{label}"] for label in stage.classes]
        np.testing.assert_allclose(list(probabilities.values()), wanted, atol=2e-4)


def test_whole_files_get_a_stated_length(stage, monkeypatch):
    whole = replace(stage.settings.recipe, chunk=0.0)
    monkeypatch.setattr(type(stage.settings), "recipe", property(lambda settings: whole))
    # train: 1.25, 1.4375, 1.625 and 1.8125 s
    assert deploying.chunk_samples(stage, 16_000) == 24_000
    assert "whole files" in deploying.about(stage, 1.5)["chunk"]


@pytest.fixture
def again(stage, monkeypatch):
    """The stage with other parameters, whose files are put back afterwards."""
    monkeypatch.setattr(deploying, "CALIBRATION", {"demo": 2})
    changed = resolve(**{**stage.settings.as_parameters(), "output": stage.settings.output})
    kept = {file: file.read_bytes() for file in stage.paths.file("deploy").iterdir()}
    stage.paths.record("deploy").unlink()
    yield lambda: deploying.work(changed)
    for file, content in kept.items():
        file.write_bytes(content)


def test_each_variant_is_judged_by_itself(again, monkeypatch):
    monkeypatch.setattr(offering.gate, "SAME_NETWORK", -1.0)
    monkeypatch.setattr(offering.gate, "apart", lambda *rest: nullcontext(lambda content: []))
    second = again()
    assert second.record["offered"] == [name for name in VARIANTS if name != "float32"]
    assert costs.refused(second).startswith("Not offered: float32: its probabilities differ from Keras'")


def test_a_page_with_nothing_to_offer_is_a_page(again, stage, monkeypatch):
    monkeypatch.setattr(offering.gate, "apart", lambda *rest: nullcontext(lambda content: ["it is a test"]))
    second = again()
    assert second.record["offered"] == [] and not list(stage.paths.file("deploy").glob("*.tflite"))
    said = costs.refused(second)
    assert said.count("float32, which failed") == 3 and "float32: it is a test" in said
    assert set(costs.gate(second)["file"]) == {"not offered"}
    titles, times, _ = costs.picture(second)
    assert len(titles) == 5 and times.empty and costs.streaming(second).empty and costs.ranks(second).empty
    notebook, shown = nbformat.read(NOTEBOOKS / "deploy.ipynb", 4), []
    monkeypatch.setattr(reporting.display, "show_html", shown.append)
    for cell in notebook.cells:
        if cell.cell_type == "code" and "views." in cell.source and "run(" not in cell.source:
            exec(cell.source, {"stage": second, "views": costs, "figures": figures, "reporting": reporting})
    assert sum("Nothing to list" in str(page) for page in shown) >= 3


def test_views_name_every_variant(stage):
    assert list(costs.gate(stage)["variant"]) == [variant.title for variant in VARIANTS.values()]
    times = costs.times(stage)
    assert len(times) == 3 * len(offered(stage)) and (times["p10 (ms)"] <= times["p90 (ms)"]).all()


def timings(**milliseconds):
    rows = [(name.replace("_", " "), "whole", 1, i, ms) for name, of in milliseconds.items() for i, ms in enumerate(of)]
    return pd.DataFrame(rows, columns=["model", "part", "threads", "round", "ms"])


def test_nothing_is_ranked_inside_the_noise_floor():
    measured = timings(float32=[10, 10, 10], float32_again=[11, 11, 11], float16=[10.9] * 3, int8=[8.0] * 3)
    said = variants.ranking(measured).set_index("pair")["what it says"]
    assert said["float16 weights / float32"] == "inside the noise floor: not ranked"
    assert said["full int8 convolutions / float32"] == "full int8 convolutions is faster"
    assert "10.0 % with 1 thread." in variants.noise_in_words(measured)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, patch):
    patch.setattr(benchmarking, "ROUNDS", 2)
    patch.setattr("dslite.deployment.memory.peak_memory", lambda *rest, **more: {"peak_mb": 2.0, "model_mb": 1.0})
    return benchmarking.work("toynet", 1, tmp_path_factory.mktemp("bench"), workers=1)


def test_table5_is_written_for_all_base_models(bench):
    table = pd.read_csv(bench.layout.table(5))
    ours, printed = table[table["source"] == "here"], table[table["source"] == "paper"]
    columns = ["backbone", "model", "part", "threads", "p10_ms", "p50_ms", "p90_ms", "speed_up", "noise", "parameters"]
    columns += ["macs", "bytes", "bytes_with_optimiser", "peak_mb", "model_mb", "weights", "seed", "mean_ms", "flops"]
    assert set(columns) <= set(table) and set(ours["backbone"]) == {"toynet"}
    assert ours["mean_ms"].isna().all() and printed["p50_ms"].isna().all()
    assert list(printed["mean_ms"]) == [7.1, 240.0, 89.7, 242.0]
    assert set(bench.table["model"]) >= {"keras", "float32", "dynamic-int8", "int8"}
    columns, published = bench_views.table5(bench)
    assert set(published) < set(columns) and columns["TF Lite", "paper, phone"]["Size [MB]"] == "30.0"
    assert columns["TF Lite", "float32"]["Parameters"] == "0.01 M"


def test_benchmark_is_made_once(bench, monkeypatch):
    monkeypatch.setattr(benchmarking, "_measure", lambda *rest: pytest.fail("it was measured again"))
    again = benchmarking.work("toynet", 1, bench.layout.output, workers=1)
    assert again.record == bench.record


def test_no_batch_normalisation_of_the_benchmark_can_be_left_out():
    """As Keras makes them they add zero, and the converter drops that: a trained network would cost more."""
    base = benchmarking.untrained("mobilenet_v2", seed=0).get_layer("mobilenetv2_1.00_224")
    layers = [layer for layer in base.layers if type(layer).__name__ == "BatchNormalization"]
    assert len(layers) > 50
    for layer in layers:
        scale = layer.gamma / np.sqrt(layer.moving_variance + layer.epsilon)
        shift = layer.beta - layer.moving_mean * scale
        assert not np.allclose(scale, 1.0) and not np.allclose(shift, 0.0)


@pytest.mark.parametrize("changes, message", [({"backbone": "vgg"}, "vgg"), ({"workers": 0}, "workers is 0")])
def test_wrong_parameters_of_the_benchmark_are_named(tmp_path, changes, message):
    with pytest.raises(DsliteError, match=message):
        benchmarking.work(**{"output": tmp_path, **changes})


def test_exported_files_are_aligned(stage):
    """Weights lie at multiples of 16 bytes, as the format asks: a phone maps the file and reads them in place."""
    for name in offered(stage):
        content = np.fromfile(stage.paths.file("deploy", f"{name}.tflite"), np.uint8)
        model = schema.Model.GetRootAs(content, 0)
        stored = [model.Buffers(i) for i in range(model.BuffersLength())]
        data = [b.DataAsNumpy() for b in stored if b.DataLength()]
        assert len(data) > 10
        assert not any((d.ctypes.data - content.ctypes.data) % 16 for d in data), name
        assert LiteModel(content.tobytes()).card.variant == name
