"""DenseNet169 (Huang et al., 2017): 595 layers, 12,642,880 parameters."""

from dataclasses import replace

from dslite.backbones import application, densenet121

BASE_MODEL = replace(
    densenet121.BASE_MODEL,
    title="DenseNet169",
    build=application("DenseNet169"),
    file="densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
    md5="b8c4d4c20dd625c148057b9ff1c1176b",
    seconds=0.12,
)
