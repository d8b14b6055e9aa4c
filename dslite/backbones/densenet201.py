"""DenseNet201 (Huang et al., 2017): 707 layers, 18,321,984 parameters."""

from dataclasses import replace

from dslite.backbones import application, densenet121

BASE_MODEL = replace(
    densenet121.BASE_MODEL,
    title="DenseNet201",
    build=application("DenseNet201"),
    file="densenet201_weights_tf_dim_ordering_tf_kernels_notop.h5",
    md5="c13680b51ded0fb44dff2d8f86ac8bb1",
    seconds=0.15,
)
