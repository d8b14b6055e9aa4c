"""The sounds of the SYNTHETIC stand-ins: speech, song, coughs and snores by source and filter.

Every sound is a sum of excitations (a harmonic one with a pitch contour, noise), each with a loudness contour in time
and a filter that may move from frame to frame. All functions take a numpy Generator, so that a clip depends on nothing
but its seed; they return float64 (samples,) at :data:`RATE` with a peak of at most 1. The figures are textbook orders
of magnitude, not measurements of any corpus.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

RATE = 16_000
"""Sample rate in Hz."""

FRAME = 512
HOP = FRAME // 2
BINS = np.fft.rfftfreq(FRAME, 1 / RATE)
_WINDOW = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME)  # its square adds up to 1 at half a frame of hop

# First three formants of a man's [a e i o u] and of a central vowel, in Hz.
_VOWELS = np.array(
    [[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240], [500, 1500, 2500]],
    float,
)
_SCALE = np.array([0, 2, 4, 5, 7, 9])  # degrees of a major scale, semitones


@dataclass(frozen=True)
class Speaker:
    """What one speaker's clips share.

    Attributes:
        pitch: usual fundamental frequency in Hz.
        tract: factor on the formants of a man.
        room: level of the background noise in dB below the peak, positive.
    """

    pitch: float
    tract: float
    room: float


def sound(kind: str, rng: np.random.Generator, seconds: float, cues: Mapping[str, float], speaker: Speaker):
    """Synthesises one clip.

    Args:
        kind: a key of ``[sounds]`` in standins.toml.
        rng: the clip's own generator.
        seconds: length of the clip, at least 0.7 s.
        cues: value of each cue of that sound, in the units given there.

    Returns:
        float64 (round(seconds * RATE),), peak 0.3 to 0.9.
    """
    count = round(seconds * RATE)
    clean = _KINDS[kind](rng, count, cues, speaker)
    clean /= np.abs(clean).max()
    # Background noise falls by 4 dB per octave: hum and air, not hiss.
    room = _filtered(rng.standard_normal(count), _tilted(-4.0))
    noisy = clean + room / room.std() * 10 ** (-speaker.room / 20)
    return noisy * rng.uniform(0.3, 0.9) / np.abs(noisy).max()


def _speech(rng, count, cues, speaker):
    seconds = count / RATE
    syllables = int(np.ceil(seconds * cues["tempo"])) + 4
    length = rng.uniform(0.7, 1.3, syllables) / cues["tempo"]
    ends_phrase = rng.random(syllables) < 1 / 6
    gap = ends_phrase * cues["pause"] * rng.uniform(0.6, 1.4, syllables)
    onset = rng.uniform(0.05, 0.2) + np.cumsum(length + gap) - length - gap
    said = onset + length < seconds - 0.05
    said[0] = True
    onset, length, phrase = onset[said], length[said], np.cumsum(ends_phrase)[said]
    vowel = onset + rng.choice([0.1, 0.3], len(onset)) * length
    loud = 10 ** (rng.uniform(-6, 0, len(onset)) / 20)
    voiced = _bumps(count, vowel, onset + length, loud, rise=0.2, fall=0.35)
    hiss = _bumps(count, onset, vowel, loud * rng.choice([0.0, 0.05, 0.25], len(onset)), rise=0.5, fall=0.3)
    # A phrase starts high and sinks; every syllable has its accent.
    first = np.searchsorted(phrase, phrase)
    accent = (
        rng.standard_normal(len(onset)) * cues["range"]
        + 0.8 * cues["range"]
        - 0.5 * cues["range"] * (np.arange(len(onset)) - first).clip(0, 4)
    )
    middle = (vowel + onset + length) / 2
    semitones = _contour(count, middle, accent)
    voiced *= 1 - min(cues["tremor"], 0.5) * (1 + np.sin(2 * np.pi * 7 * _time(count) + rng.uniform(0, 6)))
    vowels = _VOWELS[rng.integers(0, len(_VOWELS), len(onset))]
    voice = _voice(rng, cues, speaker, semitones, voiced, middle, vowels)
    return voice + 0.5 * _filtered(rng.standard_normal(count) * hiss, _peaks([[4500.0, 6500.0]], 0.3))


def _song(rng, count, cues, speaker):
    seconds = count / RATE
    lead, tail = rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.5)
    notes = max(3, round((seconds - lead - tail) * cues["tempo"]))
    length = rng.choice([0.7, 1.0, 1.0, 1.6], notes)
    length *= (seconds - lead - tail) / length.sum()
    onset = lead + np.cumsum(length) - length
    steps = np.cumsum(rng.integers(-2, 3, notes))
    melody = _SCALE[steps % 6] + 12 * (steps // 6)
    melody = (melody - melody.mean()) * cues["range"]
    loud = 10 ** (rng.uniform(-4, 0, notes) / 20)
    voiced = _bumps(count, onset + 0.04, onset + length, loud, rise=min(cues["attack"], 0.6), fall=0.2)
    # Notes are held, with a short glide in between; vibrato grows in.
    glide = np.stack([onset + 0.06, onset + length - 0.02], 1).ravel()
    vibrato = cues["vibrato"] * np.sin(2 * np.pi * 5.5 * _time(count) + rng.uniform(0, 6))
    semitones = _contour(count, glide, np.repeat(melody, 2)) + vibrato * voiced.clip(0, 1)
    vowels = _VOWELS[rng.integers(0, len(_VOWELS), notes)]
    return _voice(rng, cues, speaker, semitones, voiced, onset + length / 2, vowels)


def _cough(rng, count, cues, speaker):
    seconds = count / RATE
    starts, now = [], rng.uniform(0.1, 0.3)
    while now < seconds - 0.35:  # bouts of two to four coughs, a breath in between
        for _ in range(rng.integers(2, 5)):
            starts.append(now)
            now += rng.uniform(0.8, 1.2) / cues["tempo"]
        now += rng.uniform(0.2, 0.6)
    starts = np.array([s for s in starts if s < seconds - 0.35])
    loud = 10 ** (rng.uniform(-6, 0, len(starts)) / 20)
    # Three phases: explosion, a noisy middle, a voiced end.
    since = _time(RATE)
    cough = np.minimum(since / 0.005, 1) * (np.exp(-since / cues["burst"]) + 0.2 * np.exp(-((since / 0.22) ** 4)))
    burst = np.zeros(count + RATE)
    for start, height in zip((starts * RATE).astype(int), loud, strict=True):
        burst[start : start + RATE] += height * cough
    burst = burst[:count]
    end = _bumps(count, starts + 0.12, starts + 0.34, loud, rise=0.3, fall=0.6)
    crackle = np.abs(_smooth(rng.standard_normal(count), 60)) ** 1.5
    depth = np.clip(cues["wet"], 0, 1)
    noise = rng.standard_normal(count) * burst * (1 - depth + depth * crackle / crackle.mean())
    tract = _tilted(cues["tilt"]) * _peaks(speaker.tract * np.array([[650.0, 1500.0, 2700.0, 3900.0]]), 0.35)
    falling = _contour(count, np.concatenate([starts, starts + 0.34]), np.repeat([3.0, -3.0], len(starts)))
    tone = _harmonics(1.5 * speaker.pitch * 2 ** (falling / 12)) * end * 10 ** (cues["voiced"] / 20)
    air = rng.standard_normal(count) * 10 ** (cues["breath"] / 20) * (0.4 + 0.6 * np.abs(_smooth(burst, 3)).clip(0, 1))
    return _filtered(noise + tone, tract) + _filtered(air, _peaks([[1800.0, 3500.0]], 0.5))


def _snore(rng, count, cues, speaker):
    seconds = count / RATE
    start, end = rng.uniform(0.03, 0.12), seconds - rng.uniform(0.05, 0.2)
    breath = _bumps(count, [start], [end], [1.0], rise=rng.uniform(0.3, 0.5), fall=rng.uniform(0.2, 0.4))
    slow = _smooth(rng.standard_normal(count), 4)
    flutter = cues["flutter"] * 2 ** (1.5 * slow / 12) * (1 + 0.1 * breath)
    depth = np.clip(cues["depth"], 0, 0.95)
    # Tissue opens and closes: pulses of noise and tone at the flutter's rate.
    opening = (0.5 + 0.5 * np.cos(2 * np.pi * np.cumsum(flutter) / RATE)) ** 3
    excitation = _harmonics(flutter) * depth + (1 - depth) * rng.standard_normal(count)
    excitation *= 1 - depth + depth * opening * 2
    centre = cues["centre"] * speaker.tract * 2 ** (rng.uniform(-2, 2) / 12)
    tract = _tilted(cues["tilt"]) * _peaks(centre * np.array([[1.0, 2.3, 4.1]]), cues["width"])
    air = rng.standard_normal(count) * breath * 10 ** (cues["breath"] / 20)
    return _filtered(excitation * breath, tract) + _filtered(air, _peaks([[1500.0, 4000.0]], 0.6))


_KINDS: dict[str, Callable] = {"speech": _speech, "song": _song, "cough": _cough, "snore": _snore}


# ---- building blocks ---------------------------------------------------------------------------------------------


def _voice(rng, cues, speaker, semitones, loud, times, vowels):
    """Voice with aspiration; ``vowels`` (n, 3) are reached at ``times`` (n,), ``semitones`` and ``loud`` per sample."""
    count = len(loud)
    jitter = 0.15 * _smooth(rng.standard_normal(count), 25)
    pitch = speaker.pitch * cues["pitch"] * 2 ** ((semitones + jitter) / 12)
    upper = np.broadcast_to([3500.0, 4600.0], (len(vowels), 2))
    formants = np.hstack([vowels, upper]) * speaker.tract * cues["formants"]
    frames = (np.arange(_frames(count)) * HOP) / RATE
    moving = np.stack([np.interp(frames, times, track) for track in formants.T], 1)
    tract = _peaks(moving, 0.08)
    tone = _harmonics(pitch.clip(50, 1000)) * loud
    air = rng.standard_normal(count) * loud * 10 ** (cues["breath"] / 20)
    return _filtered(tone, tract * _tilted(cues["tilt"])) + _filtered(air, tract * _tilted(-3.0))


def _harmonics(pitch):
    """Pulses of unit power with all harmonics below 7.5 kHz, none above: closed form of the sum of cosines."""
    half = np.pi * np.cumsum(pitch) / RATE
    orders = np.floor(7500.0 / pitch)
    below = np.sin(half)
    near = np.abs(below) < 1e-6
    ratio = np.sin((2 * orders + 1) * half) / np.where(near, 1.0, below)
    return (np.where(near, 2 * orders + 1, ratio) - 1) / np.sqrt(2 * orders)


def _tilted(db_per_octave):
    """Gain per bin of a spectral tilt above 100 Hz, (bins,)."""
    return 10 ** (db_per_octave * np.log2(np.maximum(BINS, 100) / 100) / 20) * np.minimum(BINS / 60, 1)


def _peaks(centres, width):
    """Gain (frames, bins) of resonances at ``centres`` (frames, n) Hz, as wide as ``width`` times their centre."""
    centres = np.asarray(centres)[:, :, None]
    return 0.04 + (1 / np.sqrt(1 + ((BINS - centres) / (0.5 * width * centres + 30)) ** 2)).sum(1)


def _frames(count):
    return -(-count // HOP) + 1


def _filtered(samples, gain):
    """Filters frame by frame with overlap-add; ``gain`` (bins,), or (frames or 1, bins) for a moving filter."""
    count, frames = len(samples), _frames(len(samples))
    padded = np.zeros((frames + 1) * HOP)
    padded[HOP : HOP + count] = samples
    halves = padded.reshape(-1, HOP)
    spectra = np.fft.rfft(np.hstack([halves[:-1], halves[1:]]) * _WINDOW, axis=1) * gain
    pieces = np.fft.irfft(spectra, FRAME, axis=1) * _WINDOW
    out = np.zeros_like(halves)
    out[:-1] += pieces[:, :HOP]
    out[1:] += pieces[:, HOP:]
    return out.ravel()[HOP : HOP + count]


def _time(count):
    return np.arange(count) / RATE


def _contour(count, times, values):
    """Straight lines through the points (times, values), in any order of time, at every sample."""
    order = np.argsort(times, kind="stable")
    return np.interp(_time(count), np.asarray(times)[order], np.asarray(values)[order])


def _bumps(count, starts, ends, heights, rise, fall):
    """A loudness contour: from each start up to its height within the share ``rise``, down over the last ``fall``."""
    starts, ends, heights = np.asarray(starts), np.asarray(ends), np.asarray(heights)
    span = ends - starts
    times = np.stack([starts, starts + rise * span, ends - fall * span, ends], 1).ravel()
    values = np.stack([0 * heights, heights, 0.8 * heights, 0 * heights], 1).ravel()
    return np.interp(_time(count), times, values, left=0.0, right=0.0)


def _smooth(samples, hertz):
    """Noise or contour with little left above ``hertz``, unit deviation: linear between sparse points."""
    step = RATE / (2 * hertz)
    points = samples[:: max(1, int(step))]
    smooth = np.interp(np.arange(len(samples)), np.arange(len(points)) * max(1, int(step)), points)
    return smooth / max(smooth.std(), 1e-9)
