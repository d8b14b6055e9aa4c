"""Reading, cutting and caching: made files with known content, and the ones that cannot be used."""

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from dslite import audio
from dslite.decoding import header
from dslite.errors import UnusableAudio
from dslite.front_end import FrontEnd
from dslite.spectrogram import MelPlot
from dslite.store import Samples, Spectrograms, build, decode


def tone(seconds, rate=16_000, hz=440.0):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    "suffix, subtype", [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_24"), ("ogg", "VORBIS")]
)
def test_any_rate_channels_and_format(tmp_path, rate, channels, suffix, subtype):
    file = tmp_path / f"a b ü.{suffix}"
    soundfile.write(file, np.stack([tone(1.0, rate)] * channels, axis=1), rate, subtype=subtype)
    samples = audio.load(file)
    assert samples.dtype == np.float32 and abs(len(samples) - 16_000) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert spectrum.argmax() == pytest.approx(440, abs=1) and np.abs(samples).max() == pytest.approx(0.5, abs=0.1)


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([np.zeros(16_000), tone(1.0)], axis=1), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(audio.load(tmp_path / "a.wav"), tone(1.0) / 2, atol=1e-6)


def bad_files(folder):
    good = tone(1.0)
    soundfile.write(folder / "good.wav", good, 16_000)
    (folder / "corrupt.wav").write_bytes(b"RIFF nothing that makes sense" * 20)
    soundfile.write(folder / "truncated.flac", np.random.default_rng(0).uniform(-1, 1, 64_000), 16_000)
    data = (folder / "truncated.flac").read_bytes()
    (folder / "truncated.flac").write_bytes(data[: len(data) // 2])
    soundfile.write(folder / "cut.wav", good, 16_000)
    (folder / "cut.wav").write_bytes((folder / "cut.wav").read_bytes()[:20_000])
    soundfile.write(folder / "empty.wav", good[:0], 16_000)
    soundfile.write(folder / "silent.wav", good * 0, 16_000)
    soundfile.write(folder / "nan.wav", np.where(np.arange(16_000) == 5, np.nan, good), 16_000, subtype="FLOAT")
    return {"corrupt.wav": "decoded", "truncated.flac": "decoded|truncated", "empty.wav": "no samples",
            "cut.wav": "truncated: 12044 bytes", "silent.wav": "silent",
            "nan.wav": "1 samples that are NaN"}  # fmt: skip


def test_unusable_files_are_named_with_their_reason(tmp_path):
    for name, reason in bad_files(tmp_path).items():
        with pytest.raises(audio.UnusableAudio, match=reason) as caught:
            audio.load(tmp_path / name)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_what_its_header_promises_is_asked_for_in_every_format(tmp_path, kind, subtype):
    """libsndfile shortens such files without a word."""
    file = tmp_path / f"a.{kind.lower()}"
    soundfile.write(file, tone(1.0)[:-1], 16_000, subtype=subtype, format=kind)
    whole = file.read_bytes()
    file.write_bytes(whole + bytes(1))  # what follows does not matter
    assert len(audio.load(file)) == 15_999 and audio.load_noted(file)[1] == ()
    file.write_bytes(whole[:-400])
    samples, notes = audio.load_noted(file)
    assert 15_700 < len(samples) < 15_999 and notes == ("the end lacks a little of what the header promises",)
    for lacking in (len(whole) // 2, 16_000):
        file.write_bytes(whole[:-lacking])
        for read in (audio.load, header):
            with pytest.raises(audio.UnusableAudio, match=r"truncated: \d+ bytes that its header promises"):
                read(file)


@pytest.mark.parametrize(
    ("kind", "promised", "at"),
    [("AIFF", b"\x7f\x00\x00\x08", b"SSND"), ("AU", b"\xff\xff\xff\xff", b".snd\0\0\0\x18")],
)
def test_what_was_written_to_a_pipe_is_not_truncated(tmp_path, kind, promised, at):
    file = tmp_path / f"a.{kind.lower()}"
    soundfile.write(file, tone(1.0), 16_000, subtype="PCM_16", format=kind)
    data = bytearray(file.read_bytes())
    place = data.index(at) + len(at)
    data[place : place + 4] = promised
    file.write_bytes(data)
    assert len(audio.load(file)) == 16_000


@pytest.mark.parametrize(("kind", "subtype"), [(1, "PCM_32"), (3, "FLOAT"), (3, "DOUBLE"), (6, "ALAW"), (7, "ULAW")])
def test_a_w64_that_names_its_samples_in_an_extension_is_decoded_as_them(tmp_path, kind, subtype):
    """As ffmpeg writes floats, and anything of more than two channels; libsndfile takes all for integers."""
    soundfile.write(tmp_path / "plain.w64", tone(1.0), 16_000, subtype=subtype, format="W64")
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    content = (tmp_path / "plain.w64").read_bytes()
    samples = content[content.index(b"data" + tail) :]
    width = (len(samples) - 24) // 16_000
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 16_000, 16_000 * width, width, 8 * width, 22, 8 * width, 4, kind)
    form += bytes.fromhex("000000001000800000aa00389b71")
    body = b"wave" + tail + b"fmt " + tail + struct.pack("<Q", 24 + len(form)) + form + samples
    start = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", 24 + len(body))
    (tmp_path / "extended.w64").write_bytes(start + body)
    assert header(tmp_path / "extended.w64") == (1.0, 16_000, 1)
    np.testing.assert_array_equal(audio.load(tmp_path / "extended.w64"), audio.load(tmp_path / "plain.w64"))
    for size in (66, 80, 89):
        (tmp_path / "cut.w64").write_bytes((start + body)[:size])
        with pytest.raises(UnusableAudio, match="cannot be decoded"):
            audio.load(tmp_path / "cut.w64")


def test_mp3s_joined_into_one_are_all_of_them(tmp_path):
    """As ``cat a b`` does; each says at its beginning how long it is."""
    for number, (seconds, rate) in enumerate([(1.0, 16_000), (2.0, 24_000), (0.5, 16_000)]):
        soundfile.write(tmp_path / f"{number}.mp3", tone(seconds, rate), rate, subtype="MPEG_LAYER_III")
    parts = [(tmp_path / f"{number}.mp3").read_bytes() for number in range(3)]
    assert all(b"Xing" in part[:200] or b"Info" in part[:200] for part in parts)
    alone = sum(header(tmp_path / f"{number}.mp3")[0] for number in range(3))
    tags = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)
    (tmp_path / "all.mp3").write_bytes(parts[0] + tags + parts[1] + parts[2])
    assert header(tmp_path / "all.mp3") == (pytest.approx(alone, abs=0.01), 16_000, 1)
    assert len(audio.load(tmp_path / "all.mp3")) == pytest.approx(16_000 * alone, abs=200)
    (tmp_path / "cut.mp3").write_bytes(parts[0] + parts[1][: len(parts[1]) // 2])
    with pytest.raises(audio.UnusableAudio, match="truncated"):
        audio.load(tmp_path / "cut.mp3")
    for tail in (b"TAG" + bytes(4_000), b"APETAGEX" + bytes(4_000), parts[0][-400:]):
        (tmp_path / "tagged.mp3").write_bytes(parts[0] + tail)
        assert header(tmp_path / "tagged.mp3") == header(tmp_path / "0.mp3"), "what follows is no other file"


@pytest.mark.parametrize(("ending", "subtype"), [("ogg", "VORBIS"), ("opus", "OPUS")])
def test_an_ogg_of_several_recordings_says_that_one_is_read(tmp_path, ending, subtype):
    for name, hz in (("a", 440.0), ("b", 880.0)):
        soundfile.write(tmp_path / f"{name}.{ending}", tone(1.0, hz=hz), 16_000, subtype=subtype, format="OGG")
    one, other = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
    assert audio.load_noted(tmp_path / f"a.{ending}")[1] == ()
    (tmp_path / f"both.{ending}").write_bytes(one + other)
    samples, (note,) = audio.load_noted(tmp_path / f"both.{ending}")
    assert "several recordings" in note and "the first alone is read" in note
    assert len(samples) == len(audio.load(tmp_path / f"a.{ending}"))


def test_cut_has_half_a_chunk_of_hop_and_drops_the_rest():
    samples = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(audio.cut(samples, 4, 2, 1), [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9]])
    np.testing.assert_array_equal(audio.cut(samples[:5], 4, 2, 1), [[0, 1, 2, 3]])


@pytest.mark.parametrize("n, starts", [(4, [0]), (5, [0, 1]), (6, [0, 2]), (9, [0, 2, 4, 5]), (10, [0, 2, 4, 6])])
def test_the_rest_of_a_file_is_in_a_last_chunk_that_ends_with_it(n, starts):
    cut = audio.cut(np.arange(n), 4, 2, 1, "overlap")
    assert cut[:, 0].tolist() == starts and (cut[:, -1] == cut[:, 0] + 3).all() and cut.max() == n - 1


def test_what_was_upsampled_is_what_a_16_bit_file_holds(tmp_path):
    """Another program's WAV of the same samples gives the same plots, where half of the band is empty."""
    wave = 0.02 * np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)
    soundfile.write(tmp_path / "low.wav", wave, 8_000)
    found = audio.load(tmp_path / "low.wav", 16_000)
    soundfile.write(tmp_path / "converted.wav", found, 16_000, subtype="PCM_16")
    np.testing.assert_array_equal(audio.load(tmp_path / "converted.wav", 16_000), found)
    assert len(found) == 16_000


def test_short_file_is_repeated_not_padded_with_zeros():
    np.testing.assert_array_equal(audio.cut(np.array([1.0, 2.0, 3.0]), 8, 4, 1), [[1, 2, 3, 1, 2, 3, 1, 2]])
    np.testing.assert_array_equal(audio.cut(np.array([1.0, 2.0]), None, 1, 5), [[1, 2, 1, 2, 1]])


def test_whole_file_is_one_chunk():
    assert audio.cut(np.zeros(12_345, np.float32), None, 1, 512).shape == (1, 12_345)


def cached(folder: Path, files: list[str], chunk: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Chunks of some files, decoded and cached, and what could not be decoded."""
    problems = decode(files, folder, folder / "samples.npy")
    left = [file for file in files if file not in set(problems["file"])]
    chunks, short = build(left, Samples(folder / "samples.npy"), chunk, FrontEnd(), folder / "s.npy")
    assert short.empty
    return chunks, problems


def test_clips_are_decoded_once_to_the_samples_that_a_reader_would_get(tmp_path):
    for i, rate in enumerate((16_000, 8_000, 44_100)):
        soundfile.write(tmp_path / f"{i}.wav", tone(0.7 + i, rate=rate), rate, subtype="FLOAT")
    files = ["2.wav", "0.wav", "1.wav"]
    assert decode(files, tmp_path, tmp_path / "samples.npy").empty
    samples = Samples(tmp_path / "samples.npy")
    for file in files:
        np.testing.assert_array_equal(samples[file], audio.load(tmp_path / file, 16_000))
    with pytest.raises(KeyError):
        samples["3.wav"]


def test_cache_holds_every_chunk_and_lists_every_file_it_could_not_use(tmp_path):
    reasons = bad_files(tmp_path)
    soundfile.write(tmp_path / "long.wav", tone(2.5, hz=900), 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", tone(0.3, hz=300), 16_000, subtype="FLOAT")
    chunks, problems = cached(tmp_path, ["good.wav", *reasons, "long.wav", "short.wav"], 1.0)
    assert sorted(problems["file"]) == sorted(reasons) and set(problems["kind"]) == {"skipped"}
    assert chunks["file"].tolist() == ["good.wav"] + ["long.wav"] * 4 + ["short.wav"]
    assert chunks["start_s"].tolist() == [0, 0, 0.5, 1.0, 1.5, 0] and chunks["padded"].tolist() == [False] * 5 + [True]
    stored = Spectrograms(tmp_path / "s.npy", chunks)
    ((rows, levels),) = stored.batches([3, 0])
    direct = MelPlot().quantise(
        np.stack([audio.load(tmp_path / "long.wav")[16_000:32_000], audio.load(tmp_path / "good.wav")])
    )
    assert rows.tolist() == [0, 1]
    assert np.abs(levels.astype(int) - direct.numpy().astype(int)).max() <= 1
    frames = FrontEnd().frames(16_000)
    assert (tmp_path / "s.npy").stat().st_size == 128 * frames * len(chunks) + 128  # and the header of .npy
    assert not list(tmp_path.glob(".*"))


def test_whole_files_of_many_lengths_keep_their_order(tmp_path):
    seconds = [1.0, 2.0, 1.0, 0.5]
    for i, s in enumerate(seconds):
        soundfile.write(tmp_path / f"{i}.wav", tone(s, hz=300 * (i + 1)), 16_000)
    chunks, _ = cached(tmp_path, [f"{i}.wav" for i in range(4)], 0.0)
    assert chunks["frames"].tolist() == [FrontEnd().frames(int(s * 16_000)) for s in seconds]
    found = {}
    for rows, levels in Spectrograms(tmp_path / "s.npy", chunks).batches([3, 2, 1, 0]):
        found |= {int(r): level for r, level in zip(rows, levels, strict=True)}
    bins = [found[3 - i].mean(axis=0).argmax() for i in range(4)]
    mel = FrontEnd().mel_frequencies()
    np.testing.assert_allclose(mel[bins], [300, 600, 900, 1200], rtol=0.05)


def test_corpus_without_usable_audio_leaves_an_empty_cache(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"x")
    chunks, problems = cached(tmp_path, ["a.wav"], 1.0)
    assert len(chunks) == 0 and len(problems) == 1 and len(Spectrograms(tmp_path / "s.npy", chunks)) == 0
