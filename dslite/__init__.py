"""dslite: reproduces DeepSpectrumLite (Amiriparian et al., Frontiers in Artificial Intelligence 5:856232, 2022)."""

import os

__version__ = "0.1.0"

# Keras and TensorFlow read these when they are imported; what other projects of this person need must change no figure.
os.environ["KERAS_BACKEND"] = "tensorflow"
for _variable in ("TF_ENABLE_ONEDNN_OPTS", "TF_USE_LEGACY_KERAS"):
    os.environ.pop(_variable, None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its notices would stand before the results of every notebook
