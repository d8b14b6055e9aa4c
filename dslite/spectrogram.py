"""The front end: a chunk of audio becomes the picture of its Mel spectrogram (paper, section 2.1).

Chunk -> peak normalisation -> STFT (Hann) -> power -> Mel bins -> dB -> min-max -> colour map -> resize.
It is one Keras layer, so that training, explanation and the exported model cannot differ. The work is split where
the data is smallest: :meth:`MelPlot.quantise` ends with a level per Mel bin and frame, a byte (two where colours are
interpolated), which is what is cached, and :meth:`MelPlot.paint` turns levels into the plot.
"""

from dataclasses import asdict

import numpy as np
from matplotlib import colormaps

from dslite.errors import DsliteError
from dslite.front_end import FrontEnd, mel_filters
from dslite.keras_defaults import keras, tf


def colour_table(name: str) -> np.ndarray:
    """The 256 colours of a colour map, from matplotlib's own table: float32 (256, 3) in 0-255."""
    return (colormaps[name](np.arange(256))[:, :3] * 255.0).astype(np.float32)


@keras.saving.register_keras_serializable("dslite")
class MelPlot(keras.layers.Layer):
    """Waveforms to spectrogram plots, batched, in the graph.

    Call: float32 (batch, samples) -> float32 (batch, size, size, 3), RGB in 0-255; rows are frequency
    (top is high), columns are time. Silent and constant chunks give the map's first colour throughout, never NaN.

    Args:
        parameters: a :class:`FrontEnd`, or its fields as a dict (as in a saved model); None for the paper's.
    """

    def __init__(self, parameters: FrontEnd | dict | None = None, **kwargs):
        super().__init__(**{"trainable": False, **kwargs})
        if isinstance(parameters, dict):
            parameters = FrontEnd(**parameters)
        self.parameters = p = parameters or FrontEnd()
        if p.loudest_db and not p.top_db:
            raise DsliteError(f"loudest_db is {p.loudest_db:g} without a range below it; top_db above 0 was expected.")
        self._filters = mel_filters(self.parameters)
        self.colours = colour_table(self.parameters.colours)

    def get_config(self):
        return {**super().get_config(), "parameters": asdict(self.parameters)}

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.parameters.size, self.parameters.size, 3)

    def decibels(self, waveforms):
        """Mel power in dB relative to the loudest bin, or to :attr:`FrontEnd.loudest_db`: (batch, samples) -> float32
        (batch, frames, mel_bins) <= 0."""
        p = self.parameters
        db = self.power(waveforms)
        db = tf.minimum(db - p.loudest_db, 0.0) if p.loudest_db else db - tf.reduce_max(db, axis=[1, 2], keepdims=True)
        return tf.maximum(db, -p.top_db) if p.top_db else db

    def power(self, waveforms):
        """Mel power in dB: (batch, samples) -> float32 (batch, frames, mel_bins)."""
        p = self.parameters
        if p.normalise and not p.loudest_db:
            # Gain has no effect once the plot is scaled by its own minimum and maximum, except against the floor; the
            # peak is therefore brought to 1 for every chunk (paper 2.1, "signal normalization"; ledger F-04).
            peak = tf.reduce_max(tf.abs(waveforms), axis=-1, keepdims=True)
            waveforms = tf.math.divide_no_nan(waveforms, peak)
        spectrum = tf.signal.stft(waveforms, p.window, p.hop, p.fft, pad_end=False)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        # One matrix product for the whole batch is several times faster than one per chunk.
        shape = tf.shape(power)
        mel = tf.matmul(tf.reshape(power, [-1, p.fft // 2 + 1]), self._filters)
        mel = tf.reshape(mel, [shape[0], shape[1], p.mel_bins])
        return tf.math.log(tf.maximum(mel, p.floor)) * np.float32(10.0 / np.log(10.0))

    def quantise(self, waveforms):
        """The spectrogram before colours: (batch, samples) -> levels (batch, frames, mel_bins), 0 is the quietest.

        Min-max scaled per chunk, or over the one range for all. uint8: cut into 256 steps as matplotlib does it, so
        that this loses nothing that the colour map would not lose; 255 is the loudest. uint16: 65,280 is the loudest
        (:attr:`FrontEnd.level_type`).
        """
        return tf.cast(self._levels(waveforms), self.parameters.level_type)

    def _levels(self, waveforms):
        db = self.decibels(waveforms)
        fixed = self.parameters.loudest_db
        low = tf.constant(-self.parameters.top_db) if fixed else tf.reduce_min(db, axis=[1, 2], keepdims=True)
        scaled = tf.math.divide_no_nan(db - low, -low)  # the maximum is 0 dB; silence gives 0 / 0 -> 0
        if self.parameters.colouring == "interpolated":
            return tf.cast(tf.round(scaled * 65_280.0), tf.int32)
        return tf.cast(tf.minimum(scaled * 256.0, 255.0), tf.int32)

    def paint(self, levels):
        """Colours and resizes: integers (batch, frames, mel_bins) -> float32 (batch, size, size, 3), RGB in 0-255."""
        if self.parameters.colouring == "interpolated":
            return self.arrange(self.blend(tf.cast(levels, tf.float32)))
        return self.arrange(tf.gather(self.colours, tf.cast(levels, tf.int32)))

    def blend(self, levels):
        """Colours on straight lines between those of the map: float32 (...) -> (..., 3); it has a gradient."""
        at = levels / 256.0 if self.parameters.colouring == "interpolated" else levels
        low = tf.minimum(tf.floor(at), 254.0)
        share, index = (at - low)[..., None], tf.cast(low, tf.int32)
        return tf.gather(self.colours, index) * (1.0 - share) + tf.gather(self.colours, index + 1) * share

    def arrange(self, colours):
        """Turns and resizes: float32 (batch, frames, mel_bins, 3) -> float32 (batch, size, size, 3)."""
        size, method = [self.parameters.size] * 2, self.parameters.resize
        picture = tf.transpose(colours, [0, 2, 1, 3])
        if method == "nearest":  # which rounds the other way when turned (F-03)
            return tf.reverse(tf.image.resize(picture, size, method=method), axis=[1])
        return tf.image.resize(tf.reverse(picture, axis=[1]), size, method=method)

    def call(self, waveforms):
        return self.paint(self._levels(waveforms))
