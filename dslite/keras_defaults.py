"""Keras with its own defaults, whatever ``~/.keras/keras.json`` says: every module takes ``keras`` from here.

TensorFlow's own warnings, of graphs that are traced again, are for its developers.
"""

import logging

import keras

keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
logging.getLogger("tensorflow").setLevel("ERROR")
