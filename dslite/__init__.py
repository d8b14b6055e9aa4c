"""dslite: reproduces DeepSpectrumLite (Amiriparian et al., Frontiers in Artificial Intelligence 5:856232, 2022)."""

import importlib.util
import os
import sys
from functools import partial
from importlib.abc import MetaPathFinder

__version__ = "0.1.0"

# Keras and TensorFlow read these when they are imported; what other projects of this person need must change no figure.
os.environ["KERAS_BACKEND"] = "tensorflow"
for _variable in ("TF_ENABLE_ONEDNN_OPTS", "TF_USE_LEGACY_KERAS"):
    os.environ.pop(_variable, None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notices would stand before the results of every notebook


class _Quiet(MetaPathFinder):
    """Finds TensorFlow, whose libraries have something to say when they are loaded, whatever that variable is."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow" or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
            return None
        sys.meta_path.remove(self)
        if spec := importlib.util.find_spec(name):
            spec.loader.exec_module = partial(_quietly, spec.loader.exec_module)
        return spec


def _quietly(execute, module) -> None:
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        execute(module)
    finally:
        os.dup2(kept, 2)
        os.close(kept)


sys.meta_path.insert(0, _Quiet())
