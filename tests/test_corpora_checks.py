"""What must not be used is refused, what is left out stands among the problems, what differs is warned of."""

from dataclasses import replace

import pandas as pd
import pytest

from dslite.corpora import CORPORA, read
from dslite.corpora.checks import against_table1
from dslite.errors import DsliteError
from tests.corpus_files import audio, compare_2021, ravdess, text


def reasons(corpus, file=None):
    problems = corpus.problems
    return list(problems["reason"] if file is None else problems[problems["file"] == file]["reason"])


def lab(folder, part, *lines):
    """Appends lines to a label file."""
    path = folder / "dist" / "lab" / f"{part}.csv"
    path.write_text(path.read_text("utf-8") + "".join(f"{line}\n" for line in lines), "utf-8")


def test_a_speaker_in_two_partitions_is_refused(tmp_path):
    compare_2021(tmp_path, header="filename,label,speaker")
    path = tmp_path / "dist" / "lab" / "test.csv"
    path.write_text(path.read_text().replace(",test2", ",train1"))
    with pytest.raises(DsliteError, match="'train1' in train and test"):
        read("ccs", tmp_path)


def test_a_class_missing_from_a_partition_is_refused(tmp_path):
    compare_2021(tmp_path)
    path = tmp_path / "dist" / "lab" / "devel.csv"
    path.write_text(path.read_text().replace("positive", "negative"))
    with pytest.raises(DsliteError, match="dev has no 'positive'"):
        read("ccs", tmp_path)


def test_files_labelled_twice_are_refused(tmp_path):
    lab(compare_2021(tmp_path), "train", "train_001.wav,positive")
    with pytest.raises(DsliteError, match="more than once, for example 'dist/wav/train_001.wav'"):
        read("ccs", tmp_path)


@pytest.mark.parametrize("name", ["../../secret.wav", "/etc/passwd", "a/../../b.wav", "..\\b.wav", "C:\\b.wav", '""'])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    audio(tmp_path / "secret.wav")
    lab(compare_2021(tmp_path / "ccs"), "train", f"{name},positive")
    with pytest.raises(DsliteError, match="below the corpus' own folder"):
        read("ccs", tmp_path / "ccs")


def test_nothing_is_silently_gone(tmp_path):
    compare_2021(tmp_path)
    wav = tmp_path / "dist" / "wav"
    lab(tmp_path, "train", "train_404.wav,positive", "train_005.wav,maybe", "train_006.wav,positive")
    lab(tmp_path, "train", "train_007.wav,positive", "train_008.wav,positive")
    audio(wav / "train_005.wav")
    (wav / "train_006.wav").write_bytes(b"this is no audio")
    (wav / "train_007.wav").write_bytes(b"")
    audio(wav / "train_008.wav", seconds=0)
    audio(wav / "train_999.wav")
    corpus = read("ccs", tmp_path)
    assert len(corpus.clips) == 12
    expected = {
        "train_404.wav": "label without audio",
        "train_005.wav": "unknown label 'maybe'; expected one of negative, positive",
        "train_006.wav": "not readable as audio",
        "train_007.wav": "empty file",
        "train_008.wav": "0 samples",
        "train_999.wav": "audio without a label",
    }
    for name, reason in expected.items():
        (told,) = reasons(corpus, f"dist/wav/{name}")
        assert reason in told and str(tmp_path) not in told
    assert set(corpus.problems["kind"]) == {"skipped", "warning"}


def test_hundreds_of_unlabelled_files_get_one_line(tmp_path):
    compare_2021(tmp_path)
    for number in range(100):
        audio(tmp_path / "dist" / "wav" / f"extra_{number}.wav")
    assert any(reason.startswith("100 audio files without a label") for reason in reasons(read("ccs", tmp_path)))


def test_no_usable_clip_says_why(tmp_path):
    compare_2021(tmp_path)
    for path in (tmp_path / "dist" / "wav").iterdir():
        path.unlink()
    with pytest.raises(DsliteError, match="no usable clip.*label without audio.*Expected: dist/wav"):
        read("ccs", tmp_path)


def test_names_in_any_unicode_form_and_any_audio_format_are_found(tmp_path):
    compare_2021(tmp_path)
    audio(tmp_path / "dist" / "wav" / "train_u\u0308 <b>&amp; 1.flac")  # decomposed, as some disks store it
    lab(tmp_path, "train", '"train_\u00fc <b>&amp; 1.wav",positive')  # composed, as one types it
    corpus = read("ccs", tmp_path)
    assert len(corpus.clips) == 13
    (file,) = [file for file in corpus.clips["file"] if "<b>" in file]
    assert (tmp_path / file).is_file()


def table1_clips(info, **changes):
    """Clips whose figures are those of Table 1, two lengths of equal number, but for the changes."""
    row = replace(info.table1, **changes)
    half = row.files // 2
    seconds = [row.mean_s - row.std_s] * half + [row.mean_s + row.std_s] * (row.files - half)
    return pd.DataFrame({"duration": seconds, "speaker": [str(n % row.speakers) for n in range(row.files)]})


@pytest.mark.parametrize("name", ["demos", "ess", "mpssc", "ravdess", "sleep"])
def test_table_1s_own_figures_agree_with_it(name):
    assert against_table1(CORPORA[name], table1_clips(CORPORA[name])) == ([], [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": 1010}, "1,010 files; Table 1 prints 1,012"),
        ({"speakers": 24}, "24 speakers; Table 1 prints 23"),
        ({"mean_s": 4.8}, "4.80 s on average; Table 1 prints 4.65"),
        ({"std_s": 0.5}, "0.50 s standard deviation; Table 1 prints 0.42"),
    ],
)
def test_other_figures_are_warned_of_and_make_it_differing(changes, told):
    warnings, differences = against_table1(CORPORA["ravdess"], table1_clips(CORPORA["ravdess"], **changes))
    assert told in differences and told in [warning.reason for warning in warnings]


@pytest.mark.parametrize(
    ("name", "changes"),
    [("demos", {"speakers": 68}), ("iemocap", {"mean_s": 4.55, "std_s": 3.23}), ("ccs", {"mean_s": 8.09})],
)
def test_the_tables_own_slips_are_told_but_do_not_make_another_corpus(name, changes):
    warnings, differences = against_table1(CORPORA[name], table1_clips(CORPORA[name], **changes))
    assert not differences
    assert any(CORPORA[name].also["reason"] in warning.reason for warning in warnings)


def test_data_is_what_the_folder_says_or_what_table_1_makes_of_it(tmp_path):
    ravdess(tmp_path)
    corpus = read("ravdess", tmp_path)
    assert corpus.data == "differing" and "36 files; Table 1 prints 1,012" in corpus.note
    text(tmp_path / "corpus.toml", 'corpus = "ravdess"', 'data = "cropped"', 'note = "a tenth"')
    corpus = read("ravdess", tmp_path)
    assert (corpus.data, corpus.note) == ("cropped", "a tenth")
    assert "36 files; Table 1 prints 1,012" in reasons(corpus)
    text(tmp_path / "corpus.toml", 'corpus = "ravdess"', 'data = "stand-in"')
    assert read("ravdess", tmp_path).problems.empty


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('data = "genuine"', "data is 'genuine'; one of real, cropped, stand-in"),
        ('corpus = "ravdess_speech"\ndata = "real"', "this is 'ravdess_speech', but the folder is read as 'ravdess'"),
        ("data = real", "not readable as TOML"),
    ],
)
def test_a_wrong_corpus_toml_is_refused(tmp_path, line, told):
    text(ravdess(tmp_path) / "corpus.toml", line)
    with pytest.raises(DsliteError, match=told):
        read("ravdess", tmp_path)


def test_speakers_that_nobody_names_are_told(tmp_path):
    assert any("does not name its speakers" in reason for reason in reasons(read("ccs", compare_2021(tmp_path))))
