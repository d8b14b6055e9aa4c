"""Speaker-disjoint folds: how they are made and refused, the stage on a tiny corpus, and what leakage adds."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from sklearn.metrics import balanced_accuracy_score

from benchmarks.folds import main as renew
from dslite import statistics
from dslite.baseline import nested, predictions, speaker_normalised
from dslite.corpora import reading
from dslite.corpora.folds import folds, shuffled, write
from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.run.resolve import resolve
from dslite.stages.folds import views
from dslite.stages.folds import work as folding
from dslite.stages.folds.work import DISJOINT, NORMALISED, RANDOM
from dslite.systems import OURS, TITLES
from tests.corpus_files import own
from tests.through import alone, through
from tests.whole import ROOT, copied, run

DOCS = ROOT / "docs"
MARKS = "<!-- tables of python -m benchmarks.folds -->", "<!-- end of tables -->"


def clips(speakers=8, each=6, classes="abc", fold="") -> pd.DataFrame:
    """``each`` files of every class and speaker, some classes rarer with some speakers."""
    rows = [
        (f"s{s}/{c}{n}.wav", f"s{s}", c, fold) for s in range(speakers) for c in classes for n in range(each - s % 3)
    ]
    return pd.DataFrame(rows, columns=["file", "speaker", "label", "fold"])


@pytest.mark.parametrize(("speakers", "number"), [(3, 3), (5, 5), (8, 6), (23, 6)])
def test_folds_that_are_made_keep_speakers_whole_and_classes_balanced(speakers, number):
    table = clips(speakers)
    fold = folds("x", table)
    assert table.assign(fold=fold).groupby("speaker")["fold"].nunique().eq(1).all(), "no speaker in two folds"
    assert len(fold) == len(table) and set(fold) == {str(n + 1) for n in range(number)}
    of = table.assign(fold=fold).groupby("fold")
    assert of["label"].nunique().eq(3).all()
    named = of["speaker"].nunique()
    assert named.max() - named.min() <= 1
    again = table.sample(frac=1, random_state=1)
    assert (pd.Series(folds("x", again), again.index).sort_index() == fold).all(), "whatever the order of rows"


def test_folds_that_are_named_are_taken_and_written_as_they_are(tmp_path):
    table = clips().assign(fold=lambda t: "of " + t["speaker"])
    assert (folds("x", table) == table["fold"]).all()
    write(tmp_path / "folds.csv", table, folds("x", table))
    written = pd.read_csv(tmp_path / "folds.csv")
    assert (
        list(written) == ["filename", "label", "speaker", "fold"]
        and written["filename"].tolist() == table["file"].tolist()
    )


REFUSED = {
    "'fold' puts the speaker 's0' into '1', '2', '3'; one fold for": lambda t: {
        "fold": ["1", "2", "3"] * (len(t) // 3)
    },
    "1 of 123 files have no fold, for example 's0/a0.wav'; one for": lambda t: {"fold": ["", *t["speaker"][1:]]},
    "'fold' names 'p', 'q'; at least 3": lambda t: {"fold": np.where(t["speaker"] < "s4", "p", "q")},
    "speakers with usable files: 2; folds need at least 3": lambda t: {
        "speaker": np.where(t["speaker"] < "s4", "p", "q")
    },
    "1 of 123 files name no speaker, for example 's0/a0.wav'": lambda t: {"speaker": ["", *t["speaker"][1:]]},
    "folds with the class 'z': 2 (1, 2); at least 3": lambda t: {
        "fold": t["speaker"].str[1:],
        "label": np.where(t["speaker"].isin(["s1", "s2"]), "z", t["label"]),
    },
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_folded_is_refused_with_the_value_and_what_was_expected(said):
    table = clips()
    with pytest.raises(DsliteError, match=f"^own.csv: .*{re.escape(said)}.*(Mend|Add)"):
        folds("own.csv", table.assign(**REFUSED[said](table)))


def test_the_folds_of_ravdess_song_in_the_docs_are_those_that_are_made():
    written = pd.read_csv(DOCS / "ravdess_song_folds.csv", dtype=str)
    clips = written.rename(columns={"filename": "file"})
    assert (folds("ravdess", clips.assign(fold="")) == clips["fold"]).all() and (
        folds("x", clips) == clips["fold"]
    ).all()
    emotions = dict(enumerate(("neutral", "calm", "happy", "sad", "angry", "fearful"), start=1))
    named = clips["file"].str.extract(r"^Actor_(\d\d)/03-02-0(\d)-\d\d-\d\d-\d\d-(\d\d)\.wav$")
    assert len(clips) == 1012 and clips["speaker"].nunique() == 23
    assert (named[0] == clips["speaker"]).all() and (named[2] == clips["speaker"]).all()
    assert (named[1].astype(int).map(emotions) == clips["label"]).all()


def test_a_shuffle_keeps_how_many_files_of_each_class_a_fold_has_but_not_whose():
    table = clips()
    fold = folds("x", table)
    dealt = shuffled(fold, table["label"], 0)
    assert pd.crosstab(fold, table["label"]).equals(pd.crosstab(dealt, table["label"]).rename_axis("row_0"))
    assert table.assign(fold=dealt).groupby("speaker")["fold"].nunique().gt(1).all()
    assert (dealt == shuffled(fold, table["label"], 0)).all() and (dealt != shuffled(fold, table["label"], 1)).any()


@pytest.mark.parametrize(("column", "taken"), [("0,1,2", "folds"), ("train,dev,test", "partition")])
def test_the_column_fold_of_a_csv_names_folds_unless_it_names_partitions(tmp_path, column, taken):
    names = column.split(",")
    rows = pd.read_csv(own(tmp_path, 0.1 * np.random.default_rng(0).standard_normal((12, 8000)))).drop(
        columns="partition"
    )
    rows["fold"] = [names[i // 4] for i in range(12)]
    rows.to_csv(tmp_path / "own.csv", index=False)
    found = reading.read(str(tmp_path / "own.csv"), tmp_path).clips.sort_values("file")
    assert set(found["fold"]) == (set(names) if taken == "folds" else {""})
    kept = rows.sort_values("filename")["fold"].tolist()
    assert (found["partition"].tolist() == kept) == (taken == "partition") or taken == "folds"


def test_no_fit_of_a_support_vector_machine_sees_what_it_predicts(monkeypatch):
    """Features are the file's number, so that what was learnt from and what is predicted can be told."""
    fold, labels = np.repeat(list("pqrs"), 6), np.tile([0, 1, 2], 8)
    seen = []

    def fit(point, features, of, unseen, seed):
        seen.append((point, set(features[:, 0].astype(int)), set(unseen[:, 0].astype(int))))
        best = point.complexity == 1e-3  # alone right on all files, so it must be chosen
        return np.eye(3)[labels[unseen[:, 0].astype(int)] if best else np.zeros(len(unseen), int)], True

    monkeypatch.setattr("dslite.baseline.fit", fit)
    margins, chosen, converged = nested(np.arange(24.0)[:, None], labels, fold, 0)
    assert converged and set(chosen) == {1e-3} and (margins.argmax(axis=1) == labels).all()
    last = seen[-4:]
    for name, (_, learnt, predicted) in zip("pqrs", last, strict=True):
        assert predicted == set(np.flatnonzero(fold == name)) and learnt == set(range(24)) - predicted
    inner = seen[:-4]
    assert len(inner) == 6 * 5 and all(not learnt & predicted for _, learnt, predicted in inner)
    assert all(
        {fold[i] for i in learnt} | {fold[i] for i in predicted} == set("pqrs") for _, learnt, predicted in inner
    )


def test_normalised_by_a_speakers_own_files():
    features = np.array([[1.0, 5.0], [3.0, 5.0], [10.0, 0.0], [30.0, 1.0]])
    found = speaker_normalised(features, np.array(["s", "s", "t", "t"]))
    assert found.tolist() == [[-1, 0], [1, 0], [-1, -1], [1, 1]], "what is constant stays 0"


def test_where_only_the_voice_tells_the_class_leakage_is_all_there_is():
    """Each speaker says one class only, and the features hold who speaks and nothing else."""
    rng, speaker = np.random.default_rng(0), np.repeat(np.arange(24), 10)
    table = pd.DataFrame(
        {"file": [f"{i:03}" for i in range(240)], "speaker": [f"s{s:02}" for s in speaker], "fold": ""}
    )
    table["label"] = np.array(["a", "b"])[speaker % 2]
    voices = rng.standard_normal((24, 40))[speaker] + 0.1 * rng.standard_normal((240, 40))
    labels, fold = speaker % 2, folds("x", table)
    tables = {}
    for protocol, of in {DISJOINT: fold, RANDOM: shuffled(fold, table["label"], 0)}.items():
        margins, *_ = nested(voices, labels, of, 0)
        tables[protocol] = [predictions(table, np.zeros(240, bool), ["a", "b"], margins=margins)]
    row = statistics.against(tables, DISJOINT, ["a", "b"], 0).iloc[0]
    assert row["uar"] > 95 and 30 < row["uar_reference"] < 70, row
    assert row["low_speaker"] > 20 and row["p"] < 0.01


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder)
        source = own(folder, 0.1 * np.random.default_rng(0).standard_normal((18, 20_000)), "ab")
        table = pd.read_csv(source)
        table["speaker"] = [f"s{i // 3}" for i in range(18)]
        table["fold"] = [f"<{i // 6}>" for i in range(18)]
        table.to_csv(source, index=False)
        settings = resolve(source, profile="demo", seeds=2, output=folder / "out")
        yield through(settings, "folds", augmentation="none")


def test_every_file_is_predicted_once_under_every_protocol(stage):
    found = stage.table("predictions")
    keys = found.groupby(["protocol", "system", "seed"])["file"]
    assert keys.nunique().eq(18).all() and keys.size().eq(18).all()
    machines = [TITLES[key] for key in ("librosa", "deep_spectrum")]
    first = {(p, s, 42) for p in (DISJOINT, NORMALISED) for s in machines}
    seeds = {(RANDOM, s, seed) for s in machines for seed in (42, 43)}
    seeds |= {(p, OURS, seed) for p in (DISJOINT, RANDOM) for seed in (42, 43)}
    assert set(keys.groups) == first | seeds
    apart = found[found["protocol"] != RANDOM].groupby("speaker")["fold"].nunique()
    assert apart.eq(1).all() and found.loc[found["protocol"] == DISJOINT, "fold"].nunique() == 3
    written = pd.read_csv(stage.paths.file("folds", "folds.csv"), dtype=str).set_index("filename")["fold"]
    mine = found[found["protocol"] == DISJOINT]
    assert (mine["file"].map(written) == mine["fold"]).all()


def test_pooled_scores_are_scikit_learns_and_have_intervals_over_speakers(stage):
    found, scores = stage.table("predictions"), stage.table("scores")
    for row in scores.itertuples():
        key = [row.protocol, row.system, 42]
        rows = found[(found[["protocol", "system", "seed"]] == key).all(axis=1)]
        assert row.uar == pytest.approx(100 * balanced_accuracy_score(rows["label"], rows["predicted"]))
        assert row.n_files == 18 and row.n_speakers == 6
        assert row.ci_speaker_low <= row.uar <= row.ci_speaker_high
    uars = stage.table("uars").query("fold != ''")
    one = uars.iloc[0]
    rows = found[(found[["protocol", "system", "seed", "fold"]] == list(one[:4])).all(axis=1)]
    assert one["uar"] == pytest.approx(100 * balanced_accuracy_score(rows["label"], rows["predicted"]))
    pairs = stage.table("pairs")
    counts = pairs.groupby(["protocol", "unit"]).size()
    assert counts[DISJOINT].eq(3).all() and counts[NORMALISED].eq(1).all(), "protocols are not mixed"
    row = stage.table("leakage").set_index("system").loc[OURS]
    means = stage.table("uars").query("system == @OURS and fold == ''").groupby("protocol")["uar"].mean()
    assert row["difference"] == pytest.approx(means[RANDOM] - means[DISJOINT])
    of = found.query("system == @OURS").groupby(["protocol", "seed"])
    both = {name: [of.get_group((name, seed)) for seed in (42, 43)] for name in (RANDOM, DISJOINT)}
    few = folding.scored(found, stage.classes, 42, 100, 200)["leakage"].set_index("system").loc[OURS]
    expected = statistics.against(both, DISJOINT, stage.classes, 42, 200).iloc[0]
    assert few[["low_file", "p"]].tolist() == expected[["low_file", "p"]].tolist()


def test_it_is_made_once_and_finished_fits_are_kept(stage):
    left = [file for file in stage.paths.file("folds").rglob("*") if file.name in ("record.json", "model.keras")]
    left += stage.paths.file("folds", "machines").iterdir()
    times = {file: file.stat().st_mtime_ns for file in left}
    assert len(times) == 1 + 2 * 12 + 8 and folding.work(stage.settings, "none").record == stage.record
    stage.paths.record("folds").unlink()
    again = through(stage.settings, "folds", augmentation="none")
    assert again.table("predictions").equals(stage.table("predictions"))
    assert all(file.stat().st_mtime_ns == time for file, time in times.items() if file != stage.paths.record("folds"))
    with pytest.raises(DsliteError, match="augmentation 'none', not 'both'"):
        folding.work(stage.settings)
    with pytest.raises(DsliteError, match="'all' is not one of none, cutmix"):
        folding.work(stage.settings, "all")


def test_its_page_says_what_is_what(stage):
    assert "no augmentation" in views.about(stage) and "42, 43" in views.about(stage)
    assert "from 1,000 draws, those of differences from 5,000." in views.about(stage)
    assert views.division(stage)["files"].sum() == 18 and list(views.division(stage)["fold"]) == ["<0>", "<1>", "<2>"]
    assert list(views.scores(stage, DISJOINT)["system"]) == [*(TITLES[k] for k in ("librosa", "deep_spectrum")), OURS]
    assert "sd over seeds" in views.scores(stage, DISJOINT)
    assert OURS not in set(views.scores(stage, NORMALISED)["system"])
    assert re.search(r"librosa statistics \+ SVM: (\S+, ){2}\S+;", views.complexities(stage))
    assert sum(panel.matrix.sum() for panel in views.confusion_panels(stage)) == 3 * 18
    assert "known voices" in views.verdict(stage)


def test_the_tables_of_the_docs_are_of_real_weights_and_say_what_they_rest_on(stage, tmp_path):
    page, out = tmp_path / "folds.md", stage.settings.output
    page.write_text(f"a\n{MARKS[0]}\nstale\n{MARKS[1]}\nz\n")
    with pytest.raises(SystemExit, match="random weights"):
        renew([str(out)], page)
    places, elsewhere = stage.paths, Paths(tmp_path).corpus("own")
    shutil.copytree(places.file("folds"), elsewhere.file("folds"))
    record = elsewhere.record("folds")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"weights": "imagenet"}))
    renew([str(tmp_path)], page)
    told = page.read_text()
    assert told.startswith("a\n") and told.endswith("z\n") and "stale" not in told
    assert "Toy network, ImageNet weights · demo profile" in told and "42, 43" in told and "no augmentation" in told
    uar = views.scores(stage, DISJOINT).set_index("system").loc[OURS, "UAR"]
    assert f"| DS Lite | {uar:.1f} |" in told


@pytest.mark.slow
def test_a_whole_small_run_on_a_stand_in(tmp_path):
    small = ["--backbone", "toynet", "--random-weights", "--set", "epochs=1,0", "--stages", "folds", "--cores", 1]
    done = run(copied(tmp_path / "package"), tmp_path / "out", "--corpora", "ravdess", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = tmp_path.rglob("reports/ravdess/folds.html")
    text = BeautifulSoup(page.read_text("utf-8"), "html.parser").get_text(" ", strip=True)
    for said in ("SYNTHETIC", "RANDOM", "demo profile", "seed 42", "What leakage buys", "SPEAKER-NORMALISED"):
        assert said in text
    assert (page.parents[1] / "index.html").read_text("utf-8").count("folds.html") == 1
