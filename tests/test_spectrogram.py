"""The front end against librosa and matplotlib, and the traps that it must not fall into."""

from dataclasses import replace

import keras
import librosa
import matplotlib
import numpy as np
import pytest
import scipy.signal
from scipy.ndimage import map_coordinates

from dslite.errors import DsliteError
from dslite.front_end import FrontEnd, mel_filters
from dslite.readings import CHOICES
from dslite.spectrogram import MelPlot, colour_table


def chirp(seconds, rate=16_000, seed=0):
    """A tone that rises through noise, with a pause: something in every part of the plot."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (200 * t + 600 * t**2 / seconds)) * (np.sin(5 * t) > -0.5)
    return (0.3 * tone + 0.01 * rng.standard_normal(t.size)).astype(np.float32)


def reference(wave, p):
    """The same plot from librosa, matplotlib and SciPy."""
    wave = wave / np.abs(wave).max()
    mel = librosa.feature.melspectrogram(
        y=wave, sr=p.rate, n_fft=p.window, hop_length=p.hop, center=False, window="hann", power=2.0,
        n_mels=p.mel_bins, fmin=p.low_hz, fmax=p.high_hz, htk=p.mel_scale == "htk", norm=None,
    )  # fmt: skip
    db = librosa.power_to_db(mel, ref=np.max, amin=p.floor, top_db=p.top_db)
    scaled = (db - db.min()) / (db.max() - db.min())
    rgb = matplotlib.colormaps[p.colours](scaled[::-1])[..., :3] * 255.0
    rows, columns = ((np.arange(p.size) + 0.5) * n / p.size - 0.5 for n in rgb.shape[:2])
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([map_coordinates(rgb[..., c], grid, order=1, mode="nearest") for c in range(3)], axis=-1)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("seconds", [1.0, 3.0, 4.0, 13.16])
def test_plot_agrees_with_librosa_and_matplotlib(seconds, scale):
    p = FrontEnd(mel_scale=scale)
    wave = chirp(seconds)
    ours = MelPlot(p)(wave[None])[0].numpy()
    assert np.abs(ours - reference(wave, p)).mean() <= 1.0


def test_a_range_that_is_fixed_for_all_chunks_keeps_their_loudness():
    p = FrontEnd(loudest_db=10.0, top_db=60.0)
    loud, quiet = chirp(1.0), 0.1 * chirp(1.0)
    mel = librosa.feature.melspectrogram(
        y=loud, sr=p.rate, n_fft=p.window, hop_length=p.hop, center=False, window="hann", power=2.0,
        n_mels=p.mel_bins, fmin=p.low_hz, fmax=p.high_hz, htk=True, norm=None,
    )  # fmt: skip
    expected = np.clip((librosa.power_to_db(mel, ref=1.0, amin=p.floor, top_db=None) - 10 + 60) / 60, 0, 1).T
    levels = MelPlot(p).quantise(np.stack([loud, quiet, 0 * loud])).numpy().astype(float)
    assert np.abs(levels[0] - np.minimum(256 * expected, 255)).max() <= 1
    seen = (levels[1] > 1) & (levels[0] < 254)
    assert seen.any() and np.abs((levels[0] - levels[1])[seen] - 20 / 60 * 256).max() <= 1.01, "20 dB lower"
    assert not levels[2].any()
    with pytest.raises(DsliteError, match="loudest_db is 10 without a range"):
        MelPlot(replace(p, top_db=0.0))


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_plot_agrees_on_real_audio(real_ravdess, scale):
    p = FrontEnd(mel_scale=scale)
    for file in sorted(real_ravdess.rglob("*.flac"))[::250]:
        wave, _ = librosa.load(file, sr=p.rate)
        assert np.abs(MelPlot(p)(wave[None])[0].numpy() - reference(wave, p)).mean() <= 1.0, file


@pytest.mark.parametrize(
    "p",
    [
        FrontEnd(),
        FrontEnd(mel_scale="slaney"),
        FrontEnd(window=2048, hop=1024, low_hz=0.0),
        FrontEnd(window=400, mel_bins=64),
    ],
)
def test_filters_are_librosas(p):
    theirs = librosa.filters.mel(
        sr=p.rate, n_fft=p.fft, n_mels=p.mel_bins, fmin=p.low_hz, fmax=p.high_hz, htk=p.mel_scale == "htk", norm=None
    )
    np.testing.assert_allclose(mel_filters(p), theirs.T, atol=1e-5)
    hz = librosa.mel_frequencies(p.mel_bins + 2, fmin=p.low_hz, fmax=p.high_hz, htk=p.mel_scale == "htk")
    np.testing.assert_allclose(p.mel_frequencies(), hz[1:-1], rtol=1e-6)


@pytest.mark.parametrize("name", CHOICES["colours"])
def test_colours_are_matplotlibs(name):
    table = colour_table(name)
    assert table.shape == (256, 3) and matplotlib.colormaps[name].N == 256
    np.testing.assert_allclose(table, matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255, atol=1e-3)


def test_windows_of_any_length_are_padded_up_to_a_power_of_two():
    """LiteRT takes no other FFT."""
    p, wave = FrontEnd(window=400, hop=160, mel_bins=64, top_db=0.0), chirp(1.0)
    frames = np.lib.stride_tricks.sliding_window_view(wave / np.abs(wave).max(), 400)[::160]
    power = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 400), 512)) ** 2
    db = 10 * np.log10(np.maximum(power @ mel_filters(p), p.floor))
    assert (p.fft, FrontEnd().fft, len(db)) == (512, 512, p.frames(16_000))
    np.testing.assert_allclose(MelPlot(p).decibels(wave[None])[0], db - db.max(), atol=0.05)


def test_dead_mel_bin_is_refused():
    with pytest.raises(DsliteError, match="Mel bin 0 .* holds no FFT bin"):
        mel_filters(FrontEnd(low_hz=0.0))
    # Here noise fills the plot: had a bin been dead, its row would be the only dark one.
    noise = np.random.default_rng(1).standard_normal((1, 48_000)).astype(np.float32)
    levels = MelPlot().quantise(noise).numpy()[0].astype(float)
    assert np.median(levels) < 235 and levels.mean(axis=0).min() > 60


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_silent_and_constant_chunks_are_finite(value):
    plot = MelPlot()(np.full((2, 16_000), value, np.float32)).numpy()
    assert np.isfinite(plot).all()
    if value == 0.0:
        np.testing.assert_allclose(plot, np.broadcast_to(colour_table("viridis")[0], plot.shape), atol=1e-3)


def test_digital_silence_beside_sound_keeps_the_contrast():
    wave = chirp(2.0)
    levels = MelPlot().quantise(np.concatenate([np.zeros(16_000, np.float32), wave])[None]).numpy()[0]
    alone = MelPlot().quantise(wave[None]).numpy()[0]
    assert abs(levels[-len(alone) :].astype(float).mean() - alone.mean()) < 60
    assert levels[:50].max() == 0


def test_gain_does_not_change_the_plot():
    wave = chirp(1.0)
    difference = MelPlot()(wave[None]).numpy() - MelPlot()(1e-3 * wave[None]).numpy()
    assert np.abs(difference).mean() < 0.05


def test_time_runs_to_the_right_and_frequency_upwards():
    t = np.arange(48_000) / 16_000
    late_high = np.where(t > 2.0, np.sin(2 * np.pi * 6_000 * t), 0).astype(np.float32)
    brightness = MelPlot()(late_high[None]).numpy()[0].sum(axis=-1)
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    assert row < 60 and column > 224 * 2 / 3 - 5


def test_layer_survives_saving_with_its_parameters(tmp_path):
    p = FrontEnd(mel_scale="slaney", colours="magma", top_db=60.0, low_hz=20.0)
    inputs = keras.Input((None,))
    model = keras.Model(inputs, MelPlot(p)(inputs))
    model.save(tmp_path / "plot.keras")
    loaded = keras.models.load_model(tmp_path / "plot.keras")
    assert loaded.layers[-1].parameters == p
    wave = chirp(1.0)[None]
    np.testing.assert_array_equal(loaded(wave), model(wave))


def test_painting_the_cached_levels_is_the_plot():
    wave = np.stack([chirp(3.0), chirp(3.0, seed=1)])
    layer = MelPlot()
    levels = layer.quantise(wave)
    assert levels.dtype == "uint8" and levels.shape == (2, FrontEnd().frames(48_000), 128)
    np.testing.assert_array_equal(layer.paint(levels), layer(wave))
