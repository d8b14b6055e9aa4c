"""DenseNet121 (Huang et al., 2017), the paper's base model: 427 layers, 7,037,504 parameters."""

from dslite.backbones import application

BASE_MODEL = application("DenseNet121", "densenet", "torch", seconds=0.060, md5="30ee3e1110167f948a6b9946edeeb738")
