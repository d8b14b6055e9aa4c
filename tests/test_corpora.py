"""The official layouts: what is read from them, under which names, in which partition."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict

import pytest

from dslite.corpora import CORPORA, PARTITIONS, describe_missing, fingerprint, locate, read, slug
from dslite.errors import DsliteError
from tests.corpus_files import audio, compare_2021, iemocap, ravdess, text


def told(corpus, kind="skipped"):
    rows = corpus.problems[corpus.problems["kind"] == kind]
    return dict(zip(rows["file"] + "|" + rows["reason"], rows["file"], strict=True))


def test_registry_is_complete_and_in_the_papers_order():
    assert list(CORPORA) == ["ccs", "css", "demos", "ess", "iemocap", "mpssc", "ravdess", "sleep"]
    for name, info in CORPORA.items():
        assert info.name == name and info.table1.classes == len(info.classes) == len(set(info.classes))
        assert set(info.labels.values()) == set(info.classes)
        empty = [key for key, value in asdict(info).items() if value == "" or value is None]
        names = [] if info.reader == "named" else ["names"]
        assert empty in (names, [*names, "shared_audio", "archive"])  # of all but RAVDESS, which is free
        if info.split:
            numbers = [number for part in PARTITIONS for number in info.split[part]]
            assert len(numbers) == len(set(numbers))
            assert info.partition != "official"
    assert CORPORA["mpssc"].classes == ("V", "O", "T", "E")


def test_compare_2021(tmp_path):
    corpus = read("ccs", compare_2021(tmp_path))
    assert list(corpus.clips.columns) == [
        "file",
        "speaker",
        "label",
        "partition",
        "fold",
        "duration",
        "rate",
        "channels",
    ]
    assert corpus.clips["file"].is_unique and len(corpus.clips) == 12
    clip = corpus.clips.set_index("file").loc["dist/wav/devel_003.wav"]
    assert (clip["label"], clip["partition"], clip["speaker"]) == ("positive", "dev", "")
    assert (clip["rate"], clip["channels"]) == (16000, 1) and clip["duration"] == pytest.approx(0.05)
    assert corpus.info.classes == ("negative", "positive")


def test_compare_2021_without_the_outer_folder_and_with_speakers(tmp_path):
    package = compare_2021(tmp_path / "package", labels=("0", "1", "2"), header="filename,label,speaker")
    corpus = read("ess", package / "dist")
    assert set(corpus.clips["label"]) == {"low", "medium", "high"}
    assert corpus.clips["speaker"].nunique() == 18
    assert corpus.clips["file"].str.startswith("wav/").all()


def test_blind_test_labels_are_named_as_the_reason(tmp_path):
    compare_2021(tmp_path)
    lab = tmp_path / "dist" / "lab" / "test.csv"
    lab.write_text(lab.read_text().replace("negative", "?").replace("positive", "?"))
    with pytest.raises(
        DsliteError, match="test has no 'negative', no 'positive'.*4 files of test whose label is withheld"
    ):
        read("css", tmp_path)


def test_sleep_is_cut_at_seven_and_a_half(tmp_path):
    lines = ["file_name,label"]
    for part in ("train", "devel", "test"):
        for label in range(1, 10):
            name = audio(tmp_path / "wav" / f"{part}_{label:05d}.wav").name
            lines.append(f"{name},{label}.0" if part == "test" else f"{name},{label}")
    lines.append(f"{audio(tmp_path / 'wav' / 'test_00099.wav').name},nan")
    text(tmp_path / "lab" / "labels.csv", *lines)
    corpus = read("sleep", tmp_path)
    sleepy = corpus.clips[corpus.clips["label"] == "sleepy"]["file"]
    assert sorted(sleepy) == sorted(f"wav/{part}_0000{n}.wav" for part in ("train", "devel", "test") for n in (8, 9))
    assert len(corpus.clips) == 27 and any("withheld" in line for line in told(corpus))


def test_mpssc_takes_withheld_test_labels_from_the_csv(tmp_path):
    head = ["@relation x", "@attribute name string", "@attribute f1 numeric", "@attribute class {V,O,T,E}", "", "@DATA"]
    for part in ("train", "devel", "test"):
        names = [audio(tmp_path / "wav" / f"{part}_{n:04d}.wav").name for n in range(1, 5)]
        pairs = list(zip(names, "VOTE", strict=True))
        rows = [f"'{name}',0.25,{'?' if part == 'test' else label}" for name, label in pairs]
        text(tmp_path / "lab" / f"ComParE2017_Snore.ComParE.{part}.arff", *head, "% a comment", *rows)
        if part == "test":
            text(tmp_path / "lab" / "test.csv", "filename,label", *(f"{name},{label}" for name, label in pairs))
    clips = read("mpssc", tmp_path).clips
    for part in PARTITIONS:
        assert list(clips[clips["partition"] == part].sort_values("file")["label"]) == list("VOTE")


def test_demos_has_speakers_apart_and_no_neutral(tmp_path):
    codes = CORPORA["demos"].labels
    for speaker in (1, 4, 5, 7):
        for code in [*codes, "neu"]:
            audio(tmp_path / "wav" / "a b" / f"{'NP' if speaker == 1 else 'PR'}_f_{speaker:02d}_{code}07b.wav")
    audio(tmp_path / "wav" / "readme sample.wav")
    corpus = read("demos", tmp_path)
    clips = corpus.clips
    assert dict(clips.groupby("speaker")["partition"].first()) == {
        "01": "train",
        "04": "dev",
        "05": "test",
        "07": "train",
    }
    assert len(clips) == 4 * 7 and "wav/readme sample.wav" in told(corpus).values()
    assert any("4 files labelled 'neu'" in line for line in told(corpus))
    file = "wav/a b/NP_f_01_col07b.wav"
    assert clips.set_index("file").loc[file, "label"] == "guilt"


def test_iemocap_joins_happy_and_excited_and_splits_by_session(tmp_path):
    corpus = read("iemocap", iemocap(tmp_path))
    clips = corpus.clips
    assert len(clips) == 5 * 2 * 5 and clips["speaker"].nunique() == 10
    assert dict(clips["label"].value_counts()) == {"happiness": 20, "anger": 10, "neutral": 10, "sadness": 10}
    by_session = clips.groupby(clips["file"].str[7])["partition"].unique().str.join("")
    assert dict(by_session) == {"1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}
    # The dialog's own letter says who wears the markers; the utterance's says who speaks.
    spoken = clips[clips["file"].str.endswith("Ses02F_impro02_M000.wav")]["speaker"]
    assert list(spoken) == ["Ses02M"]
    assert any("10 files labelled 'fru'" in line for line in told(corpus))


def test_ravdess_takes_the_song_only(tmp_path):
    ravdess(tmp_path, rate=48000, channels=2)
    audio(tmp_path / "Actor_01" / "03-01-05-01-01-01-01.wav")
    audio(tmp_path / "Actor_01" / "03-02-07-01-01-01-01.flac")
    corpus = read("ravdess", tmp_path)
    assert set(corpus.clips["rate"]) == {48000} and set(corpus.clips["channels"]) == {2}
    assert list(corpus.clips.groupby("speaker")["partition"].first()) == ["train"] * 2 + ["dev"] * 2 + ["test"] * 2
    problems = "\n".join(told(corpus))
    assert "1 files of another part" in problems and "unknown label '07'" in problems


def test_the_same_song_in_two_formats_is_refused(tmp_path):
    audio(ravdess(tmp_path) / "Actor_01" / "03-02-01-01-01-01-01.flac")
    with pytest.raises(DsliteError, match="there twice"):
        read("ravdess", tmp_path)


def test_names_that_are_no_text_are_told_and_can_be_written(tmp_path):
    ravdess(tmp_path)
    place = os.fsencode(tmp_path) + b"/Actor_01/caf\xe9"
    try:
        os.mkdir(place)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    for name in (b"03-02-01-01-01-02-01.wav", b"\xe9.wav"):
        shutil.copy(tmp_path / "Actor_01" / "03-02-01-01-01-01-01.wav", place + b"/" + name)
    corpus = read("ravdess", tmp_path)
    assert len(corpus.clips) == 36
    corpus.problems.to_parquet(tmp_path / "problems.parquet")
    assert any(file.endswith("caf\\udce9/03-02-01-01-01-02-01.wav") for file in told(corpus).values())
    assert fingerprint(tmp_path)


def test_locate_takes_only_what_holds_the_corpus(tmp_path):
    assert locate("ravdess", None) is None and locate("ravdess", tmp_path) is None
    (tmp_path / "ravdess").mkdir()
    audio(tmp_path / "ravdess" / "03-01-05-01-01-01-01.wav")  # speech
    assert locate("ravdess", tmp_path) is None
    assert "not in the layout" in describe_missing("ravdess", tmp_path)
    ravdess(tmp_path / "ravdess")
    assert locate("ravdess", tmp_path) == tmp_path / "ravdess"
    with pytest.raises(DsliteError, match="no corpus 'ravdes'"):
        locate("ravdes", tmp_path)


@pytest.mark.parametrize("name", CORPORA)
def test_what_is_missing_is_described(name, tmp_path):
    description = describe_missing(name, tmp_path)
    for expected in (str(tmp_path / name), CORPORA[name].licence, CORPORA[name].access, CORPORA[name].url):
        assert expected in description
    assert "--data" in describe_missing(name, None)


def test_the_fingerprint_changes_with_any_file_and_only_then(tmp_path):
    folder = ravdess(tmp_path / "ravdess", actors=(1, 2))
    before = fingerprint(folder)
    assert before == fingerprint(folder)
    text(folder / ".DS_Store", "opened in a file manager")
    assert before == fingerprint(folder)
    (folder / "Actor_02").rename(folder / "Actor_03")
    moved = fingerprint(folder)
    audio(folder / "Actor_01" / "03-02-01-01-01-01-01.wav", seconds=0.1)
    assert len({*map(str, (before, moved, fingerprint(folder)))}) == 3


def test_a_folder_that_links_to_itself_ends(tmp_path):
    folder = ravdess(tmp_path / "ravdess")
    (folder / "Actor_01" / "again").symlink_to(folder, target_is_directory=True)
    assert len(read("ravdess", folder).clips) == 36


def test_slugs_are_harmless_and_never_those_of_a_corpus():
    assert slug("ravdess") == "ravdess"
    assert slug("/data/RAVDESS.csv") == "own_ravdess"
    assert slug("data/<b>Übung 3.csv") == "b_ubung_3"
    assert slug("鳥.csv") == "own" and slug("logs.csv") == "own_logs"
    assert slug("my birds") == slug("my birds.csv") == slug("/a/b.c/My Birds.CSV") == "my_birds"
    long = slug(f"{240 * 'x'}.csv")
    assert len(long) == 128 and slug(long) == long, "files of a run are called by it and more, and disks allow 255"


def test_real_ravdess_is_table_1s(real_ravdess):
    corpus = read("ravdess", real_ravdess)
    clips, table1 = corpus.clips, CORPORA["ravdess"].table1
    assert corpus.data == "real" and corpus.problems.empty
    assert (len(clips), clips["speaker"].nunique()) == (1012, 23) == (table1.files, table1.speakers)
    speakers = clips.groupby("partition")["speaker"].nunique()
    assert dict(speakers) == {"train": 13, "dev": 4, "test": 6}
    assert clips["duration"].agg(["mean", "std"]).tolist() == pytest.approx([table1.mean_s, table1.std_s], abs=0.005)
    assert clips["rate"].eq(16000).all()


def test_only_the_reader_of_the_corpus_is_loaded(tmp_path):
    (tmp_path / "demos").mkdir()
    code = f"""
import sys
from pathlib import Path
from dslite.corpora import locate
locate("demos", Path({str(tmp_path)!r}))
print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in loaded if name.startswith("dslite.corpora.readers.")} == {"dslite.corpora.readers.named"}
    assert not {"keras", "scipy", "tensorflow"} & set(loaded)
