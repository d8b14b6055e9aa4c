"""The SYNTHETIC stand-ins: whole corpora in their official layouts, the same every time, and learnable."""

import contextlib
import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from dslite.audio import cut, load
from dslite.corpora import PARTITIONS, REGISTRY, locate, read
from dslite.corpora import standins as standins_module
from dslite.corpora.standins import write_standin
from dslite.errors import DsliteError

TABLE2 = tomllib.loads((Path(__file__).parents[1] / "dslite" / "paper" / "table2.toml").read_text("utf-8"))
CHUNKS = {name: TABLE2[name]["chunk"] if name in TABLE2 else info.chunk for name, info in REGISTRY.items()}
RATE = 16_000


@pytest.fixture(scope="module")
def standins(tmp_path_factory) -> Path:
    """A folder with all, of seed 0."""
    folder = tmp_path_factory.mktemp("standins")
    for name in REGISTRY:
        write_standin(name, folder / name, seed=0)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.mark.parametrize("name", REGISTRY)
def test_is_read_like_the_real_corpus(standins, name):
    assert locate(name, standins) == standins / name
    corpus = read(name, standins / name)
    assert corpus.data == "stand-in" and "SYNTHETIC" in corpus.note
    assert corpus.problems.empty, corpus.problems.to_string()
    clips = corpus.clips
    assert len(clips) == len(list((standins / name).rglob("*.wav")))
    counts = clips.groupby(["partition", "label"]).size().unstack(fill_value=0)
    assert set(counts.index) == set(PARTITIONS) and set(counts.columns) == set(corpus.info.classes)
    assert counts.to_numpy().min() >= 4
    assert set(clips["rate"]) == {RATE} and set(clips["channels"]) == {1}


@pytest.mark.parametrize("name", [n for n in REGISTRY if n != "mpssc"])
def test_has_several_speakers_in_every_partition_and_none_in_two(standins, name):
    # MPSSC's label files, unlike the others', have no place for a speaker.
    speakers = read(name, standins / name).clips.groupby("partition")["speaker"].agg(set)
    assert all(len(here - {""}) >= 2 for here in speakers)
    assert len(set.union(*speakers)) == sum(map(len, speakers))


@pytest.mark.parametrize("name", REGISTRY)
def test_durations_resemble_the_whole_corpus_and_some_need_padding(standins, name):
    lengths = read(name, standins / name).clips["duration"]
    published = REGISTRY[name].whole
    assert lengths.between(0.7, 16.01).all()
    assert lengths.mean() == pytest.approx(published.mean_s, rel=0.1)
    if name != "css":  # whole files, cut off at 16 s
        assert lengths.std() == pytest.approx(published.std_s, rel=0.1)
        assert 1 <= (lengths < CHUNKS[name]).sum() < len(lengths)


def test_is_small(standins):
    for name in REGISTRY:
        files = list((standins / name).rglob("*.wav"))
        assert len(files) <= 105
        assert sum(file.stat().st_size for file in files) < 30e6


@pytest.mark.parametrize("name", REGISTRY)
def test_sounds_are_clean(standins, name):
    for file in sorted((standins / name).rglob("*.wav")):
        samples, _ = soundfile.read(file, dtype="float64")
        assert soundfile.info(file).subtype == "PCM_16"
        assert 0.25 < np.abs(samples).max() < 0.95, file.name
        # No stretch of 50 ms is digital silence: it would sit at the floor of the dB scale.
        blocks = samples[: len(samples) // 800 * 800].reshape(-1, 800)
        assert blocks.std(axis=1).min() > 1e-5, file.name


@pytest.mark.parametrize("name", ["mpssc", "iemocap"])
def test_same_seed_same_bytes_other_seed_other_sounds(tmp_path, monkeypatch, name):
    plan = standins_module._PLAN["corpora"][name]
    monkeypatch.setitem(plan, "clips", {part: [1] * len(each) for part, each in plan["clips"].items()})
    made = []
    for seed in (0, 0, 1):
        write_standin(name, tmp_path / str(len(made)), seed)
        made.append(digests(tmp_path / str(len(made))))
    first, again, other = made
    assert again == first
    assert not {h for f, h in again.items() if f.endswith(".wav")} & set(other.values())
    assert len(set(again.values())) == len(again)


def test_replaces_an_older_standin_whole(tmp_path):
    folder = tmp_path / "mpssc"
    write_standin("mpssc", folder, seed=1)
    (folder / "wav" / "left_over.wav").write_bytes(b"")
    write_standin("mpssc", folder, seed=2)
    assert not (folder / "wav" / "left_over.wav").exists()
    assert tomllib.loads((folder / "corpus.toml").read_text("utf-8"))["seed"] == 2
    assert [f.name for f in tmp_path.iterdir()] == ["mpssc"]


@pytest.mark.parametrize("marker", [None, 'data = "real"\n', "not = toml ="])
def test_never_overwrites_other_data(tmp_path, marker):
    (tmp_path / "precious.wav").write_bytes(b"a recording")
    if marker:
        (tmp_path / "corpus.toml").write_text(marker, "utf-8")
    with pytest.raises(DsliteError, match="not a stand-in"):
        write_standin("mpssc", tmp_path, seed=0)
    assert (tmp_path / "precious.wav").read_bytes() == b"a recording"


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    written = []

    def full_disk(file, *_, **__):
        written.append(file)
        if len(written) == 5:
            raise OSError("No space left on device")

    monkeypatch.setattr(soundfile, "write", full_disk)
    with pytest.raises(OSError):
        write_standin("mpssc", tmp_path / "mpssc", seed=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "seed", "said"), [("nemo", 0, "no stand-in for 'nemo'"), ("ccs", -1, "-1")])
def test_refuses_what_it_cannot_make(tmp_path, name, seed, said):
    with pytest.raises(DsliteError, match=said):
        write_standin(name, tmp_path / "here", seed)
    assert not list(tmp_path.iterdir())


# ---- learnable, not trivial --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plots(standins):
    """Per corpus: the clips of train and test, the plots of their chunks as uint8 (chunks, 224, 224, 3), and the number
    of the clip of each. Chunks do not overlap: half as many show as much."""
    import tensorflow as tf

    from dslite.spectrogram import MelPlot

    with contextlib.suppress(RuntimeError):  # another test has used TensorFlow before: its setting stays
        tf.config.threading.set_intra_op_parallelism_threads(1)
    layer = MelPlot()
    paint = tf.function(lambda chunks: tf.cast(layer(chunks), tf.uint8), reduce_retracing=True)
    made = {}
    for name in REGISTRY:
        length = int(CHUNKS[name] * RATE)
        clips = read(name, standins / name).clips.query("partition != 'dev'")
        painted, owner = [], []
        for index, file in enumerate(clips["file"]):
            chunks = cut(load(standins / name / file), length or None, length or 1, 512)
            painted.append(paint(chunks).numpy())
            owner += [index] * len(chunks)
        made[name] = clips, np.concatenate(painted), np.array(owner)
    return made


def svm_uar(backbone, clips, plots, owner) -> float:
    """UAR in percent on test of a linear SVM trained on train; a clip's chunks vote with their mean margin."""
    import tensorflow as tf

    from dslite.network import folded

    body = folded(backbone.model)

    @tf.function(reduce_retracing=True)
    def features(pictures):
        return tf.reduce_mean(body(tf.cast(pictures, tf.float32) * backbone.scale + backbone.offset), [1, 2])

    x = np.concatenate([features(plots[i : i + 32]) for i in range(0, len(plots), 32)])
    label, partition = clips["label"].to_numpy(), clips["partition"].to_numpy()
    train = partition[owner] == "train"
    svm = make_pipeline(StandardScaler(), LinearSVC(C=0.01, class_weight="balanced", max_iter=10_000, random_state=0))
    svm.fit(x[train], label[owner][train])
    margins = svm.decision_function(x)
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], 1)
    test = np.flatnonzero(partition == "test")
    guessed = [svm.classes_[margins[owner == clip].mean(0).argmax()] for clip in test]
    return 100 * recall_score(label[test], guessed, average="macro")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "weights"), [("squeezenet_v1", "random"), ("efficientnet_lite0", "imagenet")])
def test_a_linear_svm_learns_it_but_not_all_of_it(plots, name, weights):
    from dslite.network import load_backbone
    from dslite.weights import find_weights

    backbone = load_backbone(name, find_weights(name) if weights == "imagenet" else None, seed=0)
    assert backbone.weights == weights
    found = {name: svm_uar(backbone, *plots[name]) for name in REGISTRY}
    wrong = {
        name: round(uar, 1) for name, uar in found.items() if not 100 / len(REGISTRY[name].classes) + 15 <= uar <= 95
    }
    assert not wrong


@pytest.mark.parametrize(("name", "speakers"), [("ess", None), ("ravdess", 24), ("mpssc", None)])
def test_one_of_real_size_has_the_corpus_files_and_speakers(tmp_path, monkeypatch, name, speakers):
    monkeypatch.setattr(standins_module, "sound", lambda kind, rng, *_: 0.1 * rng.standard_normal(800))
    told: list[str] = []
    write_standin(name, tmp_path / name, 0, real_size=True, report=lambda done, of, text: told.append(text))
    clips, whole = read(name, tmp_path / name).clips, REGISTRY[name].whole
    assert len(clips) == pytest.approx(whole.files, rel=0.01)
    assert clips.groupby("partition")["label"].nunique().eq(whole.classes).all()
    if speakers:
        assert clips["speaker"].nunique() == speakers  # the registry's split, which names one more than sang
    assert f"file 100 of {len(clips)}" in told[1]
