"""Audio and label files as people have them: each healthy but for one thing that was seen in the wild."""

import itertools
import os
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import IPython.display
import numpy as np
import pandas as pd
import pytest
import soundfile

from dslite import audio, decoding, store
from dslite.corpora import PARTITIONS, UnfitCorpus, same_recordings
from dslite.corpora.readers import own_csv
from dslite.corpora.reading import fingerprint, read
from dslite.decoding import header
from dslite.errors import DsliteError, UnusableAudio
from dslite.layout import records
from dslite.layout.paths import Paths
from dslite.reporting import figures
from dslite.reporting.display import figure_html
from dslite.reporting.pages import LIMIT_MB
from dslite.run import notebook, outputs
from dslite.run.listing import corpus_lines
from dslite.run.resolve import resolve
from dslite.stages.corpus import views
from tests.through import through

RATE = 16_000
NAMES = [(label, speaker, take) for label in ("low", "high") for speaker in range(6) for take in "ab"]


def wave(number: int, seconds: float = 1.0) -> np.ndarray:
    return 0.2 * np.random.default_rng(number).standard_normal(round(seconds * RATE)).astype(np.float32)


def corpus(
    folder: Path, header="filename,label,speaker", row="{n}.{e},{l},s{s}", ending="wav", write=None, more=""
) -> Path:
    """24 files of two classes and six speakers, and the CSV that names them."""
    lines = [header]
    for number, (label, speaker, take) in enumerate(NAMES):
        name = f"{label}{speaker}{take}"
        if write:
            write(folder / f"{name}.{ending}", number)
        else:
            soundfile.write(folder / f"{name}.{ending}", wave(number), RATE)
        lines.append(row.format(n=name, e=ending, l=label, s=speaker))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "labels.csv"


def opened(csv: Path, tmp_path: Path):
    """The corpus, its samples, and every line about it."""
    found = read(str(csv), csv.parent)
    told = store.decode(found.clips["file"], csv.parent, tmp_path / "samples.npy")
    lines = [f"{row.kind} {row.file}: {row.reason}" for row in [*found.problems.itertuples(), *told.itertuples()]]
    return found, store.Samples(tmp_path / "samples.npy"), "\n".join(lines)


def patched(change):
    """Writes a 16-bit WAV (a plain header of 44 bytes) and changes its bytes."""

    def write(file: Path, number: int) -> None:
        soundfile.write(file, wave(number), RATE, subtype="PCM_16")
        data = bytearray(file.read_bytes())
        assert data[36:40] == b"data"
        file.write_bytes(bytes(change(data)))

    return write


def promised(length: int, riff: int | None = None):
    def change(data: bytearray) -> bytearray:
        data[40:44] = struct.pack("<I", length)
        if riff is not None:
            data[4:8] = struct.pack("<I", riff)
        return data

    return patched(change)


@pytest.mark.parametrize(
    ("write", "note"),
    [
        (promised(0), "does not say how long"),
        (promised(0x7FFFF000, 0xFFFFFFFF), "does not say how long"),
        (promised(0xFFFFFFFF, 0xFFFFFFFF), "does not say how long"),
        (promised(32_000 + 320), "lacks a little"),
        (promised(32_000 + 3_200), "lacks a little"),  # 0.1 s
    ],
    ids=["zero", "SoX' pipe", "ffmpeg's pipe", "1 %", "0.1 s"],
)
def test_a_wrong_length_in_a_wav_is_mended_and_told_once(tmp_path, write, note):
    found, samples, told = opened(corpus(tmp_path, write=write), tmp_path)
    assert len(found.clips) == 24 and (found.clips["duration"] == 1.0).all()
    for number, (label, speaker, take) in enumerate(NAMES):
        np.testing.assert_allclose(samples[f"{label}{speaker}{take}.wav"], wave(number).clip(-1, 1), atol=1e-4)
    assert told.count(note) == 1 and "24 files" in told


def test_a_truncated_wav_is_left_out(tmp_path):
    patched(lambda data: data[: 44 + 28_700])(tmp_path / "cut.wav", 0)  # 0.103 s are missing
    with pytest.raises(UnusableAudio, match="truncated: 3300 bytes"):
        audio.load(tmp_path / "cut.wav")


def test_a_flac_that_does_not_say_its_length_is_decoded(tmp_path):
    def write(file: Path, number: int) -> None:
        soundfile.write(file, wave(number), RATE)
        data = bytearray(file.read_bytes())
        data[21] &= 0xF0  # the last 36 bits of STREAMINFO's length
        data[22:26] = bytes(4)
        file.write_bytes(bytes(data))

    found, samples, told = opened(corpus(tmp_path, ending="flac", write=write), tmp_path)
    assert (found.clips["duration"] == 1.0).all() and "24 files" in told
    np.testing.assert_allclose(samples["low0a.flac"], wave(0).clip(-1, 1), atol=1e-4)


def test_headers_that_promise_the_impossible_name_what_they_say(tmp_path):
    soundfile.write(tmp_path / "a.flac", wave(0), RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] |= 0x0F  # STREAMINFO's length: 2**36 - 1 samples, 256 GiB
    data[22:26] = b"\xff" * 4
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(UnusableAudio, match="68,719,476,735 samples.*cut it into parts|truncated"):
        audio.load(tmp_path / "a.flac")
    soundfile.write(tmp_path / "a.wav", wave(0), 1)
    with pytest.raises(UnusableAudio, match=r"impossible rate.*\(1 Hz\)"):
        header(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:24])  # within its first chunk
    with pytest.raises(UnusableAudio, match="cannot be decoded"):
        audio.load(tmp_path / "a.wav")


def test_gsm_in_a_wav_is_decoded(tmp_path):
    soundfile.write(tmp_path / "phone.wav", wave(0)[::2], 8_000, subtype="GSM610")
    assert len(audio.load(tmp_path / "phone.wav")) == pytest.approx(RATE, abs=0.05 * RATE)


def test_gsm_behind_a_remark_that_names_its_data_is_whole(tmp_path):
    file = tmp_path / "phone.wav"
    soundfile.write(file, wave(0)[:8_000], 8_000, subtype="GSM610")
    whole, data = audio.load(file), file.read_bytes()
    begin, told = data.index(b"data"), b"INFOICMT" + struct.pack("<I", 12) + b"speech data."
    remark = b"LIST" + struct.pack("<I", len(told)) + told
    file.write_bytes(data[:4] + struct.pack("<I", len(data) - 8 + len(remark)) + data[8:begin] + remark + data[begin:])
    assert np.array_equal(audio.load(file), whole) and header(file) == (1.0, 8_000, 1)


@pytest.mark.parametrize("blocks", [24, 25])
@pytest.mark.parametrize("promised", [None, 0, 0x7FFFF000])
def test_gsm_in_a_wav_ends_where_it_ends(tmp_path, blocks, promised):
    """libsndfile makes up a block of noise after an odd number of them."""
    file = tmp_path / "phone.wav"
    loud = np.concatenate([wave(0)[: 320 * blocks - 320], np.zeros(320, np.float32)])
    soundfile.write(file, loud, 8_000, subtype="GSM610")
    data = bytearray(file.read_bytes())
    begin = data.index(b"data") + 8
    assert int.from_bytes(data[begin - 4 : begin], "little") == 65 * blocks
    if promised is not None:
        data[begin - 4 : begin] = struct.pack("<I", promised)
        file.write_bytes(data)
    assert header(file) == (320 * blocks / 8_000, 8_000, 1)
    samples = audio.load(file)
    assert len(samples) == 640 * blocks and np.abs(samples[-320:]).max() < 0.1


def test_an_mp3_is_as_long_as_it_is(tmp_path):
    """Two bit rates one after another, without the header that would say so: the first frames tell the wrong length."""
    quiet, loud = np.zeros(3 * RATE, np.float32), wave(0, 6.0)
    for name, part, level in (("a.mp3", quiet, 0.99), ("b.mp3", loud, 0.0)):
        with soundfile.SoundFile(tmp_path / name, "w", RATE, 1, "MPEG_LAYER_III", format="MP3", compression_level=level,
                                 bitrate_mode="CONSTANT") as stream:  # fmt: skip
            stream.write(part)
    file = tmp_path / "both.mp3"
    file.write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    assert abs(soundfile.info(file).duration - 9) > 0.5, "the case shows nothing"
    assert len(audio.load(file)) / RATE == pytest.approx(9.0, abs=0.35)  # each encoder pads its ends
    assert header(file) == (len(audio.load(file)) / RATE, RATE, 1)


def test_an_mp3_that_ends_early_is_left_out(tmp_path):
    soundfile.write(tmp_path / "a.mp3", wave(0, 6.0), RATE, format="MP3", subtype="MPEG_LAYER_III")
    whole = (tmp_path / "a.mp3").read_bytes()
    assert b"Xing" in whole[:200] or b"Info" in whole[:200], "its header does not say how long it is"
    (tmp_path / "a.mp3").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(UnusableAudio, match="truncated: its header promises"):
        audio.load(tmp_path / "a.mp3")


def test_what_a_player_may_play_comes_with_the_command_that_converts_it(tmp_path):
    csv = corpus(tmp_path, write=lambda file, number: file.write_bytes(b"\xff\xf1\x60\x40" + bytes(500)))
    with pytest.raises(
        DsliteError, match=r'not readable as audio: .*ffmpeg -i "\$f" "\$\{f%\.\*\}\.flac" && mv "\$f" "\$f\.original"'
    ):
        read(str(csv), tmp_path)


def test_channels_that_cancel_out_are_not_silence(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([wave(0), -wave(0)], axis=1), RATE, subtype="FLOAT")
    samples, notes = audio.load_noted(tmp_path / "a.wav")
    np.testing.assert_array_equal(np.abs(samples), np.abs(wave(0)))
    assert "cancel" in notes[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(500), "M4A.*ffmpeg"),
        (b"\x1a\x45\xdf\xa3" + bytes(500), "WebM.*ffmpeg"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    ],
)
def test_what_is_no_audio_here_is_named_with_what_to_do(tmp_path, content, reason):
    csv = corpus(tmp_path, ending="m4a", write=lambda file, number: file.write_bytes(content))
    with pytest.raises(DsliteError, match=f"24 x.*{reason}"):
        read(str(csv), tmp_path)


def classes(folder: Path, ending: str = "wav", write=None) -> Path:
    """The files of :func:`corpus`, in a folder per class."""
    for number, (label, speaker, take) in enumerate(NAMES):
        file = folder / label / f"{label}{speaker}{take}.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, number) if write else soundfile.write(file, wave(number), RATE)
    return folder


def lines(folder: Path) -> list[str]:
    return [f"{row.kind} {row.file}: {row.reason}" for row in read(str(folder), folder).problems.itertuples()]


@pytest.mark.parametrize("form", [corpus, classes])
@pytest.mark.parametrize("ending", ["m4a", "wav", ""])
def test_the_command_that_converts_makes_a_corpus_that_is_read(tmp_path, monkeypatch, form, ending):
    """In the corpus' folder, as it says, whatever the names; the originals may stay."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    ffmpeg = tmp_path / "bin" / "ffmpeg"
    convert = 'old, new = sys.argv[2:]\nsoundfile.write(new, *soundfile.read(old + ".truth"))'
    ffmpeg.write_text(f"#!{sys.executable}\nimport sys, soundfile\n{convert}\n")
    ffmpeg.chmod(0o755)

    def write(file: Path, number: int) -> None:
        file = Path(str(file).rstrip("."))
        file.write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(500))
        soundfile.write(f"{file}.truth", wave(number), RATE, format="WAV")

    if form is classes and not ending:
        return  # what ends like nothing is a file only where somebody names it
    folder = tmp_path / "it's a corpus"
    folder.mkdir()
    named = form(folder, ending=ending, write=write)
    if named.is_file():
        named.write_text(named.read_text().replace(".,", ","))
    with pytest.raises(DsliteError, match="24 x the audio is M4A.*in the corpus' folder: ") as refused:
        read(str(named), folder)
    command = re.search(r"find .* \+(?=:)", str(refused.value))[0]
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    found = read(str(named), folder)
    converted = ".flac" if ending == "wav" else ".wav"
    assert len(found.clips) == 24 and found.clips["file"].str.endswith(converted).all()
    told = [line for line in found.problems["reason"] if "one speaker" not in line and "endings: " not in line]
    assert len(told) == (ending == "m4a"), "the command renames a .wav; what is named without an ending has any"
    assert len([*folder.rglob("*.wav.original")]) == 24 * (ending == "wav"), "and loses none"
    assert all("24 files that cannot be read: the ones of the same name beside them are taken" in line for line in told)


def test_a_file_that_is_labelled_itself_stands_for_no_other(tmp_path):
    """Two clips of one name but for the ending, one of them broken: the other is not taken for both."""
    csv = corpus(tmp_path)
    soundfile.write(tmp_path / "low0a.flac", wave(99), RATE)
    csv.write_text(csv.read_text() + "low0a.flac,low,s0\n")
    (tmp_path / "low0a.wav").write_bytes(b"no audio" * 9)
    found = read(str(csv), tmp_path)
    assert len(found.clips) == 24 and "low0a.flac" in set(found.clips["file"])
    assert found.problems.query("kind == 'skipped'")["file"].tolist() == ["low0a.wav"]


@pytest.mark.parametrize("ending", ["", ".dat", ".raw", ".avi"])
def test_what_is_named_exactly_is_opened_whatever_its_ending(tmp_path, ending):
    csv = corpus(tmp_path)
    for file in tmp_path.glob("*.wav"):
        file.rename(file.with_suffix(ending))
    csv.write_text(csv.read_text().replace(".wav", ending))
    (tmp_path / f"low0a{ending}").write_bytes(b"no audio" * 9)
    found, samples, told = opened(csv, tmp_path)
    assert len(found.clips) == 23
    np.testing.assert_allclose(samples[f"low0b{ending}"], wave(1).clip(-1, 1), atol=1e-4)
    assert f"skipped low0a{ending}: not readable as audio: " in told and "no such file" not in told
    assert f"-name '*{ending}'" in told if ending else "! -name '*.*'" in told


def test_what_never_ends_is_not_opened(tmp_path):
    csv = corpus(tmp_path)
    for name in ("low0a.wav", "low0b.wav", "low1a.wav"):
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "low0a.wav")
    (tmp_path / "low0b.wav").symlink_to("/dev/zero")
    (tmp_path / "low1a.wav").mkdir()
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 21 and told.count("a label without audio: no such file") == 3


def test_links_to_what_was_not_fetched_are_told(tmp_path):
    """As git-annex and DataLad leave them."""
    for label in ("low", "high"):
        (tmp_path / "classes" / label).mkdir(parents=True)
        (tmp_path / "classes" / label / "absent.wav").symlink_to("../.git/annex/objects/x")
        (tmp_path / "classes" / label / "circle.wav").symlink_to("circle.wav")
    told = lines(classes(tmp_path / "classes"))
    assert (
        sum("git annex get" in line for line in told) == 2 and sum("circle.wav: not readable" in t for t in told) == 2
    )
    (tmp_path / "csv").mkdir()
    csv = corpus(tmp_path / "csv")
    (tmp_path / "csv" / "low0a.wav").unlink()
    (tmp_path / "csv" / "low0a.wav").symlink_to("gone")
    _, _, told = opened(csv, tmp_path)
    assert "skipped low0a.wav: a link to what is not here" in told
    settings = resolve(str(csv), profile="demo", output=tmp_path / "out")
    assert any("low0a.wav: a link to what is not here" in line for line in corpus_lines(settings)), "before a run, too"


def test_folders_in_which_nothing_ends_like_audio_are_told(tmp_path):
    folder = classes(tmp_path / "classes")
    (folder / "third" / "deep").mkdir(parents=True)
    (folder / "third" / "deep" / "a.avi").write_bytes(b"x")
    (folder / "third" / "b").write_bytes(b"x")
    (folder / "low" / "notes.txt").write_text("beside audio")
    reason = "a folder in which no file ends like audio (2 files; endings: .avi, none)"
    beside = "skipped : 1 file whose ending is none of audio's, left out; endings: .txt (1)"
    assert lines(folder) == [f"skipped third/: {reason}", beside]
    for name in ("low", "high"):
        shutil.rmtree(folder / name)
    with pytest.raises(DsliteError, match=r"Different labels in .*: 0;.* Left out: third/: a folder in which no file"):
        read(str(folder), folder)


def test_systems_own_folders_are_no_classes(tmp_path):
    folder = classes(tmp_path / "classes")
    shutil.copytree(folder / "low", folder / "$RECYCLE.BIN")
    (folder / "high" / "@eaDir").mkdir()
    assert read(str(folder), folder).info.classes == ("high", "low") and lines(folder) == []


def test_one_take_in_two_formats_is_warned_of(tmp_path):
    folder = classes(tmp_path / "classes")
    for file in [*folder.rglob("*.wav")]:
        soundfile.write(file.with_suffix(".flac"), *soundfile.read(file))
    found = read(str(folder), folder)
    assert len(found.clips) == 48 and not found.twins
    told = "24 names with several endings, each file a recording of its own; where they are one, leave out the others"
    assert f"{told}: high/high0a.flac, high/high0a.wav" in list(found.problems["reason"])


def test_parts_of_a_recording_in_several_partitions_and_recordings_of_several_classes_are_told(tmp_path):
    rows = ["filename,label,partition,start,end"]
    for number, part in enumerate(("train", "dev", "test")):
        soundfile.write(tmp_path / f"{part}.wav", np.concatenate([wave(number), wave(number + 3)]), RATE)
        rows += [
            f"{part}.wav,low,{part},0,1",
            f"{part}.wav,high,{part},1,2",
            f"train.wav,low,{part},{0.1 * number + 0.1},1",
        ]
    (tmp_path / "own.csv").write_text("\n".join(rows))
    reasons = list(read(str(tmp_path / "own.csv"), tmp_path).problems["reason"])
    told = "1 recording with parts in more than one partition, which may make scores too good, for example train.wav"
    assert told in reasons
    folder = classes(tmp_path / "classes")
    shutil.copy(folder / "low" / "low0a.wav", folder / "high" / "copy.wav")
    found = read(str(folder), folder)
    _, table, (line,) = same_recordings(found.clips, found.twins, found.split)
    assert line.endswith("1 of them with more than one label") and "high/copy.wav (high, " in table["reason"][0]


@pytest.mark.parametrize("ends", [("1.2", ""), ("0.9", "0.9000000001")])
def test_segments_that_come_out_as_one_are_refused(tmp_path, ends):
    soundfile.write(tmp_path / "a.wav", np.resize(wave(0), round(1.2 * RATE)), RATE)
    rows = [f"a.wav,{label},0.2,{end}" for label, end in zip(("low", "high"), ends, strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["filename,label,start,end", *rows]))
    with pytest.raises(DsliteError, match=r"1 file labelled more than once, for example 'a.wav#t=0.2,"):
        read(str(tmp_path / "own.csv"), tmp_path)


def test_a_column_of_whole_days_is_one_of_times(tmp_path):
    """As pandas writes starts that are all 0."""
    csv = corpus(tmp_path, "filename,label,speaker,start,end", "{n}.{e},{l},s{s},0 days,0 days 00:00:00.5")
    assert (read(str(csv), tmp_path).clips["duration"] == 0.5).all()


def test_a_name_in_other_capitals_means_no_file_and_one_is_named(tmp_path):
    csv = corpus(tmp_path)
    csv.write_text(csv.read_text().replace("low0a.wav", "LOW0A.WAV"))
    reasons = read(str(csv), tmp_path).problems.set_index("file")["reason"]
    assert reasons["LOW0A.WAV"] == "a label without audio: no such file, but one in other capitals, low0a.wav"


def test_a_wav_longer_than_its_header_can_say_is_refused(tmp_path):
    file = tmp_path / "a.wav"
    soundfile.write(file, wave(0), RATE)
    os.truncate(file, 2**32 + 100)
    with pytest.raises(UnusableAudio, match="4 GiB"):
        header(file)
    file.unlink()


def test_a_dead_microphone_is_silent_whatever_its_offset(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.3), RATE)
    with pytest.raises(UnusableAudio, match="is silent"):
        audio.load(tmp_path / "a.wav")
    signal = wave(0)
    soundfile.write(tmp_path / "b.wav", np.stack([signal, -signal, np.full(RATE, 0.9)], axis=1), RATE, subtype="FLOAT")
    np.testing.assert_array_equal(np.abs(audio.load(tmp_path / "b.wav")), np.abs(signal))


@pytest.mark.parametrize("form", ["WAV", "FLAC", "AIFF", "W64", "OGG"])
def test_a_part_of_a_file_is_what_it_is_in_the_whole(tmp_path, form, monkeypatch):
    file = tmp_path / f"a.{form.lower()}"
    samples = np.stack([np.concatenate([wave(n) for n in range(k, k + 9)]) for k in (0, 1)], axis=1)
    soundfile.write(file, samples, RATE, format=form)
    whole = decoding.record(file).samples
    monkeypatch.setattr(decoding, "_last", decoding._whole if form == "OGG" else None)  # the others are not read whole
    for start, end in ((0.0, 0.5), (1.23456, 3.0), (8.5, 9.0), (8.9, 11.0)):
        part = decoding.record(file.with_name(decoding.segment(file.name, start, end)))
        np.testing.assert_array_equal(part.samples, whole[round(start * RATE) : round(end * RATE)])
    if form != "OGG":
        monkeypatch.undo()
        decoding._sought.cache_clear()
        file.write_bytes(file.read_bytes()[:-40_000])
        with pytest.raises(UnusableAudio):
            decoding.record(file.with_name(decoding.segment(file.name, 0.0, 0.5)))


def test_a_class_whose_folder_is_empty_is_told(tmp_path):
    folder = classes(tmp_path / "classes")
    (folder / "third").mkdir()
    (folder / "third" / ".gitkeep").touch()
    (folder / "hoch").symlink_to("high")
    (folder / ".git" / "objects").mkdir(parents=True)
    found = read(str(folder), folder)
    assert len(found.clips) == 24 and len(found.info.classes) == 2
    empty, other = found.problems.itertuples()
    assert (empty.file in ("high/", "hoch/")) and (other.file, other.kind) == ("third/", "warning")
    assert other.reason == empty.reason and other.reason.startswith("a folder without a file of its own")


def test_a_class_whose_folder_in_a_partition_is_empty_is_told(tmp_path):
    folder = tmp_path / "parts"
    for number, (part, label) in enumerate(itertools.product(("train", "dev", "test"), ("high", "low"))):
        (folder / part / label).mkdir(parents=True)
        soundfile.write(folder / part / label / "a.wav", wave(number), RATE)
    (folder / "train" / "third" / "deep").mkdir(parents=True)
    (folder / "none" / "deep").mkdir(parents=True)
    assert [line.partition(": ")[0] for line in lines(folder)] == ["warning none/", "warning train/third/"]


@pytest.mark.parametrize(
    ("form", "alike"),
    [
        ("{label}/s{speaker}/{take}.wav", "s0, s1, s2 and 3 more"),
        ("s{speaker}/{label}/{take}.wav", "high, low"),
        ("{label}/{part}/{speaker}{take}.wav", "dev, test, train"),
        ("{part}/{label}/s{speaker}/{take}.wav", "s0, s1, s2 and 3 more"),
        ("{label}/{take}/{speaker}.wav", "a, b"),
    ],
)
def test_folders_below_classes_that_are_called_alike_are_told(tmp_path, form, alike):
    """They may be speakers, and the same voice then lies in train and in test; or the classes themselves."""
    for number, (label, speaker, take) in enumerate(NAMES):
        part = ("train", "train", "train", "train", "dev", "test")[speaker]
        file = tmp_path / "x" / form.format(label=label, speaker=speaker, take=take, part=part)
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, wave(number), RATE)
    told = f"warning : folders below those of classes that are called alike and count for nothing: {alike}; if they are"
    assert sum(line.startswith(told) for line in lines(tmp_path / "x")) == 1


def test_folders_that_are_no_corpus_name_what_they_hold(tmp_path):
    (tmp_path / "x" / "wav").mkdir(parents=True)
    csv = corpus(tmp_path / "x" / "wav").rename(tmp_path / "x" / "labels.csv")
    csv.with_name("._labels.csv").write_bytes(b"\0")  # as macOS leaves them on other disks
    with pytest.raises(DsliteError, match=r": 1; .* The only one is 'wav'. The folder holds labels.csv: if that names"):
        read(str(tmp_path / "x"), tmp_path / "x")
    with pytest.raises(DsliteError, match="No number is 'wav', the label of .*The folder holds labels.csv"):
        read(str(tmp_path / "x"), tmp_path / "x", numeric=True)
    with pytest.raises(DsliteError, match="does not end in .csv: rename it if it is such a table, unpack an archive"):
        resolve(str(shutil.copy(csv, tmp_path / "labels.tsv")))


def test_of_many_classes_without_files_a_few_are_named(tmp_path):
    csv = corpus(tmp_path, row="{n}.{e},{n},s{s}")
    with pytest.raises(DsliteError, match=r"but dev has (no '[^']*', ){10}and 14 more; test has (no '[^']*', ){10}and"):
        read(str(csv), tmp_path)


@pytest.mark.parametrize("ending", ["mpga", "mpeg", "weba", "m4b"])
def test_rarer_endings_of_audio_are_not_left_out_in_silence(tmp_path, ending):
    folder = classes(tmp_path / "classes")
    (folder / "low" / "low0a.wav").rename(folder / "low" / f"low0a.{ending}")
    (folder / "low" / f"broken.{ending}").write_bytes(b"no audio" * 9)
    assert len(read(str(folder), folder).clips) == 24
    assert [line[:27] for line in lines(folder)] == [f"skipped low/broken.{ending}: not re"[:27]]


@pytest.fixture
def forbidden(monkeypatch):
    """Makes a folder or a CSV unreadable that is called "secret", for root too."""

    def guarded(function, within=""):
        def call(path, *rest, **more):
            if f"secret{within}" in os.fspath(path):
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return function(path, *rest, **more)

        return call

    for place, name in ((os, "scandir"), (os, "listdir"), (Path, "read_bytes")):
        monkeypatch.setattr(place, name, guarded(getattr(place, name)))
    monkeypatch.setattr(Path, "stat", guarded(Path.stat, "/"))


def test_a_folder_that_cannot_be_read_is_told_and_left_out(tmp_path, forbidden):
    folder = classes(tmp_path / "classes")
    before = fingerprint(folder)
    os.mkdir(folder / "secret")
    assert fingerprint(folder) != before and len(read(str(folder), folder).clips) == 24
    (told,) = lines(folder)
    assert told.startswith("skipped secret/: a folder that cannot be read. Give yourself the right to read it (chmod")
    csv = corpus(tmp_path)
    os.mkdir(tmp_path / "secret")
    csv.write_text(csv.read_text() + "secret/a.wav,low,s0\n")
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 24 and "skipped secret/a.wav: not readable: Permission denied" in told


@pytest.mark.parametrize("name", ["secret.csv", "secret"])
def test_own_data_that_cannot_be_read_is_named_with_what_to_do(tmp_path, forbidden, name):
    if name == "secret":
        os.mkdir(tmp_path / name)
    else:
        corpus(tmp_path).rename(tmp_path / name)
    with pytest.raises(DsliteError, match=f"{name} cannot be read .Permission denied.. Give yourself the right"):
        own_csv.entries(tmp_path / name)


def test_a_class_without_audio_is_named(tmp_path):
    csv = corpus(tmp_path)
    for file in tmp_path.glob("low*.wav"):
        file.write_bytes(b"no audio" * 9)
    with pytest.raises(
        DsliteError, match="train has no 'low'.*12 x not readable as audio: .*: low0a.wav, .*low4b.wav, and 2 more"
    ):
        read(str(csv), tmp_path)


@pytest.mark.parametrize("content", ["header", "samples"])
def test_all_files_that_end_the_stage_are_listed(tmp_path, monkeypatch, content):
    csv = corpus(tmp_path)
    broken = sorted(tmp_path.glob("low*.wav"))
    for file in broken:
        if content == "header":
            file.write_bytes(b"no audio" * 9)
        else:
            soundfile.write(file, np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    settings = resolve(str(csv), profile="demo", output=tmp_path / "out")
    with pytest.raises(UnfitCorpus, match="has no 'low'.* and 2 more. All are listed on the corpus page") as refused:
        through(settings, "corpus")
    told = refused.value.problems.query("kind == 'skipped'")
    assert list(told["file"]) == [file.name for file in broken] and told["reason"].str.contains("audio").all()
    assert not settings.paths.record("corpus").exists()
    shown: list = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    with pytest.raises(DsliteError, match="has no 'low'") as said:
        notebook.begin("corpus", settings.as_parameters())
    assert said.type is DsliteError, "of which a run shows the sentence alone"
    page = "".join(output.data for output in shown)
    assert all(page.count(f">{file.name}<") == 1 for file in broken), "the page of what failed lists them"


@pytest.mark.parametrize("text", [
    "sep=;\n\nfilename;label;speaker;\n{rows};\n", "# made by hand\nfilename,label,speaker\n# a remark\n{rows}\n",
])  # fmt: skip
def test_a_csv_of_a_spreadsheet_or_with_comments_is_read(tmp_path, text):
    separator = ";" if "sep" in text else ","
    csv = corpus(tmp_path)
    rows = csv.read_text().splitlines()[1:]
    end = ";\n" if "sep" in text else "\n# between\n"
    text = text.format(rows=end.join(row.replace(",", separator) for row in rows))
    csv.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = read(str(csv), tmp_path)
    assert len(found.clips) == 24 and set(found.clips["speaker"]) == {f"s{n}" for n in range(6)}


@pytest.mark.parametrize("those", ["low0a", ""], ids=["one", "all"])
def test_rows_that_begin_with_a_hash_count_where_they_name_a_file(tmp_path, those):
    csv = corpus(tmp_path, "filename,label,speaker,n", "{n}.{e},{l},s{s},1")
    for file in tmp_path.glob(f"{those}*.wav"):
        file.rename(tmp_path / f"#{file.name}")
    rows = [f"#{row}" if row.startswith(those) else row for row in csv.read_text().splitlines()[1:]]
    more = ["# 24 files, of six speakers, two classes, all", '# a, "mark', "#low0b.mp3,low", "#gone.wav,low,s0,1"]
    csv.write_text("\n".join(["# by, hand, in, May", "filename,label,speaker,n", *more, *rows]) + "\n")
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 24 and f"#{those or 'low0a'}.wav" in set(found.clips["file"])
    assert "2 rows skipped as remarks, since they begin with # and name no file: line 3, 6" in told
    assert "without" not in told


def test_a_quotation_mark_that_never_ends_names_its_line(tmp_path):
    csv = corpus(tmp_path)
    lines = csv.read_text().splitlines()
    csv.write_text("\n".join([*lines[:4], lines[4].replace(",low", ',"low'), *lines[5:]]))
    with pytest.raises(DsliteError, match="line 5"):
        read(str(csv), tmp_path)


@pytest.mark.parametrize("named, known", [("participant",) * 2, ("ParticipantID", "participant_id")])
def test_columns_under_other_names_are_taken_and_said(tmp_path, named, known):
    row = "{n}.{e},{l},s{s},{p},7".replace("{p}", "X{s}X")
    csv = corpus(tmp_path, f"filename,label,{named},Split_Set,age", row)
    parts = ["Train", "train", "Train", "Train", "Validation", "Test"]
    text = csv.read_text()
    for speaker, part in enumerate(parts):
        text = text.replace(f"X{speaker}X", part)
    csv.write_text(text)
    found, _, told = opened(csv, tmp_path)
    assert found.clips.groupby("partition")["speaker"].nunique().to_dict() == {"train": 4, "dev": 1, "test": 1}
    assert f"'{known}' is taken as the speaker" in told and "'split_set' is taken as the partition" in told
    assert "ignored: age" in told


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Path,Emotion,Speaker ID", ["'path' is taken as the filename", "'emotion' is taken as the label"]),
        ("audio_path,target,client_id", ["'audio_path' is taken", "'target' is taken", "'client_id' is taken"]),
        ("wav|class|spk", ["'wav' is taken", "'class' is taken", "'spk' is taken"]),
        (",filename,label,speaker", []),  # what pandas writes, its row numbers first
    ],
)
def test_tables_name_files_and_labels_in_other_words(tmp_path, header, told):
    row = "{n}.{e},{l},s{s}" if header[0] != "," else "7,{n}.{e},{l},s{s}"
    csv = corpus(tmp_path, header.replace("|", ","), row)
    csv.write_text(csv.read_text().replace(",", "|") if "|" in header else csv.read_text())
    found, _, said = opened(csv, tmp_path)
    assert len(found.clips) == 24 and found.clips["speaker"].nunique() == 6
    assert all(one in said for one in told) and "ignored" not in said


def test_a_name_longer_than_disks_allow_is_a_file_that_is_not_there(tmp_path):
    csv = corpus(tmp_path)
    csv.write_text(csv.read_text() + f"{300 * 'x'}/a.wav,low,s0\n")
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 24 and told.count("a label without audio: no such file") == 1


def test_two_columns_that_may_be_the_label_are_refused(tmp_path):
    with pytest.raises(DsliteError, match="target and category|category and target"):
        read(str(corpus(tmp_path, "filename,target,category", "{n}.{e},{s},{l}")), tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_tables_of_spreadsheets_are_read_in_their_encoding(tmp_path, encoding):
    csv = corpus(tmp_path)
    csv.write_bytes(csv.read_text().replace("low,", "tr\xfcb,").replace("\n", "\r\n").encode(encoding))
    assert read(str(csv), tmp_path).info.classes == ("high", "tr\xfcb")


def test_files_are_found_where_another_machine_or_folder_had_them(tmp_path):
    csv = corpus(tmp_path, row=f"{tmp_path.as_posix()}/{{n}}.{{e}},{{l}},s{{s}}")
    assert len(read(str(csv), tmp_path).clips) == 24
    (tmp_path / "audio" / "low").mkdir(parents=True)
    for file in tmp_path.glob("*.wav"):
        file.rename(tmp_path / "audio" / ("low" if file.name.startswith("low") else "") / file.name)
    csv.write_text(csv.read_text().replace(f"{tmp_path.as_posix()}/", ""))
    found, _, told = opened(csv, tmp_path)
    assert set(found.clips["file"].str.rpartition("/")[0]) == {"audio", "audio/low"}
    assert "no file lies where the CSV says; 24 files found by name" in told
    shutil.copy(tmp_path / "audio" / "high0a.wav", tmp_path / "audio" / "low" / "high0a.wav")  # which is meant?
    with pytest.raises(DsliteError, match="24 x a label without audio") as refused:
        read(str(csv), tmp_path)
    assert "audio/high0a.wav and audio/low/high0a.wav are called alike. Name files relative to" in str(refused.value)
    (tmp_path / "audio" / "low" / "high0a.wav").unlink()
    for name in ("one", "other"):  # of these no row speaks
        (tmp_path / name).mkdir()
        shutil.copy(tmp_path / "audio" / "high0a.wav", tmp_path / name / "x.wav")
    assert len(read(str(csv), tmp_path).clips) == 24


def test_where_dev_is_missing_it_is_split_off_train(tmp_path):
    csv = corpus(tmp_path, "filename,label,speaker,split", "{n}.{e},{l},s{s},X{s}X")
    text = csv.read_text()
    for speaker in range(6):
        text = text.replace(f"X{speaker}X", "test" if speaker in (1, 4) else "train")
    csv.write_text(text)
    found = read(str(csv), tmp_path)
    speakers = found.clips.groupby("partition")["speaker"].agg(set)
    assert speakers["test"] == {"s1", "s4"} and len(speakers["dev"]) == 1 and len(speakers["train"]) == 3
    assert "the CSV's own column, its train split here by speakers (75% train, 25% dev; seed 0)" in found.note
    assert {part for part in found.split.values()} == {"train", "dev"}
    (tmp_path / "high1b.wav").write_bytes((tmp_path / "high0a.wav").read_bytes())  # a test file is in train, too
    settings = resolve(str(csv), profile="demo", output=tmp_path / "out")
    clips = through(settings, "corpus").table("clips").set_index("file")
    assert clips.loc["high1b.wav", "partition"] == "test", "test is as its authors made it"


def test_folds_beside_partitions_and_two_candidates_are_refused(tmp_path):
    csv = corpus(tmp_path, "filename,label,fold", "{n}.{e},{l},{s}")
    csv.write_text(csv.read_text().replace(",1\n", ",train\n"))
    with pytest.raises(DsliteError, match="partition '0'.*train, dev"):
        read(str(csv), tmp_path)
    csv = corpus(tmp_path, "filename,label,subject,patient", "{n}.{e},{l},{s},{s}")
    with pytest.raises(DsliteError, match="which one is the speaker"):
        read(str(csv), tmp_path)


@pytest.mark.parametrize("name", ["nan", "NaN", "?"])
def test_a_speaker_whom_nobody_knows_is_none(tmp_path, name):
    """As with labels: else all such files would count for one voice, and the others of the same voice for others."""
    csv = corpus(tmp_path)
    csv.write_text(csv.read_text().replace("b.wav,low,s0", f"b.wav,low,{name}").replace(",s1", f",{name}"))
    found, _, told = opened(csv, tmp_path)
    clips = found.clips.set_index("file")
    assert set(clips["speaker"]) == {"", "s0", "s2", "s3", "s4", "s5"} and clips.loc["low0b.wav", "speaker"] == ""
    assert "5 files whose speaker is '?' or 'nan': they count for no speaker" in told
    csv.write_text(csv.read_text().replace(f",{name}", ",Nan"))
    found, _, told = opened(csv, tmp_path)
    assert "Nan" in set(found.clips["speaker"]) and "likely written for none" in told, "who may be called so"


@pytest.mark.parametrize(
    ("name", "column"), [("NA", "label"), ("None", "label"), ("<NA>", "speaker"), ("unknown", "speaker")]
)
def test_what_programs_write_for_nothing_is_told_where_it_is_read_as_a_name(tmp_path, name, column):
    csv = corpus(tmp_path, row="{n}.{e},{l},s{s}")
    old = ",high," if column == "label" else ",s5"
    csv.write_text(csv.read_text().replace(old, old.replace(old.strip(","), name)))
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 24 and name in set(found.clips[column])
    what, count = ("classes", 12) if column == "label" else ("speakers", 4)
    assert f"likely written for none, but read as {what} of so many files: {name!r} ({count}); where" in told
    assert "written for none" not in opened(corpus(tmp_path), tmp_path)[2]


@pytest.mark.parametrize("values", [("Train", "val", "Test"), ("training", "training", "test")])
def test_a_column_that_looks_like_the_partition_but_is_not_called_so_is_told(tmp_path, values):
    csv = corpus(tmp_path, "filename,label,speaker,phase", "{n}.{e},{l},s{s},X{s}X")
    text = csv.read_text()
    for speaker in range(6):
        text = text.replace(f"X{speaker}X", values[speaker // 2])
    csv.write_text(text)
    told = opened(csv, tmp_path)[2]
    assert "ignored: phase; phase looks like the partition: where it is to count, call it 'partition'" in told
    csv.write_text(text.replace(values[2], "other"))
    assert "looks like" not in opened(csv, tmp_path)[2]


@pytest.mark.parametrize(
    "header", ["File-Name,label,Speaker-ID", "file.name,label,speaker name", "\ufefffile,label,spk"]
)
def test_columns_may_be_written_with_hyphens_points_and_a_second_byte_order_mark(tmp_path, header):
    csv = corpus(tmp_path, header)
    csv.write_text(csv.read_text(), "utf-8-sig")
    found, _, told = opened(csv, tmp_path)
    assert found.clips["speaker"].nunique() == 6 and "ignored" not in told


@pytest.mark.parametrize(
    "header, ignored",
    [
        ("filename,label,speaker,f0.mean,f0_mean", "f0.mean, f0_mean"),
        ("filename,label,subject,speaker.id,x", "speaker.id, x"),
        ("filename,label,speaker_id,speaker_name,x", "speaker_name, x"),
        ("filename,label,Speaker-ID,speaker name,x", "speaker_name, x"),
        ("filename,label,subject.id,Speaker-Name,x", "speaker_name, x"),
    ],
)
def test_columns_that_mean_nothing_beside_others_stay_so(tmp_path, header, ignored):
    found, _, told = opened(corpus(tmp_path, header, "{n}.{e},{l},s{s},1,2"), tmp_path)
    assert found.clips["speaker"].nunique() == 6 and f"mean nothing here, ignored: {ignored}" in told


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("spelt", [str, str.upper])
def test_a_header_that_comes_again_is_no_clip(tmp_path, mark, spelt):
    """As where tables were joined (``cat a.csv b.csv``)."""
    csv = corpus(tmp_path)
    first, *rows = csv.read_text().splitlines()
    csv.write_text("\n".join([mark + first, *rows[:9], mark + spelt(first), *rows[9:]]))
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 24 and found.info.classes == ("high", "low") and "no such file" not in told


def test_the_split_is_made_over_what_is_there(tmp_path):
    csv = corpus(tmp_path)
    for name in ("low5a", "low5b", "high5a"):
        (tmp_path / f"{name}.wav").unlink()
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 21 and told.count("no such file") == 3
    assert (found.clips.groupby("partition")["label"].nunique() == 2).all()


def test_two_speakers_are_too_few(tmp_path):
    with pytest.raises(DsliteError, match="speakers with usable files: 2;.*leave the column out"):
        read(str(corpus(tmp_path, row="{n}.{e},{l},{l}")), tmp_path)


def test_speakers_that_share_a_recording_stay_together(tmp_path):
    def write(file: Path, number: int) -> None:
        soundfile.write(file, wave(0 if file.stem in twins else number), RATE)

    for other in range(1, 6):
        twins = ("low0a", f"high{other}b")
        csv = corpus(tmp_path, write=write)
        clips = read(str(csv), tmp_path).clips
        opened(csv, tmp_path)
        assert clips.set_index("file").loc[[f"{name}.wav" for name in twins], "partition"].nunique() == 1
        assert store.twins(tmp_path / "samples.npy") == [(f"{twins[1]}.wav", f"{twins[0]}.wav")]


def shared_all_round(
    folder: Path, header: str = "filename,label,speaker", row: str = "{n}.{e},{l},s{s}", beeps: bool = True
) -> Path:
    """Recordings of every speaker are also some of the next: joined, there would be one group."""
    csv = corpus(folder, header, row)
    for label in ("low", "high"):
        for speaker in range(5):
            shutil.copy(folder / f"{label}{speaker}b.wav", folder / f"{label}{speaker + 1}a.wav")
    more = []
    for speaker, ending in itertools.product(range(6 * beeps), ("wav", "flac")):  # only the samples are the same
        soundfile.write(folder / f"beep{speaker}.{ending}", (3e4 * wave(99 + speaker)).astype(np.int16), RATE)
        more.append(row.format(n=f"beep{speaker}", e=ending, l="low", s=(speaker + (ending == "wav")) % 6))
    csv.write_text(csv.read_text() + "\n".join(more) + "\n")
    return csv


def in_parts(folder: Path) -> Path:
    """The same with the partitions in a column of another name."""
    csv = shared_all_round(folder, "filename,label,speaker,Split_Set", "{n}.{e},{l},s{s},P{s}", beeps=False)
    text = csv.read_text()
    for speaker, part in enumerate(("Train", "Train", "Train", "Devel", "Devel", "Test")):
        text = text.replace(f"P{speaker}", part)
    csv.write_text(text)
    return csv


def segments_shared(folder: Path) -> Path:
    """Two segments of a recording per class and speaker, and each recording is the next speaker's too."""
    rows = ["file,start,end,label,speaker"]
    for (number, label), speaker in itertools.product(enumerate(("low", "high")), range(6)):
        name = f"{label}{speaker}.wav"
        soundfile.write(folder / name, wave(10 * number + speaker - speaker % 2, 2.0), RATE)
        rows += [f"{name},{start},{start + 1},{label},s{(speaker + number) % 6}" for start in (0, 1)]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder / "labels.csv"


@pytest.mark.parametrize("case", [partial(shared_all_round, beeps=False), in_parts, segments_shared, corpus])
def test_a_dry_run_counts_as_the_run_does(tmp_path, case):
    settings = resolve(str(case(tmp_path)), profile="demo", output=tmp_path / "out")
    dry = "\n".join(corpus_lines(settings))
    stage = through(settings, "corpus")
    counts = stage.clips["partition"].value_counts()
    assert ", ".join(f"{part}: {counts[part]} files" for part in PARTITIONS) + " (by headers and bytes;" in dry
    assert f"found:   {stage.record['files']} files, {stage.clips['speaker'].nunique()} speakers" in dry
    for label, count in stage.clips["label"].value_counts().items():
        assert re.search(rf"classes: .*'{label}' \({count}\)", dry)
    repeated = [line for line in stage.record["warnings"] if "recording" in line]
    assert len(repeated) == (case is not corpus) and all(f"         {line}\n" in f"{dry}\n" for line in repeated)


@pytest.mark.parametrize(
    ("columns", "row"),
    [("speaker", "s{s}"), ("age", "9"), ("start,end", "0,1")],
    ids=["speakers", "files", "segments"],
)
def test_a_recording_never_crosses_a_split_that_is_made_here(tmp_path, columns, row):
    shared = shared_all_round(tmp_path, f"filename,label,{columns}", f"{{n}}.{{e}},{{l}},{row}")
    settings = resolve(str(shared), profile="demo", output=tmp_path / "out")
    for again in range(2):  # the second time as kept
        stage = through(settings, "corpus")
        clips = stage.clips.set_index("file")
        assert len(clips) == 36, "a file was lost"
        for twins in store.twins(settings.paths.samples):
            assert len(clips.loc[list(twins), ["speaker", "partition"]].drop_duplicates()) == 1
        assert (clips[clips["speaker"] != ""].groupby("speaker")["partition"].nunique() == 1).all()
        assert (clips.groupby("partition")["label"].nunique() == 2).all()
        said = stage.problems["reason"]
        assert said.str.match("the same recording: beep..flac.* .*beep..wav.* .*; all count for").any()
        assert any("16 recordings in more than one file" in line for line in stage.record["warnings"])
        if not again:
            first = clips
            settings.paths.record("corpus").unlink()
    pd.testing.assert_frame_equal(clips, first)


def test_labels_that_differ_in_case_are_a_likely_slip(tmp_path):
    csv = corpus(tmp_path)
    csv.write_text(csv.read_text().replace("low0a.wav,low", "low0a.wav,Low "))
    with pytest.raises(DsliteError, match=r"likely a slip.*'Low' \(1\), 'low' \(11\)"):
        read(str(csv), tmp_path)


SPELLINGS = [("é", "e\u0301"), ("x", "x\xa0"), ("x", "x\u200b"), ("x", "x\ufeff"), ("x y", "x\xa0y")]


@pytest.mark.parametrize("column", ["label", "speaker"])
@pytest.mark.parametrize("spellings", SPELLINGS, ids=ascii)
def test_what_looks_alike_is_one_label_and_one_speaker(tmp_path, column, spellings):
    csv = corpus(tmp_path, row="{n}.{e},{l},s{s}X" if column == "speaker" else "{n}.{e},{l}X,s{s}")
    first, *rows = csv.read_text().splitlines()
    rows = [row.replace("X", spellings[number % 2]) for number, row in enumerate(rows)]
    csv.write_text("\n".join([first, *rows]))
    found, _, told = opened(csv, tmp_path)
    assert found.clips[column].nunique() == (6 if column == "speaker" else 2)
    assert found.clips[column].str.endswith(spellings[0]).all() and "slip" not in told


@pytest.mark.parametrize("spellings", [("s0", "S0"), ("1", "1.0"), ("1", "01")])
def test_a_speaker_in_two_spellings_is_a_likely_slip(tmp_path, spellings):
    csv = corpus(tmp_path)
    text = csv.read_text()
    csv.write_text(text.replace("low0a.wav,low,s0", f"low0a.wav,low,{spellings[1]}").replace(",s0", f",{spellings[0]}"))
    few, most = (f"'{name}' ({count})" for name, count in zip(spellings[::-1], (1, 3), strict=True))
    alike = ", ".join(sorted([few, most]))
    assert f"likely a slip, but read as speakers of so many files: {alike}" in opened(csv, tmp_path)[2]


def test_labels_that_are_one_number_are_a_likely_slip(tmp_path):
    csv = corpus(tmp_path)
    csv.write_text(csv.read_text().replace("low0a.wav,low", "low0a.wav,1.0").replace(",low", ",1"))
    with pytest.raises(DsliteError, match=r"likely a slip.*classes of so many files: '1' \(11\), '1.0' \(1\)"):
        read(str(csv), tmp_path)


def test_folders_of_classes_that_look_alike_are_one_class(tmp_path):
    for number, (label, speaker, take) in enumerate(NAMES):
        folder = tmp_path / f"{label}é" if take == "a" else tmp_path / f"{label}e\u0301 "
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / f"{speaker}{take}.wav", wave(number), RATE)
    assert read(str(tmp_path), tmp_path).info.classes == ("highé", "lowé")


def test_a_name_without_ending_is_found_and_its_content_counts(tmp_path):
    csv = corpus(tmp_path, row="{n},{l},s{s}")
    before = fingerprint(csv)
    assert len(read(str(csv), tmp_path).clips) == 24
    soundfile.write(tmp_path / "low0a.wav", wave(99, 1.1), RATE)
    assert fingerprint(csv) != before


def test_a_csv_that_is_a_link_has_its_audio_beside_the_link(tmp_path):
    (tmp_path / "here").mkdir()
    csv = corpus(tmp_path / "here")
    csv.rename(tmp_path / "blob")
    csv.symlink_to(tmp_path / "blob")
    settings = resolve(str(csv), output=tmp_path / "out")
    assert (settings.folder, settings.name) == (tmp_path / "here", "labels")
    assert len(read(settings.source, settings.folder).clips) == 24


@pytest.mark.parametrize("time", ["{:g}", "0 days 00:00:{:09.6f}"], ids=["seconds", "audformat"])
def test_segments_are_cut_out_of_their_files(tmp_path, time):
    rows, long = ["file,start,end,label,speaker"], np.concatenate([wave(n) for n in range(4)])
    for speaker in range(6):
        soundfile.write(tmp_path / f"s{speaker}.wav", long * (1 - speaker / 10), RATE, subtype="FLOAT")
        for begin, label in ((0, "low"), (1.5, "high"), (2.5, "low"), (3, "high")):
            end = "NaT" if begin == 3 and "days" in time else time.format(begin + 1)
            rows.append(f"s{speaker}.wav,{time.format(begin)},{end},{label},s{speaker}")
    rows.append(f"s0.wav,{time.format(3.5)},{time.format(4.5)},low,s0")
    csv = tmp_path / "segments.csv"
    csv.write_text("\n".join(rows))
    found, samples, told = opened(csv, tmp_path)
    assert len(found.clips) == 24 and (found.clips["duration"] == 1.0).all()
    np.testing.assert_array_equal(samples["s0.wav#t=1.5,2.5"], long[24_000:40_000])
    assert told.count("3.5-4.5 s does not lie in the file") == 1
    assert (found.clips.groupby("speaker")["partition"].nunique() == 1).all()


def test_a_time_that_is_none_is_named(tmp_path):
    csv = corpus(tmp_path, "file,start,label", "{n}.{e},later,{l}")
    with pytest.raises(DsliteError, match="start of 'low0a.wav' is 'later'; seconds"):
        read(str(csv), tmp_path)


@pytest.mark.parametrize("said", ["1.234,5", "0,5,5", "1_1", "5 min", "0:01", "500ms", "inf", "00:00:01,5"])
def test_a_time_that_may_mean_several_is_named_with_its_line(tmp_path, said):
    csv = corpus(tmp_path, "file;start;label", f"{{n}}.{{e}};{said};{{l}}")
    with pytest.raises(DsliteError, match=f"line 2: start of 'low0a.wav' is '{said}'; seconds"):
        read(str(csv), tmp_path)


def long_files(folder: Path, header: str, *ends: str) -> Path:
    """Six files of 6 s per class; of each, a row with each of the ``ends``."""
    rows = [header]
    for number, (label, speaker) in enumerate(itertools.product(("low", "high"), range(6))):
        soundfile.write(folder / f"{label}{speaker}.wav", wave(number, 6.0), RATE, subtype="FLOAT")
        rows += [f"{label}{speaker}.wav;{label};s{speaker};{end}" for end in ends]
    (folder / "labels.csv").write_text("\n".join(rows))
    return folder / "labels.csv"


def test_decimal_commas_in_times_are_decimal_points(tmp_path):
    found, samples, _ = opened(long_files(tmp_path, "file;label;speaker;start;end", "0,5;2", "2,5;5,25"), tmp_path)
    assert Counter(found.clips["duration"]) == {1.5: 12, 2.75: 12}
    np.testing.assert_array_equal(samples["low0.wav#t=0.5,2"], wave(0, 6.0)[8_000:32_000])


def test_a_start_before_the_file_is_outside_it(tmp_path):
    csv = long_files(tmp_path, "file;label;speaker;start;end", "-0.5;0.8", "1;2")
    found, _, told = opened(csv, tmp_path)
    assert len(found.clips) == 12 and told.count("the segment -0.5-0.8 s does not lie in the file, 6 s long") == 12
    with pytest.raises(UnusableAudio, match="no part from -0.5 to 0.8 s"):
        audio.load(tmp_path / "low0.wav#t=-0.5,0.8")


@pytest.mark.parametrize(
    "columns",
    ["start;duration", "start;stop", "start_time;end_time", "onset;offset", "begin;end", "start_s;end_s",
     "start_ms;duration_ms", "end;length", "xmin;xmax", "from;to"],
)  # fmt: skip
def test_times_under_other_names_are_refused_and_no_row_is_to_be_removed(tmp_path, columns):
    csv = long_files(tmp_path, f"file;label;speaker;{columns}", "0.5;1", "2.5;3")
    with pytest.raises(DsliteError, match="look like times.*'start' and 'end', both in seconds") as refused:
        read(str(csv), tmp_path)
    assert "remove" not in str(refused.value) and all(
        name in str(refused.value) for name in columns.split(";") if name not in ("start", "end")
    )


def test_files_that_are_whole_may_have_times_that_are_said_to_be_ignored(tmp_path):
    csv = long_files(tmp_path, "file;label;speaker;start_time;end_time", "0.5;1")
    found, _, told = opened(csv, tmp_path)
    assert (found.clips["duration"] == 6.0).all() and "ignored: end_time, start_time; clips are cut" in told
    csv = long_files(tmp_path, "file;label;speaker;duration;n", "6;1")
    assert "ignored: duration, n\n" in opened(csv, tmp_path)[2] + "\n"


def test_a_line_separator_inside_a_label_ends_no_line(tmp_path):
    csv = corpus(tmp_path, row="{n}.{e},{l}\u2028x,s{s}")
    assert set(read(str(csv), tmp_path).clips["label"]) == {"low\u2028x", "high\u2028x"}


def test_recordings_that_cross_partitions_are_told_once_and_listed(tmp_path):
    part = {"0": "train", "1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}
    csv = corpus(tmp_path, "filename,label,speaker,partition", "{n}.{e},{l},s{s},P{s}")
    text = csv.read_text()
    for speaker, name in part.items():
        text = text.replace(f"P{speaker}", name)
    csv.write_text(text)
    for original, copies in {"low0a": ("low5a",), "high1a": ("high2a",)}.items():
        for copy in copies:
            (tmp_path / f"{copy}.wav").write_bytes((tmp_path / f"{original}.wav").read_bytes())
    stage = through(resolve(str(csv), profile="demo", output=tmp_path / "out"), "corpus")
    assert [line for line in stage.record["warnings"] if "recording" in line] == [
        "2 recordings in more than one file each (listed on the corpus page), 1 of them in more than one "
        "partition, which makes scores too good"
    ]
    assert "the same recording: low0a.wav (train), low5a.wav (test)" in set(stage.table("problems")["reason"])


@pytest.mark.parametrize(("reading", "chunks", "last"), [("paper", 4, 1.5), ("sound", 5, 1.7)])
def test_low_rates_repeated_files_and_dropped_rests_are_told(tmp_path, reading, chunks, last):
    """Half of the files at 8 kHz and 2.7 s long: chunks of 1 s leave 0.2 s, which only `sound` hears."""

    def write(file: Path, number: int) -> None:
        low = number % 2
        soundfile.write(file, wave(number, 1.35 if low else 0.6), 8_000 if low else RATE)

    csv = corpus(tmp_path, write=write)
    (tmp_path / "corpus.toml").write_text("chunk = 1.0")
    stage = through(resolve(str(csv), profile="demo", reading=reading, output=tmp_path / "out"), "corpus")
    assert any("12 files recorded at 8000 Hz: the plots are empty above 4000" in w for w in stage.record["warnings"])
    found = stage.chunks.groupby("file").agg(count=("chunk", "size"), last=("start_s", "max"))
    assert sorted(zip(found["count"], found["last"], strict=True)) == [(1, 0.0)] * 12 + [(chunks, last)] * 12
    said = views.coverage(stage)
    assert "12 of 24 files are shorter and repeated" in said
    assert f"Of 0.7 min {0.04 if reading == 'paper' else 0.0:.1f} are in no chunk" in said


def test_of_many_classes_a_few_are_drawn_and_the_page_says_so(tmp_path):
    rows = []
    for number, part in itertools.product(range(60), PARTITIONS):
        name = f"{number:02}{part}.wav"
        soundfile.write(tmp_path / name, wave(number), RATE)
        rows.append(f"{name},class {number:02},{part}")
    csv = tmp_path / "many.csv"
    csv.write_text("\n".join(["filename,label,partition", *rows]))
    stage = through(resolve(str(csv), profile="demo", output=tmp_path / "out"), "corpus")
    shown = views.examples(stage)
    assert len(shown) == 24 and (shown[0].label, shown[-1].label) == ("class 00", "class 59")
    assert figures.each(stage.grouped[1], "class") == "per class, of 24 of the 60, evenly chosen."
    assert figures.few(["a", "b"]) == ["a", "b"] and figures.each(["a", "b"], "class") == "per class."
    html = figure_html(figures.waveform_and_plot(shown, stage.settings.reading.front_end()), "noise, the largest")
    assert len(html) < 0.8e6 * LIMIT_MB


def test_files_without_a_speaker_are_told_on_every_page(tmp_path):
    csv = corpus(tmp_path, "filename,label", "{n}.{e},{l}")
    stage = through(resolve(str(csv), profile="demo", output=tmp_path / "out"), "corpus")
    told = records.voices(stage.record)
    assert told.startswith("24 of 24 files name no speaker, so the same voice may be in training and in test")
    assert told in stage.record["warnings"] and records.inherited(stage.record)["warnings"] == stage.record["warnings"]
    assert outputs.corpus(stage.settings.name, Paths(stage.settings.output))["voices"] == told
