"""DenseNet201 (Huang et al., 2017): 707 layers, 18,321,984 parameters."""

from dslite.backbones import application

BASE_MODEL = application("DenseNet201", "densenet", "torch", seconds=0.15, md5="c13680b51ded0fb44dff2d8f86ac8bb1")
