"""Decoding: superblocks and folds, the softmax regression, cross-validation, scores."""

from cytosurf.decoding.bootstrap import bootstrap_macro_f1, percentile_interval
from cytosurf.decoding.crossval import (
    Decoder,
    DecodingResult,
    LabelCounts,
    count_labels,
    decode_labels,
    make_decoder,
)
from cytosurf.decoding.design import make_design
from cytosurf.decoding.folds import SCHEMES, Folds, make_folds
from cytosurf.decoding.linear import linear_r2
from cytosurf.decoding.softmax import SoftmaxFit, fit_softmax, predict_probability

__all__ = [
    "SCHEMES",
    "Decoder",
    "DecodingResult",
    "Folds",
    "LabelCounts",
    "SoftmaxFit",
    "bootstrap_macro_f1",
    "count_labels",
    "decode_labels",
    "fit_softmax",
    "linear_r2",
    "make_decoder",
    "make_design",
    "make_folds",
    "percentile_interval",
    "predict_probability",
]
