"""DenseNet121 (Huang et al., 2017), the paper's base model: 427 layers, 7,037,504 parameters."""

from dslite.backbones import KERAS, BaseModel, application

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

BASE_MODEL = BaseModel(
    title="DenseNet121",
    build=application("DenseNet121"),
    scale=tuple(1 / (255 * d) for d in _DEVIATION),
    offset=tuple(-m / d for m, d in zip(_MEAN, _DEVIATION, strict=True)),
    released_mask=_MEAN,
    file="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url=KERAS + "densenet/",
    md5="30ee3e1110167f948a6b9946edeeb738",
    seconds=0.060,
)
