"""The notebook to start with, run as a person would on a small stand-in, and what it is made of."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import keras
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from dslite.corpora.standins import write_standin
from dslite.deployment import LiteModel
from dslite.explore import play
from dslite.front_end import FrontEnd
from dslite.layout.paths import NOTEBOOKS
from dslite.model import Head, assemble
from dslite.network import Backbone, count_trained, train_last
from dslite.readings import PAPER
from dslite.run.execution import _Kernel
from dslite.run.parameters import substitute
from dslite.spectrogram import MelPlot
from tests.through import short_in_kernels

EPOCHS = [2, 1]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The executed notebook and the folder that it wrote to, where a run of another day lies."""
    folder = tmp_path_factory.mktemp("play")
    (folder / "ravdess").mkdir()
    (folder / "ravdess" / "tried.json").write_text('[{"units": 99}, {"units": 77, "epochs": [3, 0]}]')
    notebook = nbformat.read(NOTEBOOKS / "play.ipynb", 4)
    values = {"backbone": "toynet", "limit": 2, "epochs": EPOCHS, "units": 16, "output": str(folder)}
    substitute(notebook, values, "play")
    asked = "import json\n\nlearnt = labels[train].sum(axis=0).tolist()"
    asked += "\nprint(json.dumps([keras.backend.backend(), keras.config.floatx(), score['uar'], learnt]))"
    asked += "\nnp.savez(folder / 'said.npz', waves[test], network(waves[test], training=False))"
    notebook.cells.append(nbformat.v4.new_code_cell(asked))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", "http://127.0.0.1:9")  # no download
        patch.setenv("KERAS_HOME", str(other_keras(folder)))
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        short_in_kernels(patch, folder)
        resources = {"metadata": {"path": str(NOTEBOOKS)}}
        NotebookClient(notebook, timeout=300, kernel_manager_class=_Kernel, resources=resources).execute()
    return notebook, folder / "ravdess"


def other_keras(folder):
    """A person's Keras folder that asks for other things than this package does."""
    settings = {"floatx": "float16", "backend": "jax", "image_data_format": "channels_first"}
    (folder / "keras.json").write_text(json.dumps(settings))
    return folder


def shown(notebook, kind):
    """All outputs of a kind (``stream``: what is printed), as text."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = [output.text for output in outputs if output.output_type == "stream" and output.name == "stdout"]
    rich = [str(output.data[kind]) for output in outputs if "data" in output and kind in output.data]
    return printed if kind == "stream" else rich


def test_everything_is_shown_and_says_what_it_is_made_of(played):
    html = shown(played[0], "text/html")
    figures, tables = ([part for part in html if mark in part] for mark in ("<img", "<table"))
    assert len(figures) == 4 and len(tables) == 6 and sum("<audio" in part for part in html) == 1
    for part in [*figures, *tables]:
        assert "SYNTHETIC stand-in" in part and "RANDOM weights" in part and "Toy network" in part
    banner = next(part for part in html if "<aside" in part)
    assert "36 of 82 files are used" in banner and "12 test files says little" in banner


def test_epochs_grow_before_the_eyes(played):
    told = "".join(shown(played[0], "stream"))
    assert re.findall(r"^Epoch (\d)/(\d)$", told, re.M) == [("1", "2"), ("2", "2"), ("3", "3")]
    assert len(re.findall(r"accuracy: .*val_loss: ", told)) == sum(EPOCHS)


def test_nothing_is_written_in_pink(played):
    """Neither TensorFlow nor LiteRT, which tells of XNNPACK by its file descriptor, stand among the results."""
    outputs = [output for cell in played[0].cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_keras_is_as_the_package_wants_it_and_the_score_is_one(played):
    backend, kind, uar, learnt = json.loads(shown(played[0], "stream")[-1])
    assert (backend, kind) == ("tensorflow", "float32") and 0 <= uar <= 100
    assert len(set(learnt)) == 1 and len(learnt) == 6, "as many chunks of each class, as in the paper"


def test_the_exported_file_says_what_keras_says(played):
    said = np.load(played[1] / "said.npz")
    model = LiteModel(played[1] / "float32.tflite")
    assert model.card.about["data"] == "stand-in" and len(model.card.labels) == 6
    np.testing.assert_allclose(model(said["arr_0"]), said["arr_1"], atol=1e-3)


def test_this_run_stands_beside_the_one_before_and_the_paper(played):
    table = next(part for part in shown(played[0], "text/html") if "What was tried" in part)
    assert re.findall(r"<th[^>]*col_heading[^>]*>([^<]*)<", table) == ["paper", "the run before", "this run"]
    (units,) = re.findall(r">units</th>(.*?)</tr>", table, re.S)
    assert re.findall(r"<td[^>]*>([^<]*)<", units) == ["128", "77", "16"]
    runs = json.loads((played[1] / "tried.json").read_text())
    assert len(runs) == 3 and runs[-1]["epochs"] == EPOCHS and runs[-1]["optimiser"] == "Adam"


def test_keras_reads_our_models_after_one_import(played, tmp_path):
    """That of the notebook and one as fits leave it, in a process of its own; docs/deployment.md names the import."""
    network(Head(8, 2, 0.1, name="head")).save(tmp_path / "model.keras")
    lines = (
        "import sys\nimport dslite.model\nimport keras\nimport numpy as np\n"
        "wave = np.sin(np.arange(16_000, dtype=np.float32))[None]\n"
        "for file in sys.argv[1:]:\n"
        "    print(keras.models.load_model(file)(wave).numpy().sum())\n"
        "print(keras.backend.backend(), keras.config.floatx())"
    )
    env = {"KERAS_HOME": str(other_keras(tmp_path)), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(NOTEBOOKS.parent)}
    command = [sys.executable, "-c", lines, str(played[1] / "model.keras"), str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | env)
    assert done.returncode == 0, done.stderr
    *totals, backend, kind = done.stdout.split()
    assert [float(total) for total in totals] == pytest.approx([1, 1], abs=1e-3)
    assert (backend, kind) == ("tensorflow", "float32")
    assert "\nimport dslite.model" in (NOTEBOOKS.parent / "docs/deployment.md").read_text("utf-8")


# what it is made of ---------------------------------------------------------------------------------------------------

SIZE = 32


def network(head):
    """A whole model with plots of 32 pixels and a base model of one convolution and one batch normalisation."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    body = keras.Model(inputs, keras.layers.BatchNormalization(name="last")(keras.layers.ReLU()(x)), name="tiny")
    base = Backbone("tiny", body, (1 / 128,) * 3, (-1.0,) * 3, "random", "")
    return assemble(MelPlot(FrontEnd(size=SIZE), name="plot"), base, head)


def plain_head(classes=2):
    dense, dropped = keras.layers.Dense(8, name="hidden"), keras.layers.Dropout(0.5, name="dropout")
    return keras.Sequential([dense, dropped, keras.layers.Dense(classes, name="logits")], name="head")


def fitted(acting, policy=None):
    """A network, its state before and after a fit of one batch, and what Keras says of the fit."""
    keras.utils.set_random_seed(3)
    whole = network(plain_head())
    learner = play.SapAugmented(whole, policy or replace(PAPER, probability=(1.0, 1.0)), *acting, seed=1)
    learner.compile("sgd", "categorical_crossentropy")
    pictures = np.random.default_rng(0).uniform(0, 255, (6, SIZE, SIZE, 3)).astype(np.float32)
    before = {w.path: w.numpy() for w in whole.weights}
    loss = learner.fit(pictures, np.eye(2)[[0, 1] * 3], epochs=1, verbose=0, shuffle=False).history["loss"][0]
    return whole, before, {w.path: w.numpy() for w in whole.weights}, loss


def test_fit_trains_the_network_itself_and_keeps_the_statistics_of_batch_normalisation():
    whole, before, after, _ = fitted((True, True))
    moved = {path for path in before if not np.array_equal(before[path], after[path])}
    assert {path for path in before if "moving" in path} and not any("moving" in path for path in moved)
    assert moved == {w.path for w in whole.trainable_weights}


def test_augmentation_changes_what_is_learnt_and_none_is_keras_own():
    plain, mixed, again = (fitted(acting)[3] for acting in ((False, False), (True, True), (True, True)))
    never = fitted((True, True), replace(PAPER, probability=(0.0, 0.0)))[3]
    assert plain == never and plain != mixed and mixed == again


def test_learner_and_network_say_the_same():
    whole = network(plain_head())
    learner = play.SapAugmented(whole, PAPER, True, True, 0)
    waves = np.random.default_rng(0).standard_normal((3, 4000)).astype(np.float32)
    np.testing.assert_allclose(learner(whole.get_layer("plot")(waves)), whole(waves), atol=1e-5)


def test_layers_are_counted_as_frozen_and_trained(monkeypatch):
    body = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    base = Backbone("mobile", body, (1.0,) * 3, (0.0,) * 3, "random", "")
    whole = assemble(MelPlot(FrontEnd(size=SIZE), name="plot"), base, plain_head())
    train_last(body, count_trained(len(body.layers), 0.3, "last"))
    table = play.layer_table(whole)
    assert table["parameters"].sum() == whole.count_params()
    assert table["trained"].sum() == sum(int(np.prod(w.shape)) for w in whole.trainable_weights)
    frozen, trained = table[table["layer"] == body.name].itertuples()
    assert frozen.trained == 0 < trained.trained and trained.kind == f"{int(len(body.layers) * 0.3)} layers, trained"
    assert {"waveform", "plot", "hidden", "dropout", "logits"} <= set(table["layer"])


def test_stand_in_is_read_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    classes, clips, chunks, waves, about = play.load("ravdess", "", 0.0, 2, 7)
    assert about["data"] == "stand-in" and "SYNTHETIC" in about["note"] and not list(tmp_path.iterdir())
    assert (clips.groupby(["partition", "label"]).size() == 2).all() and set(clips["label"]) == set(classes)
    assert waves.shape == (len(chunks), 4 * 16_000) and waves.dtype == np.float32
    assert clips.groupby(["partition", "label"])["speaker"].nunique().min() == 2, "speakers by turns"


def test_own_data_and_a_corpus_that_is_there_are_read(tmp_path):
    write_standin("css", tmp_path / "css", 1)
    whole = play.load("css", str(tmp_path), 0.0, 0, 0)
    assert whole[3].shape[1] == 3 * 16_000, "Table 2 says whole files"
    again = play.load("css", str(tmp_path), 1.0, 1, 0)
    assert again[3].shape[1] == 16_000 and (again[1].groupby(["partition", "label"]).size() == 1).all()
