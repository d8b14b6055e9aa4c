"""A masked clip can be heard: what SHAP kept of the sound."""

import io

import numpy as np
import soundfile
from scipy import signal

from dslite.explanation.maps import Attribution
from dslite.explanation.regions import BANDS, SPANS, Regions
from dslite.front_end import FrontEnd


def evidence_regions(attribution: Attribution, index: int, share: float = 0.8) -> np.ndarray:
    """The fewest regions that hold a share of all that raises a class.

    Args:
        attribution: a map by any method.
        index: the class.
        share: of the sum of the positive values, in (0, 1].

    Returns:
        bool (bands, spans); none where nothing raises the class.
    """
    values = np.maximum(attribution.pooled()[index], 0.0)
    order = np.argsort(-values.ravel(), kind="stable")
    running = np.cumsum(values.ravel()[order])
    needed = np.searchsorted(running, share * running[-1] * (1 - 1e-9)) + 1
    kept = np.zeros(values.size, bool)
    kept[order[:needed]] = True
    return kept.reshape(values.shape) & (values > 0)


def evidence_audio(wave: np.ndarray, kept: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """The sound with everything outside some regions taken away; what is left keeps its phase.

    Args:
        wave: float32 (samples,), the chunk.
        kept: bool (bands, spans).
        front_end: of the spectrogram that the regions lie on.

    Returns:
        float32 (samples,).
    """
    p = front_end
    overlap = p.window - p.window // 4
    hz, seconds, spectrum = signal.stft(wave, p.rate, "hann", p.window, overlap)
    regions = Regions(p.frames(len(wave)), p.mel_bins, *kept.shape)
    # Frame i of the plot covers samples from i * hop on; a span lasts from the middle of one frame to the next.
    span_ends = (regions.span_edges[1:-1] * p.hop + (p.window - p.hop) / 2) / p.rate
    edges = band_edges_hz(p, kept.shape[0])
    band = np.searchsorted(edges, hz, side="right") - 1
    gain = kept[np.clip(band, 0, len(kept) - 1)][:, np.searchsorted(span_ends, seconds, side="right")]
    gain = gain & ((band >= 0) & (band < len(kept)))[:, None]
    _, heard = signal.istft(spectrum * gain, p.rate, "hann", p.window, overlap)
    return np.resize(heard, wave.shape).astype(np.float32)


def band_edges_hz(front_end: FrontEnd, bands: int = BANDS) -> np.ndarray:
    """Where the bands of regions begin and end: Hz, shape (bands + 1,), rising."""
    p = front_end
    centres = np.concatenate([[p.low_hz], p.mel_frequencies(), [p.high_hz]])
    edges = Regions(SPANS, p.mel_bins, bands).band_edges
    return np.interp(edges - 0.5, np.arange(-1, p.mel_bins + 1), centres)


def encode(wave: np.ndarray, rate: int, peak: float) -> bytes:
    """The sound as an MP3, about 3 kB per second, which every browser plays.

    Args:
        wave: float32 (samples,).
        rate: Hz.
        peak: amplitude that becomes full scale; the original's for both players, so that loudness can be compared.
    """
    stream = io.BytesIO()
    scaled = np.clip(0.9 * wave / max(peak, 1e-9), -1.0, 1.0)
    soundfile.write(stream, scaled, rate, format="MP3", subtype="MPEG_LAYER_III")
    return stream.getvalue()
