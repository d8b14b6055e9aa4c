"""What the baselines see of a file: one vector of features per whole file.

Deep Spectrum (Amiriparian et al., 2017; set up as in ComParE 2021) draws one plot of the whole file, passes it through
a base model that is never trained, and averages its last feature maps. The other vector holds statistics of customary
acoustic descriptors, as a floor below which a spectrogram model should not fall.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dslite import audio
from dslite.front_end import FrontEnd
from dslite.keras_defaults import graph, tf
from dslite.network import Backbone, folded
from dslite.spectrogram import MelPlot

DEEP_SPECTRUM = FrontEnd(mel_scale="slaney", equal_area=True, low_hz=0.0, top_db=0.0, normalise=False)
"""The front end with Deep Spectrum's parameters: 512-point Hann window, hop of half of it, 128 of librosa's Mel bins on
power from 0 Hz, dB below the loudest bin without a limit, of audio as it was recorded, viridis.

What differs from the original: the plot is resized to 224 pixels at once, not drawn by matplotlib at 227 and then
shrunk; a file shorter than one window is repeated up to it, not left out."""

BATCH = 32
"""Files per pass through the base model; as many pictures, and one whole spectrogram, are in memory."""


def whole_files(
    files: Sequence[str],
    samples: Mapping[str, np.ndarray],
    backbone: Backbone,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, np.ndarray]:
    """Features of some files, each of which is looked at once.

    Args:
        files: names.
        samples: by name, float32 (samples,) at 16 kHz, as recorded (:class:`dslite.store.Samples`).
        backbone: the base model, not trained.
        progress: called with files done and files in all.

    Returns:
        ``deep_spectrum``: float32 (files, width of the base model), averaged over the picture.
        ``librosa``: float32 (files, 126), see :func:`statistics`.
    """
    plot = MelPlot(DEEP_SPECTRUM)
    body = folded(backbone.model)

    def features(pictures):
        return tf.reduce_mean(body(backbone.normalised(pictures), training=False), axis=[1, 2])

    pooled = graph(features, tf.TensorSpec([None, None, None, 3], tf.float32))
    draw = graph(plot.call, tf.TensorSpec([None, None], tf.float32))

    deep, acoustic = [], []
    for start in range(0, len(files), BATCH):
        pictures = []
        for file in files[start : start + BATCH]:
            wave = whole(samples[file])
            pictures.append(draw(wave[None])[0])
            acoustic.append(statistics(wave))
        deep.append(pooled(tf.stack(pictures)).numpy())
        progress(len(acoustic), len(files))
    return {"deep_spectrum": np.concatenate(deep), "librosa": np.stack(acoustic)}


def whole(samples: np.ndarray) -> np.ndarray:
    """A file as the baselines take it: float32 (samples,), repeated up to one window if it is shorter."""
    return audio.cut(samples, None, 1, DEEP_SPECTRUM.window)[0]


def statistics(samples: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over time of 63 acoustic descriptors, computed with librosa.

    They are 20 MFCC with their first and second differences (over 9 frames), the spectral centroid (Hz), the
    zero-crossing rate (share of samples) and the root mean square, in the frames of Deep Spectrum's plot.

    Args:
        samples: float32 (n,) at 16 kHz, at least one window long, not normalised: the level is a descriptor.

    Returns:
        float32 (126,): the means, then the standard deviations.
    """
    import librosa  # here, because its first use compiles

    p = DEEP_SPECTRUM
    frames = {"hop_length": p.hop, "center": False}
    magnitude = np.abs(librosa.stft(samples, n_fft=p.window, **frames))
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=p.rate, n_mels=p.mel_bins)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20)
    rows = np.concatenate(
        [
            mfcc,
            *(librosa.feature.delta(mfcc, order=order, mode="nearest") for order in (1, 2)),
            librosa.feature.spectral_centroid(S=magnitude, sr=p.rate),
            librosa.feature.zero_crossing_rate(samples, frame_length=p.window, **frames),
            librosa.feature.rms(y=samples, frame_length=p.window, **frames),
        ]
    )
    return np.concatenate([rows.mean(axis=1), rows.std(axis=1)]).astype(np.float32)
