"""Audio files and tables with bytes changed at random: each is read, or refused in words.

``python -m tests.campaigns.fuzz --times 20000`` goes on for longer than the tests do.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from dslite import audio
from dslite.corpora.readers import own_csv
from dslite.decoding import header
from dslite.errors import DsliteError
from tests.campaigns.bad_input import LIMIT, limited

TABLE = "filename,label,speaker,start,end\n" + "".join(f"{n}.wav,{'ab'[n % 2]},s{n},0,0.2\n" for n in range(6))
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III", "aiff": "PCM_24", "au": "FLOAT"}


def _written(ending: str) -> bytes:
    stream, tone = io.BytesIO(), 0.3 * np.sin(np.arange(4_000) * 0.2)
    soundfile.write(stream, tone, 16_000, format=ending.upper(), subtype=FORMATS[ending])
    return stream.getvalue()


HEALTHY = {ending: _written(ending) for ending in FORMATS} | {"csv": TABLE.encode()}
"""By ending, a file as it should be."""


@some.composite
def mutations(draw) -> tuple[str, bytes]:
    """An ending, and a file's bytes: some replaced, mostly of its header, and then cut, or a piece of it twice."""
    ending = draw(some.sampled_from(sorted(HEALTHY)))
    data = bytearray(HEALTHY[ending])
    for _ in range(draw(some.integers(1, 8))):
        place = draw(some.integers(0, 63) | some.integers(0, len(data) - 1))
        data[place] = draw(some.integers(0, 255))
    begin, end = sorted(draw(some.tuples(*[some.integers(0, len(data))] * 2)))
    shapes = [data, data[:end], data[:begin] + data[end:], data[:end] + data[begin:]]
    return ending, bytes(draw(some.sampled_from(shapes)))


def read(file: Path) -> str:
    """``read`` or ``refused``: what came of a file.

    Raises:
        AssertionError: if samples that are none were taken for audio. Any other error than those for people, too.
    """
    try:
        with limited(LIMIT):
            if file.suffix == ".csv":
                own_csv.entries(file)
            else:
                try:
                    header(file)
                except (soundfile.LibsndfileError, OSError):  # which the corpus' page says in words of its own
                    return "refused"
                samples, _ = audio.load_noted(file)
                assert samples.ndim == 1 and len(samples) and np.isfinite(samples).all(), "samples that are none"
    except DsliteError as error:
        assert str(error).strip(), "refused without a word"
        return "refused"
    return "read"


def run(times: int) -> dict[str, int]:
    """How many of so many files were read, and how many refused; the same ones each time.

    Raises:
        AssertionError or whatever else came of the smallest file that is neither.
    """
    seen = {"read": 0, "refused": 0}
    librosa.resample(np.zeros(99), orig_sr=2, target_sr=1, res_type="soxr_hq")  # what it imports takes long
    with tempfile.TemporaryDirectory() as folder:

        @settings(max_examples=times, derandomize=True, database=None, deadline=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(mutations())
        def each(mutated: tuple[str, bytes]) -> None:
            ending, data = mutated
            file = Path(folder) / f"0.{ending}"
            file.write_bytes(data)
            seen[read(file)] += 1

        each()
    return seen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=2_000, metavar="N", help="how many files (default: 2000)")
    began = time.monotonic()
    print(run(parser.parse_args().times), f"in {time.monotonic() - began:.0f} s")
