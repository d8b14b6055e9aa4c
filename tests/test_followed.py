"""Every file followed by its name through all tables: features, labels, chunks and predictions are those of that file.

The corpus is made here so that a class is known without any list: a tone of 1 kHz, a hiss about 4 kHz, or neither,
which a threshold on one Mel band tells from the file itself. File names, rows and lengths are mixed against labels, so
that whatever is matched by its place and not by its name is told apart; the last tests see to it that it is.
"""

from collections import Counter
from functools import cache
from types import SimpleNamespace

import cv2
import librosa
import matplotlib
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import confusion_matrix, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from dslite.deployment import LiteModel
from dslite.features import statistics, whole_files
from dslite.model import load_model
from dslite.network import load_backbone
from dslite.run.resolve import resolve
from dslite.scoring import TRAINED_ON
from dslite.stages.deploy import work as deploying
from dslite.stages.explain import work as explaining
from dslite.stages.explain.work import Budget
from dslite.store import Samples
from dslite.systems import BASELINES, OURS
from tests.corpus_files import text
from tests.through import alone, configurations, through

RATE, CHUNK = 16_000, 1.0
BANDS = {"tone": (1000, 1000), "hiss": (3000, 5000), "air": (0, 0)}
"""Class -> from where to where there is sound in it, in Hz; not in the order of the alphabet, which classes have."""
LENGTHS = (0.7, 1.0, 1.3, 1.7, 2.2, 2.6)
"""Of a speaker's six files in s: one is shorter than a chunk, the longest has four."""
SPEAKERS = {"zoe": "train", "ada": "train", "max": "dev", "eve": "dev", "ben": "test", "kim": "test"}
CHANGES = {"chunk": CHUNK, "epochs": (8, 1), "units": 32, "batch": 16, "draws": 100}
CONFIGURED = ("none", "both")


def write_corpus(folder, order: int = 0) -> str:
    """Six files per speaker, two of each class, under names that tell nothing; ``order`` mixes the rows of the CSV."""
    rng, rows = np.random.default_rng(1), []
    names = iter(rng.permutation(len(SPEAKERS) * 6))
    for speaker, partition in SPEAKERS.items():
        for label, seconds in zip(rng.permutation([*BANDS] * 2), rng.permutation(LENGTHS), strict=True):
            file, t = f"take_{next(names):02}.wav", np.arange(round(seconds * RATE)) / RATE
            on = np.repeat(rng.uniform(0.2, 1.0, 27), RATE // 10)[: t.size]  # never the same loudness twice
            low, high = BANDS[label]
            sines = (np.sin(2 * np.pi * (hz * t + rng.uniform())) for hz in range(low, high + 1, 25) if hz)
            sound = sum(sines, np.zeros_like(t))
            wave = 0.3 * on * sound / max(np.abs(sound).max(), 1e-9) + 0.01 * rng.standard_normal(t.size)
            soundfile.write(folder / file, wave, RATE)
            rows.append(f"{file},{label},{speaker},{partition}")
    text(folder / "corpus.toml", f"chunk = {CHUNK}")
    mixed = np.random.default_rng(order).permutation(rows)
    return str(text(folder / "takes.csv", "filename,label,speaker,partition", *mixed))


def heard(file) -> str:
    """The class of a file by its sound alone: a Mel band that holds a tenth of all power has its class in it."""
    wave, rate = librosa.load(file, sr=None)
    bands = librosa.feature.melspectrogram(y=wave, sr=rate, n_mels=40, norm=None).sum(axis=1)
    centres = librosa.mel_frequencies(42, fmax=rate / 2)[1:-1]
    share = {label: bands[np.abs(centres - np.mean(ends)).argmin()] / bands.sum() for label, ends in BANDS.items()}
    return next((label for label in ("tone", "hiss") if share[label] > 0.1), "air")


def cuts(wave: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Begin in s and samples of every chunk: half a chunk apart; a short file is repeated."""
    n = round(CHUNK * RATE)
    if len(wave) < n:
        return [(0.0, np.tile(wave, 2)[:n])]
    return [(begin / RATE, wave[begin : begin + n]) for begin in range(0, len(wave) - n + 1, n // 2)]


def levels_of(samples: np.ndarray) -> np.ndarray:
    """The paper's spectrogram as librosa has it, 256 steps: (frames, bins)."""
    power = librosa.feature.melspectrogram(
        y=samples / np.abs(samples).max(), sr=RATE, n_fft=512, hop_length=256, center=False, n_mels=128, fmin=60,
        htk=True, norm=None,
    )  # fmt: skip
    db = librosa.power_to_db(power, amin=1e-10, ref=np.max, top_db=80)
    return np.minimum(256 * (db - db.min()) / -db.min(), 255).astype(np.uint8).T


def picture_of(levels: np.ndarray) -> np.ndarray:
    """matplotlib's viridis, resized by OpenCV: (224, 224, 3), 0-255."""
    colours = 255 * matplotlib.colormaps["viridis"](levels.T[::-1])[..., :3]
    return cv2.resize(colours.astype(np.float32), (224, 224), interpolation=cv2.INTER_LINEAR)


@pytest.fixture(scope="module")
def made(tmp_path_factory, named):
    """The corpus, all of its stages, and what is known of its files without them."""
    folder, weights = tmp_path_factory.mktemp("takes"), named["DSLITE_WEIGHTS"] or "random"
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        configurations(patch, *CONFIGURED)
        patch.setattr(deploying, "ROUNDS", {"demo": 1})
        patch.setattr(explaining, "WAYS", ("partition",))
        patch.setitem(explaining.BUDGETS, "demo", Budget(3, 20, 1, 20, 1, 1, 1, 2, again=False))
        source = write_corpus(folder)
        how = {"profile": "demo", "backbone": "squeezenet_v1", "weights": weights}
        settings = resolve(source, **how, output=folder / "out", changes=CHANGES)
        explained, deployed = through(settings, "explain"), through(settings, "deploy")
        said = pd.read_csv(source, index_col="filename")
        truth = said.assign(label=[heard(folder / file) for file in said.index])
        waves = {file: soundfile.read(folder / file, dtype="float32")[0] for file in said.index}
        yield SimpleNamespace(
            settings=settings, said=said, truth=truth, waves=waves, explained=explained, deployed=deployed,
            stage=deployed, paths=settings.paths, chunks=deployed.chunks,
            references=[reference(waves, row) for row in deployed.chunks.itertuples()],
        )  # fmt: skip


def reference(waves: dict, row) -> np.ndarray:
    """The levels of a row of the table of chunks, from the file that it names and where it says that it begins."""
    return levels_of(dict(cuts(waves[row.file]))[row.start_s])


# What must hold of a table. Each takes what a run left, so that the last tests can hand over something mixed up. ------


def follow_clips(clips: pd.DataFrame, truth: pd.DataFrame) -> None:
    assert sorted(clips["file"]) == sorted(truth.index)
    columns = ["label", "speaker", "partition"]
    assert clips.set_index("file")[columns].to_dict("index") == truth[columns].to_dict("index")


def follow_samples(samples, waves: dict) -> None:
    for file, wave in waves.items():
        assert np.array_equal(samples[file], wave), file


def follow_chunks(chunks: pd.DataFrame, frames: np.ndarray, waves: dict, references: list[np.ndarray]) -> None:
    assert Counter(chunks["file"]) == {file: len(cuts(wave)) for file, wave in waves.items()}
    for row, expected in zip(chunks.itertuples(), references, strict=True):
        assert row.start_s == cuts(waves[row.file])[row.chunk][0], row
        assert row.padded == (len(waves[row.file]) < CHUNK * RATE), row
        found = frames[row.offset : row.offset + row.frames].astype(int)
        assert found.shape == expected.shape and np.abs(found - expected).max() <= 2, row


def follow_features(features: np.ndarray, expected: np.ndarray) -> None:
    """A row lies at its own chunk's features, fifty times nearer than to any other's."""
    assert features.shape == expected.shape
    apart = np.linalg.norm(features[:, None] - expected[None], axis=2)
    own = np.diagonal(apart)
    assert (50 * own < np.where(np.eye(len(apart), dtype=bool), np.inf, apart).min(axis=1)).all()


def follow_predictions(table: pd.DataFrame, partition: str, truth: pd.DataFrame, waves: dict, classify) -> None:
    """A prediction table against the model that made it, file by file."""
    assert sorted(table["file"]) == sorted(truth.index[truth["partition"] == partition])
    classes = sorted(BANDS)
    for row in table.to_dict("records"):
        file, of_chunks = row["file"], classify(row["file"])
        assert (row["label"], row["speaker"]) == tuple(truth.loc[file, ["label", "speaker"]]), file
        assert (row["chunks"], row["padded"]) == (len(of_chunks), len(waves[file]) < CHUNK * RATE), file
        mean = of_chunks.mean(axis=0)
        assert [row[f"p_{name}"] for name in classes] == pytest.approx(mean.tolist(), abs=2e-4), file
        votes = np.bincount(of_chunks.argmax(axis=1), minlength=len(classes))
        assert row["predicted"] == classes[max(range(len(classes)), key=lambda i: (votes[i], mean[i]))], file


def follow_margins(table: pd.DataFrame, truth: pd.DataFrame, expected: dict[str, np.ndarray]) -> None:
    """A baseline's prediction table against margins by file."""
    classes = sorted(BANDS)
    assert sorted(table["file"]) == sorted(expected)
    for row in table.to_dict("records"):
        margins = expected[row["file"]]
        assert (row["label"], row["speaker"]) == tuple(truth.loc[row["file"], ["label", "speaker"]]), row
        assert [row[f"margin_{name}"] for name in classes] == pytest.approx(margins, rel=1e-3, abs=1e-3), row
        assert row["predicted"] == classes[int(np.argmax(margins))], row


def follow_scores(scores: pd.DataFrame, confusion: pd.DataFrame, tables: dict, truth: pd.DataFrame) -> None:
    """Scores and confusion against scikit-learn, with labels as they are heard."""
    where, classes = ["system", "augmentation", "partition", "protocol"], sorted(BANDS)
    assert len(scores) == 2 * len(tables), "a row for each table and protocol"
    counted = dict(list(confusion.groupby(where)))
    for row in scores.to_dict("records"):
        key = tuple(row[name] for name in where)
        table = tables[key[:3]]
        table = table if key[3] == "all" else table[~table["padded"]]
        label, predicted = truth.loc[table["file"], "label"], table["predicted"]
        assert row["uar"] == pytest.approx(100 * recall_score(label, predicted, average="macro")), key
        assert (row["n_files"], row["n_speakers"]) == (len(table), truth.loc[table["file"], "speaker"].nunique()), key
        counts = counted[key].pivot(index="label", columns="predicted", values="files").loc[classes, classes]
        assert np.array_equal(counts, confusion_matrix(label, predicted, labels=classes)), key


def follow_explained(clips: list[dict], arrays: list[dict], table: pd.DataFrame, truth, waves, classify) -> None:
    """The explained clips: what is told of each, and the levels that its map is of."""
    classes, predicted = sorted(BANDS), table.set_index("file")
    for clip, stored in zip(clips, arrays, strict=True):
        row, of_chunks = predicted.loc[clip["file"]], classify(clip["file"])
        assert clip["label"] == truth.loc[clip["file"], "label"], clip
        assert (clip["kind"] == "right") == (clip["label"] == clip["predicted"]), clip
        assert clip["predicted"] == row["predicted"], clip
        assert clip["probability"] == pytest.approx(float(row[f"p_{clip['label']}"])), clip
        said = of_chunks[:, classes.index(clip["predicted"])]
        assert (clip["chunks"], clip["of_chunk"]) == (len(said), pytest.approx(said[clip["chunk"]], abs=2e-4)), clip
        assert said[clip["chunk"]] == pytest.approx(said.max(), abs=2e-4), clip
        begin, samples = cuts(waves[clip["file"]])[clip["chunk"]]
        assert clip["start_s"] == begin, clip
        assert np.abs(stored["levels"].astype(int) - levels_of(samples)).max() <= 2, clip
        assert stored["prediction"].tolist() == pytest.approx(of_chunks[clip["chunk"]].tolist(), abs=2e-4), clip


def follow_sample(sample: pd.DataFrame, prediction: np.ndarray, truth: pd.DataFrame, classify) -> None:
    """The clips of the mean maps: their labels, and what the model says of each one's first chunk."""
    for row, probabilities in zip(sample.itertuples(), prediction, strict=True):
        assert row.label == truth.loc[row.file, "label"] and truth.loc[row.file, "partition"] == "test", row
        assert probabilities.tolist() == pytest.approx(classify(row.file)[0].tolist(), abs=2e-4), row


# What a run left, and models by file. ---------------------------------------------------------------------------------


def by_file(made, model):
    """Probabilities of a file's own chunks, cut here, (chunks, classes)."""
    return cache(lambda file: np.asarray(model(np.stack([samples for _, samples in cuts(made.waves[file])]))))


@pytest.fixture(scope="module")
def fitted(made):
    """(augmentation, partition) -> the saved model, by file."""
    stored = {(a, p): load_model(made.paths.fit(a, p) / "model.keras") for a in CONFIGURED for p in TRAINED_ON}
    return {key: by_file(made, lambda x, m=model: m(x, training=False)) for key, model in stored.items()}


@pytest.fixture(scope="module")
def chosen(made, fitted):
    """What is explained and shipped, by file."""
    return fitted[made.stage.chosen, "test"]


@pytest.fixture(scope="module")
def frozen(made):
    """Features of every chunk, drawn from its own file and passed through the base model as Keras has it."""
    base = load_backbone("squeezenet_v1", made.settings.weights_file, made.settings.seed)
    pictures = np.stack([picture_of(levels) * base.scale + base.offset for levels in made.references])
    return base.model.predict(pictures, batch_size=8, verbose=0).mean(axis=(1, 2))


@pytest.fixture(scope="module")
def margins(made):
    """(system, partition) -> file -> margins of the recorded machine, fitted here on features that are asked for
    backwards and on labels as they are heard."""
    base, found = load_backbone("squeezenet_v1", made.settings.weights_file, made.settings.seed), {}
    backwards = sorted(made.waves, reverse=True)
    deep = dict(zip(backwards, whole_files(backwards, made.waves, base)["deep_spectrum"], strict=True))
    vectors = {"deep_spectrum": deep, "librosa": {file: statistics(wave) for file, wave in made.waves.items()}}
    record = pd.read_json(made.paths.record("baseline"), typ="series")
    for system, of_file in vectors.items():
        point = record["chosen"][system]
        for target, learnt_from in TRAINED_ON.items():
            learnt = sorted(made.truth.index[made.truth["partition"].isin(learnt_from)])
            svc = LinearSVC(
                C=point["complexity"], class_weight="balanced" if point["balanced"] else None, max_iter=10_000,
                dual="auto", random_state=made.settings.seed,
            )  # fmt: skip
            model = make_pipeline(*[StandardScaler()] * point["standardise"], svc)
            model.fit(np.stack([of_file[f] for f in learnt]).astype(float), made.truth.loc[learnt, "label"])
            asked = made.truth.index[made.truth["partition"] == target]
            found[system, target] = {f: model.decision_function(of_file[f][None].astype(float))[0] for f in asked}
    return found


def predicted(made) -> dict:
    """(system, augmentation, partition) -> the prediction table that it left."""
    ours = {(OURS, a, p): made.stage.predictions(a, p) for a in CONFIGURED for p in TRAINED_ON}
    others = {(one.title, "", p): pd.read_parquet(made.paths.baseline(key, p)) for key, one in BASELINES.items()
              for p in TRAINED_ON}  # fmt: skip
    return ours | others


def explained(made) -> dict:
    clips = made.explained.record["clips"]
    arrays = [dict(np.load(made.paths.file("explain", f"clips/{n:02}.npz"))) for n in range(len(clips))]
    return {"clips": clips, "arrays": arrays, "table": made.stage.predictions(made.stage.chosen, "test")}


# ----------------------------------------------------------------------------------------------------------------------


def test_what_is_heard_is_what_the_list_says_and_no_order_tells_it(made):
    pd.testing.assert_frame_equal(made.truth, made.said)
    assert set(made.truth.groupby("partition")["label"].value_counts()) == {4}
    for order in (made.said.index, sorted(made.said.index)):
        labels = made.truth.loc[order, "label"].tolist()
        assert labels != sorted(labels) and labels != labels[-1:] + labels[:-1]
    follow_clips(made.stage.clips, made.truth)


def test_chunks_hold_the_sound_of_the_file_that_they_name(made):
    follow_samples(Samples(made.paths.samples), made.waves)
    follow_chunks(made.chunks, np.load(made.paths.spectrograms), made.waves, made.references)


def test_features_are_those_of_the_chunks_own_picture(made, frozen):
    follow_features(np.load(made.paths.features), frozen)


@pytest.mark.parametrize("augmentation", CONFIGURED)
@pytest.mark.parametrize("partition", TRAINED_ON)
def test_predictions_are_those_of_the_saved_model_on_the_files_own_chunks(made, fitted, augmentation, partition):
    table = made.stage.predictions(augmentation, partition)
    follow_predictions(table, partition, made.truth, made.waves, fitted[augmentation, partition])


def test_what_can_be_heard_is_learnt(made):
    """Which it could not be from labels that belong to other files."""
    if made.stage.record["weights"] == "random":
        pytest.skip("random weights learn little: set DSLITE_WEIGHTS to a folder that holds SqueezeNet's *_notop.h5")
    for augmentation in CONFIGURED:
        table = made.stage.predictions(augmentation, "test").set_index("file")
        assert (table["predicted"] == made.truth.loc[table.index, "label"]).mean() > 0.9


def test_baselines_give_the_margins_of_the_files_that_they_name(made, margins):
    for (system, partition), expected in margins.items():
        follow_margins(pd.read_parquet(made.paths.baseline(system, partition)), made.truth, expected)


def test_scores_and_confusion_are_those_of_the_files_as_they_are_heard(made):
    scores, confusion = (pd.read_parquet(file) for file in (made.paths.scores, made.paths.confusion))
    follow_scores(scores, confusion, predicted(made), made.truth)


def test_what_is_explained_is_told_of_the_right_file(made, chosen):
    follow_explained(**explained(made), truth=made.truth, waves=made.waves, classify=chosen)
    prediction = np.load(made.paths.file("explain", "sample.npz"))["prediction"]
    follow_sample(pd.read_parquet(made.paths.file("explain", "sample.parquet")), prediction, made.truth, chosen)


def test_exported_files_decide_the_files_that_they_name(made, chosen):
    tables = dict(list(made.deployed.table("predictions").groupby("model")))
    assert {"keras", "float32"} <= set(tables)
    lite = by_file(made, LiteModel(made.paths.file("deploy", "float32.tflite")))
    for name, classify in {"keras": chosen, "float32": lite}.items():
        follow_predictions(tables[name], "test", made.truth, made.waves, classify)
        follow_predictions(tables[name], "test", made.truth, made.waves, chosen)


def test_rows_in_another_order_change_nothing(made, tmp_path):
    """Clips are sorted by name as they are read, and everything random is drawn by their place in that order."""
    before = (made.settings.folder / "takes.csv").read_text()
    source = write_corpus(tmp_path, order=1)
    with open(source) as file:
        after = file.read()
    assert after != before and sorted(after.splitlines()) == sorted(before.splitlines())
    changes = CHANGES | {"fits": ("none on train",)}
    with pytest.MonkeyPatch.context() as patch:
        weights = made.settings.weights or "random"
        alone(patch, tmp_path)
        how = {"profile": "demo", "backbone": "squeezenet_v1", "weights": weights}
        settings = resolve(source, **how, output=tmp_path / "out", changes=changes)
        other = through(settings, "train")
    pd.testing.assert_frame_equal(other.chunks, made.chunks)
    assert np.array_equal(np.load(other.paths.spectrograms), np.load(made.paths.spectrograms))
    assert np.array_equal(np.load(other.paths.features), np.load(made.paths.features))
    pd.testing.assert_frame_equal(other.predictions("none", "dev"), made.stage.predictions("none", "dev"))


# Whether a mix-up would be noticed. -----------------------------------------------------------------------------------


def rolled(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """With columns moved by one row against the rest, as an index that is off by one would leave them."""
    return table.assign(**{name: np.roll(table[name].to_numpy(), 1) for name in columns})


@pytest.mark.parametrize("columns", [["label"], ["speaker"], ["partition"], ["file"]])
def test_mixed_up_clips_are_noticed(made, columns):
    with pytest.raises(AssertionError):
        follow_clips(rolled(made.stage.clips, *columns), made.truth)


@pytest.mark.parametrize("columns", [["file"], ["start_s"], ["offset"], ["padded"]])
def test_mixed_up_chunks_are_noticed(made, columns):
    with pytest.raises(AssertionError):
        frames = np.load(made.paths.spectrograms)
        follow_chunks(rolled(made.chunks, *columns), frames, made.waves, made.references)


def test_mixed_up_sound_and_features_are_noticed(made, frozen):
    names = sorted(made.waves)
    stored = Samples(made.paths.samples)
    with pytest.raises(AssertionError):
        follow_samples({file: stored[other] for file, other in zip(names, np.roll(names, 1), strict=True)}, made.waves)
    features = np.load(made.paths.features)
    for mixed in (np.roll(features, 1, axis=0), features[::-1], np.concatenate([features[[1, 0]], features[2:]])):
        with pytest.raises(AssertionError):
            follow_features(mixed, frozen)


@pytest.mark.parametrize("columns", [["label"], ["speaker"], ["file"], ["predicted"], ["chunks", "padded"],
                                     [f"p_{name}" for name in BANDS]])  # fmt: skip
def test_mixed_up_predictions_are_noticed(made, fitted, margins, columns):
    table = made.stage.predictions("none", "test")
    if columns == ["predicted"]:  # a network that has learnt little may give all files the same, so moving is no error
        table["predicted"] = table["predicted"].map(dict(zip(BANDS, np.roll([*BANDS], 1), strict=True)))
    table = rolled(table, *columns)
    with pytest.raises(AssertionError):
        follow_predictions(table, "test", made.truth, made.waves, fitted["none", "test"])
    if columns[0] in ("label", "speaker", "file", "predicted"):
        table = rolled(pd.read_parquet(made.paths.baseline("librosa", "test")), *columns)
        with pytest.raises(AssertionError):
            follow_margins(table, made.truth, margins["librosa", "test"])


def test_mixed_up_margins_are_noticed(made, margins):
    table = rolled(pd.read_parquet(made.paths.baseline("deep_spectrum", "test")), *(f"margin_{c}" for c in BANDS))
    with pytest.raises(AssertionError):
        follow_margins(table, made.truth, margins["deep_spectrum", "test"])


def test_mixed_up_scores_are_noticed(made):
    scores, confusion = (pd.read_parquet(file) for file in (made.paths.scores, made.paths.confusion))
    tables = predicted(made)
    mixed = {key: rolled(table, "predicted") for key, table in tables.items()}
    for wrong in ((scores, confusion, mixed), (rolled(scores, "augmentation", "system"), confusion, tables),
                  (scores, rolled(confusion, "files"), tables)):  # fmt: skip
        with pytest.raises(AssertionError):
            follow_scores(*wrong, made.truth)


@pytest.mark.parametrize("name", ["file", "label", "probability", "levels", "prediction"])
def test_mixed_up_explanations_are_noticed(made, chosen, name):
    told = explained(made)
    mixed = told["arrays" if name in told["arrays"][0] else "clips"]
    values = [one[name] for one in mixed]
    for one, value in zip(mixed, values[-1:] + values[:-1], strict=True):
        one[name] = value
    with pytest.raises(AssertionError):
        follow_explained(**told, truth=made.truth, waves=made.waves, classify=chosen)


def test_mixed_up_samples_of_explanations_are_noticed(made, chosen):
    sample = pd.read_parquet(made.paths.file("explain", "sample.parquet"))
    prediction = np.load(made.paths.file("explain", "sample.npz"))["prediction"]
    for wrong in ((rolled(sample, "file"), prediction), (rolled(sample, "label"), prediction),
                  (sample, np.roll(prediction, 1, axis=0))):  # fmt: skip
        with pytest.raises(AssertionError):
            follow_sample(*wrong, made.truth, chosen)
