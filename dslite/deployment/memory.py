"""Peak memory of one model in a process of its own: ``python -m dslite.deployment.memory FILE SAMPLES THREADS``.

A process that has run other things keeps their memory, so every model gets a fresh one.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

CALLS = 5


def peak_memory(file: Path, samples: int, threads: int) -> dict[str, float]:
    """Loads a model in a fresh process and classifies a few chunks of noise.

    Args:
        file: ``.tflite`` (run by LiteRT) or ``.keras`` (run as a TensorFlow function).
        samples: length of the chunks.
        threads: of the interpreter, or of TensorFlow.

    Returns:
        ``peak_mb``: most memory of the process; ``model_mb``: of it, what came after the imports (MB = 10^6 bytes).
    """
    command = [sys.executable, "-m", __spec__.name, str(file), str(samples), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{file.name}: the memory measurement failed: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _peak_bytes() -> int:
    # Linux hands the peak of getrusage on from the parent; the one in /proc belongs to this program alone.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _main(file: Path, samples: int, threads: int) -> None:
    if file.suffix == ".tflite":
        from dslite.deployment.runtime import LiteModel

        before = _peak_bytes()
        classify = LiteModel(file, threads)
    else:
        from dslite.keras_defaults import use_threads

        use_threads(threads)
        from dslite.deployment.offer import keras_classifier
        from dslite.model import load_model

        before = _peak_bytes()
        classify = keras_classifier(load_model(file))
    chunk = np.random.default_rng(0).standard_normal((1, samples)).astype(np.float32)
    for _ in range(CALLS):
        classify(chunk)
    peak = _peak_bytes()
    print(json.dumps({"peak_mb": peak / 1e6, "model_mb": (peak - before) / 1e6}))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
