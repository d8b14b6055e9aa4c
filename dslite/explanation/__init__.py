"""Why a model decides as it does: SHAP on spectrograms, and checks that the maps deserve trust (paper, section 3.5).

Nothing here is imported with the package: ``regions``, ``choice``, ``maps`` and ``evidence`` need neither TensorFlow
nor shap, nor does ``trust``; ``view`` needs TensorFlow, ``explainers`` shap.
"""
