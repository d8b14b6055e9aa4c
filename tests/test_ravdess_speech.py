"""RAVDESS speech: a corpus that is known by name and is not the paper's."""

import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from dslite.corpora import CORPORA, REGISTRY, describe_missing, download_ravdess, locate, read
from dslite.errors import DsliteError
from dslite.layout.paths import Paths
from dslite.reporting.tables import table1
from dslite.run.cli import main
from dslite.run.options import parse
from dslite.run.resolve import resolve
from dslite.stages.paper.summary import Summary
from tests.corpus_files import audio, own
from tests.through import through

NAME = "ravdess_speech"
EMOTIONS = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]


@pytest.fixture
def some(tmp_path):
    """Two actors per partition, each emotion twice; and a song."""
    folder = tmp_path / "corpora" / NAME
    for actor in (1, 7, 14, 18, 19, 24):
        for emotion in range(1, 9):
            for take in (1, 2):
                name = f"03-01-{emotion:02d}-01-02-{take:02d}-{actor:02d}.wav"
                audio(folder / f"Actor_{actor:02d}" / name, seconds=0.5 + 0.02 * actor + 0.001 * (2 * emotion + take))
    audio(folder / "Actor_01" / "03-02-01-01-01-01-01.wav")
    return folder


def test_it_is_none_of_the_papers_eight():
    assert list(REGISTRY) == [*CORPORA, NAME] and NAME not in CORPORA
    info = REGISTRY[NAME]
    assert "Chang et al. (2023), not in this paper" in info.title and info.table1 is None
    assert list(info.classes) == EMOTIONS == list(info.labels.values())
    assert info.split == REGISTRY["ravdess"].split and "song" in info.partition
    assert parse([]).corpora == list(CORPORA)
    assert "benchmark" not in parse(["--corpora", NAME]).stages, "Table 5 is the paper's"


def test_labels_and_partitions_are_those_of_the_names(some):
    assert locate(NAME, some.parent) == some and locate("ravdess", some.parent) is None
    corpus = read(NAME, some)
    assert corpus.data == "differing" and "96 files; the whole corpus has 1,440" in corpus.note
    clips = corpus.clips.set_index("file")
    assert clips.loc["Actor_14/03-01-08-01-02-01-14.wav", ["label", "speaker", "partition"]].tolist() == [
        "surprised", "14", "dev",
    ]  # fmt: skip
    assert clips.groupby("speaker")["partition"].first().tolist() == ["train"] * 2 + ["dev"] * 2 + ["test"] * 2
    assert "1 files of another part of the corpus (no spoken sentences)" in set(corpus.problems["reason"])


def test_two_files_of_one_recording_are_told_and_both_used(some, tmp_path):
    first, second = (some / f"Actor_07/03-01-03-01-02-0{take}-07.wav" for take in (1, 2))
    shutil.copy(first, second)
    settings = resolve(NAME, data=some.parent, weights="random", output=tmp_path / "out")
    stage = through(settings, "corpus")
    assert len(stage.clips) == 96 and stage.record["skipped"] == 0
    assert "1 recording in more than one file each (listed on the corpus page)" in stage.record["warnings"]
    reasons = stage.table("problems")["reason"]
    assert "the same recording: " + ", ".join(
        f"Actor_07/{file.name} (train)" for file in (first, second)
    ) in set(reasons)  # fmt: skip
    # Of what was used there is a row in the paper's first table, and none that was printed.
    summary = Summary(Paths(settings.output), pd.DataFrame(), {NAME: stage.record}, {})
    assert summary.table1.query("corpus == @NAME")["source"].tolist() == ["here"] and summary.own == [NAME]


def test_what_is_found_is_tuned_with_its_own_chunks_and_a_stand_in_is_not(some, tmp_path):
    found = resolve(NAME, data=some.parent, output=tmp_path)
    assert (found.profile, found.recipe.chunk, found.standin) == ("tuned", 3.5, False)
    none = resolve(NAME, data=tmp_path, output=tmp_path)
    assert (none.profile, none.recipe.chunk, none.standin) == ("demo", 3.5, True)
    with pytest.raises(DsliteError, match="ravdess_speech is a corpus of another paper"):
        resolve(str(some))


def test_an_own_csv_may_have_its_name_and_is_not_taken_for_it(tmp_path):
    source = own(tmp_path, 0.1 * np.random.default_rng(0).standard_normal((6, 16_000)), name=NAME)
    settings = resolve(source, output=tmp_path / "out")
    assert (settings.name, settings.reader) == (f"own_{NAME}", "own_csv")


def test_its_stand_in_goes_through_the_stage(tmp_path):
    stage = through(resolve(NAME, weights="random", output=tmp_path), "corpus")
    assert stage.record["data"] == "stand-in" and stage.record["about"]["short"] == "RAVDESS speech"
    clips = stage.clips
    assert list(stage.classes) == EMOTIONS and set(clips["label"]) == set(EMOTIONS)
    assert all(file.split("/")[1].startswith("03-01-") for file in clips["file"])
    numbers = clips.groupby("partition")["speaker"].agg(lambda names: sorted({int(name) for name in names}))
    assert dict(numbers) == {part: list(split) for part, split in REGISTRY[NAME].split.items()}


def test_help_and_list_say_whose_it_is(capsys, tmp_path):
    with pytest.raises(SystemExit):
        parse(["--help"])
    assert f"{NAME} ({REGISTRY[NAME].title})" in " ".join(capsys.readouterr().out.split())
    assert main(["--list", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{NAME} {REGISTRY[NAME].title} (spoken sentences): not found" in said
    assert "whole:   1440 files, 24 speakers, 8 classes, 1.5 h" in said
    assert any(line.split()[:2] == [NAME, "train"] for line in said.splitlines())


def test_its_archive_is_not_the_songs(tmp_path):
    with pytest.raises(DsliteError, match=r"CC BY-NC-SA 4\.0.*208 MB.*--accept-licence"):
        download_ravdess(tmp_path, NAME, accept=False)
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "thesis.txt").write_text("mine")
    with pytest.raises(DsliteError, match="not RAVDESS speech"):
        download_ravdess(tmp_path, NAME, accept=True)
    assert parse(["--download", NAME]).download == NAME
    assert "Audio_Speech_Actors_01-24.zip" in describe_missing(NAME, tmp_path)


def test_the_real_one_is_whole(real_ravdess_speech):
    corpus = read(NAME, real_ravdess_speech)
    clips, whole = corpus.clips, REGISTRY[NAME].whole
    assert corpus.data == "real" and corpus.problems.empty
    assert (len(clips), clips["speaker"].nunique()) == (1440, 24) == (whole.files, whole.speakers)
    assert clips["label"].value_counts().to_dict() == {label: 96 if label == "neutral" else 192 for label in EMOTIONS}
    assert Counter(clips["speaker"]) == {f"{actor:02d}": 60 for actor in range(1, 25)}
    assert clips.groupby("partition")["speaker"].nunique().to_dict() == {"train": 13, "dev": 5, "test": 6}
    found = table1(REGISTRY[NAME], clips, "real").iloc[-1]
    assert found[["mean_s", "std_s"]].tolist() == pytest.approx([whole.mean_s, whole.std_s], abs=0.005)
    assert found["minutes"] == pytest.approx(whole.minutes, abs=0.05)
