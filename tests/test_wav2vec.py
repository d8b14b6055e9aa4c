"""wav2vec 2.0 as the source's model of the stage graph, with a tiny one of random weights: none of its figures, and
nothing here, is of the published weights."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from dslite.errors import DsliteError
from dslite.layout.finished import FinishedStage
from dslite.run import notebook, session
from dslite.run.cluster import Cluster
from dslite.run.options import parse
from dslite.run.resolve import resolve
from dslite.stages.graph.conditions import GRAPH, SPEECH, effort
from dslite.transfer import wav2vec
from tests.through import page_of, through

CONVOLUTIONS = "wav2vec2.feature_extractor."
HOW = {
    "backbone": "squeezenet_v1",
    "weights": "random",
    "profile": "demo",
    "reading": "sound",
    "source": "ravdess_speech",
}


@pytest.fixture(scope="session")
def transformers():
    reason = "takes torch and transformers: pip install torch transformers"
    pytest.importorskip("torch", reason=reason)
    return pytest.importorskip("transformers", reason=reason)


@pytest.fixture(scope="module")
def tiny(transformers, tmp_path_factory):
    """A folder with a model as pretraining leaves one: without a head, with what only pretraining has."""
    few = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_conv_pos_embeddings": 8}
    few |= {"num_conv_pos_embedding_groups": 2, "num_codevectors_per_group": 4, "codevector_dim": 8}
    config = transformers.Wav2Vec2Config(hidden_size=16, intermediate_size=32, conv_dim=(8,) * 7, **few)
    transformers.set_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    transformers.Wav2Vec2ForPreTraining(config).save_pretrained(folder)
    return wav2vec.located(str(folder))


@pytest.fixture(scope="module")
def waves():
    rng = np.random.default_rng(0)
    return {f"{n}.wav": rng.normal(0.05, 0.1, n).astype(np.float32) for n in (9_000, 17_000, 70_000, 150_000)}


def fitted(tiny, waves, epochs: int = 2):
    told: list = []
    model = wav2vec.classifier(tiny, 2, 42)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    wav2vec.fine_tune(
        model, waves, {file: at % 2 for at, file in enumerate(waves)}, 42, epochs, lambda *t: told.append(t)
    )
    return model, before, told


def test_fine_tuning_moves_all_but_the_convolutions_and_repeats(tiny, waves, monkeypatch):
    monkeypatch.setattr(wav2vec, "BATCH", 3)
    (model, before, told), (again, same, _) = fitted(tiny, waves), fitted(tiny, waves)
    still = {name for name, value in model.state_dict().items() if value.equal(before[name])}
    assert still == {name for name in before if name.startswith(CONVOLUTIONS)} and len(still) < len(before) - 20
    assert all(value.equal(same[name]) for name, value in before.items())
    for file in waves:
        np.testing.assert_array_equal(wav2vec.embed(model, waves[file]), wav2vec.embed(again, waves[file]))
    assert [(done, of) for done, of, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)] and "epoch 2 of 2" in told[-1][2]


def test_what_is_learnt_is_four_seconds_of_each_file_as_transformers_makes_them(tiny, waves, transformers, monkeypatch):
    import torch

    seen, extract = [], transformers.Wav2Vec2FeatureExtractor()
    model = wav2vec.classifier(tiny, 2, 0)
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    wav2vec.fine_tune(model, waves, dict.fromkeys(waves, 0), 0, 1, lambda *told: None)
    (batch,) = seen
    assert batch.shape == (4, 64_000) and batch.dtype == torch.float32
    order = np.random.default_rng(0).permutation(4)
    for row, (file, wave) in zip(batch, [[*waves.items()][at] for at in order], strict=True):
        whole = np.asarray(extract(wave, sampling_rate=16_000).input_values[0])
        np.testing.assert_allclose(row[: len(wave)], whole[:64_000], rtol=1e-4, atol=1e-4, err_msg=file)
        np.testing.assert_allclose(row[len(wave) :][:1000], whole[: max(0, min(1000, 64_000 - len(wave)))], atol=1e-4)


def test_an_embedding_is_the_mean_of_what_the_projector_says(tiny, waves, transformers):
    import torch

    model, extract, said = wav2vec.classifier(tiny, 2, 0), transformers.Wav2Vec2FeatureExtractor(), []
    own = {file: wav2vec.embed(model, wave) for file, wave in waves.items()}
    model.projector.register_forward_hook(lambda module, given, made: said.append(made))
    for file, wave in waves.items():
        with torch.no_grad():
            logits = model(extract(wave, sampling_rate=16_000, return_tensors="pt").input_values[:, :134_880]).logits
        expected = said.pop()[0].mean(dim=0)
        assert own[file].shape == (256,) and own[file].dtype == np.float32
        np.testing.assert_allclose(own[file], expected, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(model.classifier(torch.from_numpy(own[file])).detach(), logits[0], atol=1e-4)
    assert np.isfinite(wav2vec.embed(model, waves["9000.wav"][:100])).all(), "shorter than the convolutions take"


def test_no_file_of_a_batch_is_heard_through_padding(tiny, waves, transformers):
    """That is why files are embedded one at a time: what stands beside a file must not change it."""
    import torch

    model = wav2vec.classifier(tiny, 2, 0).eval()
    one, other = (waves[f"{n}.wav"] for n in (9_000, 17_000))
    padded = transformers.Wav2Vec2FeatureExtractor()(
        [one, other], sampling_rate=16_000, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        beside = model.projector(model.wav2vec2(padded.input_values).last_hidden_state)[0].mean(dim=0)
    alone = wav2vec.embed(model, one)
    assert np.abs(alone - beside.numpy()).max() > 1e-3 * np.abs(alone).max()
    wav2vec.embed(model, other)
    np.testing.assert_array_equal(wav2vec.embed(model, one), alone)


def test_a_model_without_all_weights_or_of_another_kind_is_refused(tiny, tmp_path, transformers):
    from safetensors.torch import load_file, save_file

    told = json.loads((Path(tiny) / "config.json").read_text("utf-8"))
    weights = load_file(f"{tiny}/model.safetensors")
    config, file = tmp_path / "config.json", tmp_path / "model.safetensors"
    with pytest.raises(DsliteError, match=f"The embedder {tmp_path} has no config.json; expected a folder with"):
        wav2vec.located(str(tmp_path))
    config.write_text(json.dumps(told | {"model_type": "hubert"}), "utf-8")
    with pytest.raises(DsliteError, match=r"has no model.safetensors"):
        wav2vec.located(str(tmp_path))
    save_file({name: value for name, value in weights.items() if "encoder.layers.0.attention" not in name}, file)
    with pytest.raises(DsliteError, match="holds a model of type hubert"):
        wav2vec.located(str(tmp_path))
    config.write_text(json.dumps(told), "utf-8")
    with pytest.raises(DsliteError, match=r"has no encoder.layers.0.attention.k_proj.bias, which would be random"):
        wav2vec.classifier(wav2vec.located(str(tmp_path)), 2, 0)
    file.write_bytes(b"nothing")
    with pytest.raises(DsliteError, match=f"The embedder {tmp_path} could not be loaded"):
        wav2vec.classifier(str(tmp_path), 2, 0)


def test_a_folder_comes_before_the_hub_and_weights_count_not_where_they_lie(tmp_path, monkeypatch):
    assert wav2vec.located("") == "" and wav2vec.located("facebook/wav2vec2-base") == "facebook/wav2vec2-base"
    assert wav2vec.digest("facebook/wav2vec2-base") == "facebook/wav2vec2-base"
    with pytest.raises(DsliteError, match="The embedder w2v does not exist; expected a folder with config.json and"):
        wav2vec.located("w2v")
    for name in ("facebook", "elsewhere"):
        (folder := tmp_path / name / "wav2vec2-base").mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "wav2vec2"}', "utf-8")
        (folder / "model.safetensors").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    one, other = wav2vec.located("facebook/wav2vec2-base"), wav2vec.located("elsewhere/wav2vec2-base")
    assert one == str(tmp_path / "facebook" / "wav2vec2-base") and wav2vec.digest(one) == wav2vec.digest(other)
    (folder / "model.safetensors").write_bytes(b"others")
    assert wav2vec.digest(one) != wav2vec.digest(other)


def test_without_its_libraries_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DsliteError, match=r"torch is not installed: run `pip install torch transformers`"):
        wav2vec.libraries()


def test_it_belongs_to_a_source_of_which_only_the_files_are_needed(tmp_path, capsys):
    for options in (["--embedder", "a/b"], ["--stages", "graph", "--embedder", "a/b"]):
        with pytest.raises(SystemExit):
            parse(options)
        assert "go together" in capsys.readouterr().err
    own, by = (resolve("css", output=tmp_path, embedder=embedder, **HOW) for embedder in ("", "a/b"))
    assert by.embedder == parse(["--stages", "graph", "--source", "x", "--embedder", "a/b"]).embedder == "a/b"
    assert resolve(**by.as_parameters()) == by and not by.origin.embedder
    plans = [session.prepare([s], ["graph"], s.backbone, 1).plan.jobs for s in (own, by)]
    jobs = [{job.name: job for job in jobs} for jobs in plans]
    assert {*jobs[0]} - {*jobs[1]} == {f"ravdess_speech-{stage}" for stage in ("train", "baseline", "evaluate")}
    assert [*jobs[1]["css-graph"].inputs] == ["corpus", "corpus of ravdess_speech"]
    assert jobs[1]["css-graph"].made_from["embedder file"] == "a/b"
    assert "embedder file" not in jobs[1]["css-corpus"].made_from | jobs[0]["css-graph"].made_from
    assert jobs[1]["css-corpus"].made_from == jobs[0]["css-corpus"].made_from
    two = Cluster("slurm", helpers=2)
    plans = [session.prepare([s], ["graph"], s.backbone, 1, cluster=two).plan.jobs for s in (own, by)]
    assert [job.helpers for jobs in plans for job in jobs if job.stage == "graph"] == [2, 0], "it is fine-tuned once"
    assert [effort(profile).embedder for profile in ("demo", "full", "tuned")] == [2, 20, 20]
    assert effort("full", epochs=3).embedder == 3


@pytest.fixture(scope="module")
def done(tiny, tmp_path_factory):
    place = tmp_path_factory.mktemp("out")
    settings = resolve("css", output=place, changes={"draws": 200}, embedder=tiny, **HOW)
    through(settings.origin, "corpus")
    with pytest.MonkeyPatch.context() as patch:
        for what in ("LEARNT", "LONGEST"):  # this and what follows save time
            patch.setattr(wav2vec, what, 16_000)
        patch.setattr("dslite.stages.graph.work.CONDITIONS", (SPEECH, GRAPH))
        return through(settings, "graph", epochs=1)


def test_the_page_says_whose_weights_they_are(done, monkeypatch):
    text = page_of("graph", lambda stage: FinishedStage.of(done.settings, stage), monkeypatch).get_text(" ", strip=True)
    model = wav2vec.named(done.settings.embedder)
    said = f"ravdess_speech (stand-in data), embedding by wav2vec 2.0, weights of {model}, fine-tuned"
    assert f"Source: {said} on its train + dev; a file's embedding is the mean of the projector over time." in text
    assert "The source is a SYNTHETIC stand-in" in text


def test_the_stage_embeds_by_it_and_keeps_it(done, monkeypatch):
    place, clips = done.paths.file("graph"), done.clips
    vectors = np.load(place / "embeddings.npy")
    assert vectors.shape == (len(clips), 256) and vectors.dtype == np.float32 and (vectors.std(axis=0) > 0).any()
    assert (place / "wav2vec2.safetensors").is_file() and not done.settings.origin.paths.record("evaluate").exists()
    record = done.record
    assert record["parameters"]["embedder"] == wav2vec.named(done.settings.embedder) and {"torch", "transformers"} < {
        *record["embedder"]
    }
    monkeypatch.setattr(wav2vec, "fine_tune", None)  # nothing is fitted a second time
    monkeypatch.setattr(wav2vec, "LONGEST", 16_000)
    monkeypatch.setattr("dslite.stages.graph.work.CONDITIONS", (SPEECH, GRAPH))
    done.paths.record("graph").unlink()
    (place / "embeddings.npy").unlink()
    assert through(done.settings, "graph", epochs=1).record["identity"] == record["identity"]
    np.testing.assert_array_equal(np.load(place / "embeddings.npy"), vectors)
    other = resolve(**done.settings.as_parameters() | {"embedder": ""})
    assert notebook._apart(other, "graph", {}).output != other.output, "results by another embedder lie there"
