"""Sliding windows over files and live streams."""

import itertools
import tracemalloc

import numpy as np
import pytest
import soundfile

from dslite import audio
from dslite.deployment import real_time_factor, stream
from dslite.deployment.container import Card
from dslite.deployment.streaming import file_blocks, windows
from dslite.errors import DsliteError

RATE = 16_000


class Loudness:
    """Stands in for an exported file: two 'probabilities' that tell which chunk it saw."""

    card = Card(("loud", "quiet"), 4_000, RATE, "float32", {})

    def __call__(self, chunks):
        assert chunks.shape == (1, self.card.samples) and chunks.dtype == np.float32
        loud = np.abs(chunks).mean(axis=1)
        return np.stack([loud, 1 - loud], axis=1)


def pieces(samples, sizes):
    edges = np.cumsum(sizes)
    return np.split(samples, edges[edges < len(samples)])


@pytest.mark.parametrize("length", [1, 2_999, 4_000, 4_001, 6_000, 33_333])
@pytest.mark.parametrize("size", [1_000, 4_000, 7_777, 50_000])
@pytest.mark.parametrize("hop", [2_000, 1_234, 4_000])
def test_windows_are_those_of_the_whole_file(length, size, hop):
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    got = list(windows(pieces(samples, [size] * 40), 4_000, hop))
    np.testing.assert_array_equal(got, audio.cut(samples, 4_000, hop, 4_000))


def test_an_empty_stream_has_no_window_and_a_bad_hop_is_refused():
    assert list(windows([], 10, 5)) == [] and list(windows([np.empty(0, np.float32)], 10, 5)) == []
    for hop in (0, 11):
        with pytest.raises(ValueError, match="hop"):
            list(windows([], 10, hop))


def test_live_stream_answers_at_once_in_constant_memory():
    taken = 0

    def live():
        nonlocal taken
        for taken in itertools.count(1):
            yield np.full(1_000, taken % 2, np.float32)

    results = stream(Loudness(), live())
    first = next(results)
    assert first.start_s == 0.0 and taken == 4  # the fourth block completes the first window
    tracemalloc.start()
    for window in itertools.islice(results, 3_000):
        last = window
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert last.start_s == pytest.approx(3_000 * 2_000 / RATE)
    assert peak < 1_000_000  # the stream was 24 MB


def test_file_equals_chunks_and_is_resampled_on_the_way(tmp_path):
    time = np.arange(3 * 48_000) / 48_000
    sound = 0.5 * np.sin(2 * np.pi * 440 * time) * np.linspace(0.1, 1, len(time))
    soundfile.write(tmp_path / "stereo.wav", np.stack([sound, 0.5 * sound], 1), 48_000, subtype="FLOAT")
    at_once = audio.load(tmp_path / "stereo.wav", RATE)
    streamed = np.concatenate(list(file_blocks(tmp_path / "stereo.wav", RATE)))
    assert len(streamed) == len(at_once)
    np.testing.assert_allclose(streamed, at_once, atol=1e-3)
    model = Loudness()
    got = list(stream(model, tmp_path / "stereo.wav", hop_s=0.1))
    whole = audio.cut(at_once, 4_000, 1_600, 4_000)
    np.testing.assert_allclose([w.probabilities for w in got], [model(c[None])[0] for c in whole], atol=1e-3)
    assert [w.start_s for w in got] == pytest.approx([0.1 * i for i in range(len(whole))])
    timed = real_time_factor(model, tmp_path / "stereo.wav")
    assert timed["audio_s"] == 3.0 and timed["windows"] == 23
    assert timed["factor"] == pytest.approx(timed["seconds"] / 3.0)


def test_file_that_is_no_audio_is_named(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"not audio")
    with pytest.raises(DsliteError, match="bad.wav"):
        list(file_blocks(tmp_path / "bad.wav", RATE))
