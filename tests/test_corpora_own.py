"""Own data: the CSV in its dialects, where the partition comes from, and the split made here."""

from collections import Counter

import numpy as np
import pytest
import soundfile

from dslite.changes import CHANGEABLE
from dslite.corpora import fingerprint, locate, own_chunk, own_durations, read
from dslite.corpora.split import deal
from dslite.errors import DsliteError
from dslite.run.resolve import resolve
from tests.corpus_files import audio, text


@pytest.mark.parametrize("seconds, chunk", [
    ([1.51, 1.51, 1.9], 1.5), ([2.86, 2.4, 3.3], 2.5), ([0.4] * 3, 1.0), ([4.65, 9.0, 20.0], 4.0), ([3.0] * 3, 3.0),
])  # fmt: skip
def test_chunks_are_as_long_as_the_median_file(tmp_path, seconds, chunk):
    for number, length in enumerate(seconds):
        soundfile.write(tmp_path / f"{number}.wav", np.zeros(round(8_000 * length)), 8_000)
    (tmp_path / "a.csv").write_text("filename,label\n0.wav,x\n1.wav,y\n2.wav,y\ngone.wav,y\n")
    assert resolve(str(tmp_path / "a.csv")).recipe.chunk == chunk
    files, found = own_durations(tmp_path / "a.csv")
    assert files == 3 and found.tolist() == pytest.approx(seconds)
    (tmp_path / "corpus.toml").write_text("chunk = 2")
    assert resolve(str(tmp_path / "a.csv")).recipe.chunk == 2.0 == own_chunk(tmp_path / "a.csv")
    assert resolve(str(tmp_path / "a.csv"), changes={"chunk": 0.5}).recipe.chunk == 0.5


def test_own_data_have_the_tuned_recipe_unless_another_is_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("filename,label\n0.wav,x\n")
    settings = resolve(str(tmp_path / "a.csv"))
    assert (settings.profile, settings.backbone, settings.recipe.optimiser) == ("tuned", "efficientnet_lite0", "adamw")
    assert resolve(str(tmp_path / "a.csv"), profile="full").backbone == "densenet121"
    with pytest.raises(DsliteError, match="F-02 are not among .* under the profile tuned: .*schedule"):
        resolve(str(tmp_path / "a.csv"), discrepancies="F-02")


@pytest.mark.parametrize("option", ["data", "weights"])
def test_a_file_in_place_of_a_folder_is_said_to_be_one(tmp_path, option):
    own(tmp_path, "filename,label", "a.wav,x", "b.wav,y", name="a.csv")
    with pytest.raises(DsliteError, match=rf"{option} folder .*a\.wav is a file; name .* or leave --{option}"):
        resolve(str(tmp_path / "a.csv"), **{option: tmp_path / "a.wav"})
    with pytest.raises(DsliteError, match=f"{option} folder .*gone does not exist; create it or leave --{option}"):
        resolve(str(tmp_path / "a.csv"), **{option: tmp_path / "gone"})


def test_a_corpus_without_a_name_is_not_the_folder_that_one_is_in(tmp_path):
    with pytest.raises(DsliteError, match="There is no corpus .*_own.py.. It is a file, but its name does"):
        resolve(__file__, output=tmp_path)
    with pytest.raises(DsliteError, match="There is no corpus ''. Known: ccs"):
        resolve("", output=tmp_path)


@pytest.mark.parametrize("said", ["0.1", "'long'", "nan", "true", "inf", "1e5"])
def test_a_chunk_that_cannot_be_is_refused(tmp_path, said):
    (tmp_path / "a.csv").write_text("filename,label\n0.wav,x\n")
    (tmp_path / "corpus.toml").write_text(f"chunk = {said}")
    with pytest.raises(DsliteError, match="corpus.toml: chunk is .* at least 0.2 s"):
        resolve(str(tmp_path / "a.csv"))


def test_a_chunk_may_be_as_long_as_in_a_change_and_a_byte_order_mark_before_it(tmp_path):
    (tmp_path / "a.csv").write_text("filename,label\n0.wav,x\n")
    longest = CHANGEABLE["chunk"].high
    (tmp_path / "corpus.toml").write_text(f"chunk = {longest}", encoding="utf-8-sig")
    assert own_chunk(tmp_path / "a.csv") == longest
    (tmp_path / "corpus.toml").write_text(f"chunk = {longest + 1}")
    with pytest.raises(DsliteError, match="chunk is 601.0; expected .* at most 600 s"):
        own_chunk(tmp_path / "a.csv")


def own(folder, *lines, name="my birds.csv", encoding="utf-8", files=True):
    """A CSV and the audio that its first column names."""
    for line in lines[1:] if files else ():
        audio(folder / line.replace(";", ",").replace("\t", ",").split(",")[0].strip('"'))
    return str(text(folder / name, *lines, encoding=encoding))


def partitions(corpus):
    return dict(zip(corpus.clips["file"], corpus.clips["partition"], strict=True))


SIX = ("a.wav,gull,train", "b.wav,dog,train", "c.wav,gull,dev", "d.wav,dog,devel", "e.wav,gull,test", "f.wav,dog,test")


def test_the_csvs_own_partition(tmp_path):
    path = own(tmp_path, "filename,label,partition", *SIX)
    assert locate(path, None) == tmp_path
    corpus = read(path, tmp_path)
    assert corpus.info.name == "my_birds" and corpus.info.classes == ("dog", "gull")
    assert corpus.info.title == "my birds" and corpus.info.table1 is None and corpus.data == "real"
    expected = ("train", "train", "dev", "dev", "test", "test")
    assert partitions(corpus) == {f"{letter}.wav": part for letter, part in zip("abcdef", expected, strict=True)}
    assert corpus.problems.empty and "own column" in corpus.note


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ";"), ("utf-8-sig", ","), ("utf-8-sig", "\t"), ("utf-8", ",")]
)
def test_dialects(tmp_path, encoding, delimiter):
    lines = [line.replace(",", delimiter) for line in ("File_Name,LABEL,Partition", *SIX)]
    path = own(tmp_path, *lines, encoding=encoding)
    text(tmp_path / "my birds.csv", *lines, "", encoding=encoding)  # a blank line at the end
    assert len(read(path, tmp_path).clips) == 6


def test_the_authors_form(tmp_path):
    lines = [f"{part}_{what}.wav,{what},117249" for part in ("train", "devel", "test") for what in ("gull", "dog")]
    corpus = read(own(tmp_path, "filename,label,duration_frames", *lines, name="label.csv"), tmp_path)
    assert Counter(partitions(corpus).values()) == {"train": 2, "dev": 2, "test": 2}
    assert partitions(corpus)["devel_dog.wav"] == "dev"
    assert corpus.clips["duration"].eq(0.05).all()  # out of the audio, not out of the column


def test_a_folder_below_and_names_from_windows(tmp_path):
    lines = [line.replace("a.wav", "wav\\s p ü\\a.wav") for line in SIX]
    audio(tmp_path / "wav" / "s p ü" / "a.wav")
    path = own(tmp_path, "filename,label,partition", *lines)
    assert "wav/s p ü/a.wav" in partitions(read(path, tmp_path))


def test_labels_with_spaces_unicode_and_html_stay_as_they_are(tmp_path):
    rows = [
        f'{part}_{n}.wav,"{label}",s{part}{n}'
        for part in ("train", "dev", "test")
        for n, label in enumerate(("<b>möwe</b>, laut", "grey  seal"))
    ]
    corpus = read(own(tmp_path, "filename,label,speaker", *rows), tmp_path)
    assert corpus.info.classes == ("<b>möwe</b>, laut", "grey  seal")


def test_a_split_by_speakers_keeps_them_whole_and_repeats(tmp_path):
    rows = [f"{s:02d}_{n}.wav,{'ab'[n % 2]},s{s}" for s in range(10) for n in range(4)]
    path = own(tmp_path, "filename,label,speaker", *rows)
    corpus = read(path, tmp_path)
    assert Counter(partitions(corpus).values()) == {"train": 24, "dev": 8, "test": 8}
    assert "by speakers (60% train, 20% dev, 20% test; seed 0)" in corpus.note
    shuffled = own(tmp_path, "filename,label,speaker", *reversed(rows), name="other.csv", files=False)
    assert partitions(read(shuffled, tmp_path)) == partitions(corpus)


def test_a_split_by_files_has_every_class_in_proportion(tmp_path):
    rows = [f"{n:02d}.wav,{'a' if n % 3 else 'b'}" for n in range(30)]
    corpus = read(own(tmp_path, "filename,label", *rows), tmp_path)
    counts = corpus.clips.groupby(["label", "partition"]).size()
    assert dict(counts) == {
        ("a", "dev"): 4,
        ("a", "test"): 4,
        ("a", "train"): 12,
        ("b", "dev"): 2,
        ("b", "test"): 2,
        ("b", "train"): 6,
    }
    assert "by files" in corpus.note


@pytest.mark.parametrize("count", [3, 4, 5, 7, 20])
def test_even_few_speakers_serve_all_partitions(count):
    groups = [f"speaker {n}" for n in range(count) for _ in range(6)]
    places = deal(groups, list("aab" * (count * 2)))
    assert len(set(zip(groups, places, strict=True))) == count
    assert set(places) == {"train", "dev", "test"}
    assert Counter(places)["train"] >= max(Counter(places)["dev"], Counter(places)["test"])


def test_names_of_which_only_some_begin_with_a_partition(tmp_path):
    rows = [f"{'test ' if n == 0 else ''}{n:02d}.wav,{'ab'[n % 2]}" for n in range(20)]
    corpus = read(own(tmp_path, "filename,label", *rows), tmp_path)
    assert corpus.problems["reason"].str.contains("1 of 20 file names begin with").any()
    assert Counter(partitions(corpus).values()) == {"train": 12, "dev": 4, "test": 4}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["filename,klass", "a.wav,x"], "no column label.*reads filename, klass"),
        (["a.wav,x", "b.wav,y"], "no column filename and no column label"),
        ([], "no column filename"),
        (["filename,label,label", "a.wav,x,x"], "label more than once"),
        (["File_Name,file,label", "a.wav,a.wav,x"], r"column filename more than once \(File_Name, file\). Keep one"),
        (["filename,label", "a.wav,x,train"], "line 2: 3 fields where the header has 2"),
        (["filename,label,partition", "a.wav,x,extra"], "'a.wav' into the partition 'extra'"),
        (["filename,label", "a.wav,x", "b.wav,x"], "Different labels in .*: 1;"),
        (["filename,label", "../a.wav,x", "b.wav,y"], "'../a.wav'.*below the corpus' own folder"),
        (["filename,label", "a.wav,x", "./a.wav,y"], "labelled more than once"),
        (
            ["filename,label,speaker", "a.wav,x,1", "b.wav,y,1"],
            "speakers with usable files: 1; train, dev and test need",
        ),
    ],
)
def test_unusable_csvs_are_refused_in_words(tmp_path, lines, told):
    audio(tmp_path / "a.wav"), audio(tmp_path / "b.wav")
    with pytest.raises(DsliteError, match=told):
        read(own(tmp_path, *lines, files=False), tmp_path)


def test_other_encodings_are_named(tmp_path):
    path = own(tmp_path, "filename,label", "a.wav,möwe", encoding="latin-1")
    with pytest.raises(DsliteError, match="not UTF-8"):
        read(path, tmp_path)


def test_a_missing_csv(tmp_path):
    assert locate(str(tmp_path / "no.csv"), None) is None
    with pytest.raises(DsliteError, match="no file"):
        read(str(tmp_path / "no.csv"), tmp_path)


def folder(place, *files):
    for number, file in enumerate(files):
        audio(place / file, seconds=0.05 + number / 1000)
    return str(place)


def test_a_folder_with_a_sub_folder_per_class(tmp_path, monkeypatch):
    files = [f"{label}/{'deeper/' * (n % 2)}{n}.wav" for label in ("gull", "möwe <b>") for n in range(6)]
    path = folder(tmp_path / "My Birds.2", *files, "stray.wav", "gull/.hidden.wav")
    text(tmp_path / "My Birds.2" / "gull" / "notes.txt", "no audio")
    monkeypatch.chdir(tmp_path)
    settings = resolve("My Birds.2", profile="demo", output=tmp_path / "out")
    assert (settings.source, settings.name) == (path, "my_birds_2")
    assert settings.folder == settings.recordings == locate(path, None) == tmp_path / "My Birds.2"
    corpus = read(settings.source, settings.folder)
    assert dict(zip(corpus.clips["file"], corpus.clips["label"], strict=True)) == {f: f.split("/")[0] for f in files}
    assert Counter(partitions(corpus).values()) == {"train": 8, "dev": 2, "test": 2} and "by files" in corpus.note
    assert list(corpus.problems["file"]) == ["", "stray.wav"] and corpus.info.name == settings.name
    assert "1 file whose ending is none of audio's, left out; endings: .txt (1)" in corpus.problems["reason"][0]
    before = fingerprint(settings.recordings)
    (tmp_path / "My Birds.2" / files[0]).unlink()
    assert fingerprint(settings.recordings) != before


def test_a_folder_of_partitions_of_classes(tmp_path):
    files = [f"{part}/{label}/{n}.wav" for part in ("Train", "validation", "test") for label in "ab" for n in range(2)]
    corpus = read(folder(tmp_path / "x", *files), tmp_path / "x")
    named = {"Train": "train", "validation": "dev", "test": "test"}
    assert partitions(corpus) == {file: named[file.split("/")[0]] for file in files} and corpus.info.classes == (
        "a",
        "b",
    )


@pytest.mark.parametrize(
    ("parts", "meant"),
    [
        (("training", "testing"), ("train", "test")),
        (("train", "eval"), ("train", "test")),
        (("train", "dev", "Eval"), ("train", "dev", "test")),
        (("train", "evaluation", "test"), ("train", "dev", "test")),
    ],
)
@pytest.mark.parametrize("form", ["folder", "csv"])
def test_partitions_under_further_names(tmp_path, form, parts, meant):
    files = [f"{part}/{label}/{n}.wav" for part in parts for label in "ab" for n in range(9)]
    path = folder(tmp_path / "x", *files)
    if form == "csv":
        rows = [",".join([file, file.split("/")[1], file.split("/")[0]]) for file in files]
        path = str(text(tmp_path / "x" / "x.csv", "filename,label,partition", *rows))
    found = partitions(read(path, tmp_path / "x"))
    named = dict(zip(parts, meant, strict=True))
    expected = {file: named[file.split("/")[0]] for file in files}
    split_off = {file for file in files if found[file] == "dev" and "dev" not in meant}
    assert found == expected | dict.fromkeys(split_off, "dev") and {expected[file] for file in split_off} <= {"train"}


SPLIT = [f"{part}/{label}/{n}.wav" for part in ("train", "dev", "test") for label in ("high", "low") for n in range(2)]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["train/intro.wav"], "skipped train/intro.wav: audio without a label"),
        (["test/1.wav", "test/2.wav"], "skipped test/2.wav: audio without a label"),
        (["noise/1.wav"], "warning : folders that are neither partitions nor in one, left out: noise"),
        (["noise/1.wav"], "skipped noise/1.wav: audio without a label"),
    ],
)
def test_what_does_not_fit_into_folders_of_partitions_is_left_out_and_said(tmp_path, more, told):
    corpus = read(folder(tmp_path / "x", *SPLIT, *more), tmp_path / "x")
    assert partitions(corpus) == {file: file.split("/")[0] for file in SPLIT} and corpus.info.classes == ("high", "low")
    assert told in [f"{row.kind} {row.file}: {row.reason}" for row in corpus.problems.itertuples()]


def test_folders_of_partitions_are_never_classes(tmp_path):
    unlabelled = [*(file for file in SPLIT if file.startswith("train")), "test/1.wav", "test/2.wav"]
    with pytest.raises(DsliteError, match="test has no 'high', no 'low'.*2 x audio without a label: test/1.wav"):
        read(folder(tmp_path / "x", *unlabelled), tmp_path / "x")
    with pytest.raises(DsliteError, match="folders test, train, which are taken as partitions.* sub-folder per class"):
        read(folder(tmp_path / "flat", "train/1.wav", "test/2.wav"), tmp_path / "flat")
    corpus = read(folder(tmp_path / "sounds", *(f"{what}/{n}.wav" for what in ("train", "car") for n in range(5))),
                  tmp_path / "sounds")  # fmt: skip
    assert corpus.info.classes == ("car", "train")


def test_folders_that_are_no_corpus_are_refused_in_words(tmp_path):
    with pytest.raises(DsliteError, match="Different labels in .*: 0;.*sub-folder per class"):
        read(folder(tmp_path / "flat", "1.wav", "2.wav"), tmp_path / "flat")
    with pytest.raises(DsliteError, match="ravdess is a corpus of the paper"):
        resolve(folder(tmp_path / "ravdess", "Actor_01/1.wav"))
    with pytest.raises(DsliteError, match="no corpus '/gone/away'.*ravdess.*sub-folder per class"):
        resolve("/gone/away")


def test_the_fingerprint_is_of_the_listed_files(tmp_path):
    path = tmp_path / "my birds.csv"
    own(tmp_path, "filename,label,partition", *SIX)
    before = fingerprint(path)
    audio(tmp_path / "unrelated.wav")
    assert fingerprint(path) == before
    audio(tmp_path / "c.wav", seconds=0.2)
    changed = fingerprint(path)
    (tmp_path / "d.wav").unlink()
    gone = fingerprint(path)
    assert len({fingerprint["audio"] for fingerprint in (before, changed, gone)}) == 3
    assert {name for name in gone if gone[name] != changed[name]} == {"audio", "labels of dev"}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("e.wav,gull", "e.wav,dog", {"labels of test"}),
        ("c.wav,gull,dev", "c.wav,gull,train", {"labels of train", "labels of dev"}),
        ("partition", "split", {"list of files"}),
        ("label", "class", {"list of files"}),
        ("label", "lable", {"audio", "list of files", "labels of train", "labels of dev", "labels of test"}),
        ("filename", "# a remark\nfilename", set()),
    ],
)
def test_the_fingerprint_names_what_an_own_csv_says_otherwise(tmp_path, old, new, changed):
    path = tmp_path / "my birds.csv"
    own(tmp_path, "filename,label,partition", *SIX)
    before, text = fingerprint(path), path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    now = fingerprint(path)
    assert {name for name in {*before, *now} if before.get(name) != now.get(name)} == changed
