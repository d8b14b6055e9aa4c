"""What the front end is told, as data, and its Mel filters. No TensorFlow in here: the command line reads it."""

from dataclasses import dataclass

import numpy as np

from dslite.errors import DsliteError


@dataclass(frozen=True)
class FrontEnd:
    """Parameters of the front end, as data.

    Attributes:
        rate: sample rate in Hz.
        window: length of the Hann window in samples (512 = 32 ms, paper 2.1).
        hop: step between frames in samples (256 = 50 %, paper 2.1).
        mel_bins: number of Mel bins (128, paper 2.1).
        mel_scale: ``"htk"`` or ``"slaney"``; the paper does not say, the released code is HTK.
        triangles: whether the filters' flanks are straight lines over ``"hz"``, as librosa and HTK's book have them, or
            over ``"mel"``, as ``tf.signal.linear_to_mel_weight_matrix`` and so the released code (F-50).
        equal_area: whether filters are scaled to the same area in Hz, as librosa does it, rather than to peaks of 1.
        low_hz, high_hz: edges of the filter bank in Hz. The paper is silent on the lower edge. 60 Hz, because with 512
            points and HTK bins from 0 Hz the lowest filter lies between two FFT bins: it would sit at the floor and
            the min-max would squeeze everything real into the top of the colours (ledger F-02).
        floor: smallest power before the logarithm.
        top_db: range in dB below the loudest bin that is kept; 0 for no limit. The paper is silent; 80 dB keeps digital
            silence from doing what a dead bin does.
        loudest_db: Mel power in dB of the map's last colour, the same for every chunk, whose loudness is then seen;
            it needs a ``top_db``. 0 for each chunk's own minimum and maximum (paper 2.1).
        empty_bins: whether filters in which no FFT bin falls are taken as they are, as in the released code (F-02).
        normalise: whether each chunk's peak is brought to 1 (paper 2.1; not in the released configuration, F-04).
        colours: name of a colour map of matplotlib with 256 colours; the paper's is viridis.
        colouring: ``"steps"``: the map's 256 colours, as matplotlib cuts them; ``"interpolated"``: straight lines
            between them, as in the released code (F-24).
        resize: ``"bilinear"`` (paper 2.1), or ``"nearest"`` (the released configuration), which it does before it turns
            the picture: its rows lie up to a bin lower than if it turned first (F-03).
        size: height and width of the plot in pixels.
    """

    rate: int = 16_000
    window: int = 512
    hop: int = 256
    mel_bins: int = 128
    mel_scale: str = "htk"
    triangles: str = "hz"
    equal_area: bool = False
    low_hz: float = 60.0
    high_hz: float = 8_000.0
    floor: float = 1e-10
    top_db: float = 80.0
    loudest_db: float = 0.0
    empty_bins: bool = False
    normalise: bool = True
    colours: str = "viridis"
    colouring: str = "steps"
    resize: str = "bilinear"
    size: int = 224

    def frames(self, samples: int) -> int:
        """Number of STFT frames of a chunk (no centring, no padding).

        Raises:
            DsliteError: if the chunk is shorter than one window.
        """
        if samples < self.window:
            raise DsliteError(f"A chunk of {samples} samples is shorter than the window of {self.window}.")
        return 1 + (samples - self.window) // self.hop

    @property
    def fft(self) -> int:
        """Length of the FFT in samples: the power of two that holds the window, because LiteRT takes no other."""
        return 1 << (self.window - 1).bit_length()

    @property
    def level_type(self) -> str:
        """How a level is stored: ``uint8`` for the 256 colours; ``uint16`` for 256 parts of each step between them."""
        return "uint8" if self.colouring == "steps" else "uint16"

    def mel_frequencies(self) -> np.ndarray:
        """Centre frequency of each Mel bin in Hz, shape (mel_bins,), rising."""
        return _mel_edges(self)[1:-1]


def _to_mel(hz, scale):
    hz = np.asarray(hz, np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    # Slaney: linear below 1 kHz (200/3 Hz per Mel), logarithmic above (27 Mel per factor of 6.4).
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + 27.0 * np.log(np.maximum(hz, 1e-9) / 1000.0) / np.log(6.4))


def _to_hz(mel, scale):
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


def _mel_edges(p: FrontEnd) -> np.ndarray:
    low, high = _to_mel([p.low_hz, p.high_hz], p.mel_scale)
    return _to_hz(np.linspace(low, high, p.mel_bins + 2), p.mel_scale)


def mel_filters(p: FrontEnd) -> np.ndarray:
    """Triangular Mel filter bank, peaks of 1 or of ``2 / (width in Hz)``.

    Returns:
        float32, shape (fft // 2 + 1, mel_bins): multiply a power spectrum with it from the left.

    Raises:
        ValueError: for an unknown scale, or edges out of order.
        DsliteError: for a filter in which no FFT bin falls, unless the parameters allow it; such a dead bin would ruin
            the contrast of every plot (see :class:`FrontEnd`).
    """
    if p.mel_scale not in ("htk", "slaney"):
        raise ValueError(f"mel_scale is {p.mel_scale!r}; expected 'htk' or 'slaney'.")
    if not 0 <= p.low_hz < p.high_hz <= p.rate / 2:
        raise ValueError(f"Mel edges {p.low_hz}-{p.high_hz} Hz do not lie in order within 0-{p.rate / 2} Hz.")
    edges = _mel_edges(p)
    at, corners = np.linspace(0.0, p.rate / 2, p.fft // 2 + 1)[:, None], edges
    if p.triangles == "mel":
        at, corners = _to_mel(at, p.mel_scale), _to_mel(edges, p.mel_scale)
    rising = (at - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - at) / (corners[2:] - corners[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    dead = np.flatnonzero(filters.max(axis=0) == 0.0)
    if dead.size and not p.empty_bins:
        raise DsliteError(
            f"Mel bin {dead[0]} ({edges[dead[0]]:.0f}-{edges[dead[0] + 2]:.0f} Hz) holds no FFT bin: raise low_hz "
            f"(now {p.low_hz} Hz), lengthen the window (now {p.window} samples), use fewer Mel bins or set empty_bins."
        )
    return filters * np.float32(2.0) / (edges[2:] - edges[:-2]).astype(np.float32) if p.equal_area else filters
