"""Supervised baseline: the encoder of a training and a linear layer, trained on labels end to end.

Encoder, first weights, batches, augmentations, optimiser, schedule and number of updates are those
of the configuration of a contrastive training; the loss is cross-entropy with balanced classes.
One process; not resumed within a fit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cytosurf.errors import CytosurfError, InputError
from cytosurf.histology.source import PatchSource
from cytosurf.spatialnce.batches import StepBatches
from cytosurf.spatialnce.config import LossConfig, TrainConfig
from cytosurf.spatialnce.model import PatchModel, new_model
from cytosurf.spatialnce.step import optimiser_of, rate

Int64 = npt.NDArray[np.int64]


class Classifier(nn.Module):
    """An encoder of patches and a linear layer over its features.

    Parameters
    ----------
    model : PatchModel
        Whose encoder and scaling of grey values are used, and not its projection.
    n_classes : int
        Outputs.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, model: PatchModel, n_classes: int) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.head = nn.Linear(int(model.encoder.width), n_classes)  # type: ignore[arg-type]
        self.register_buffer("mean", model.mean)
        self.register_buffer("sd", model.sd)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, n_classes) of patches with values of 0 to 1."""
        logits: Tensor = self.head(self.encoder((images - self.mean) / self.sd))
        return logits


def fit_classifier(
    config: TrainConfig, source: PatchSource, classes: Int64, n_classes: int
) -> Classifier:
    """Train encoder and linear layer together on labelled patches.

    Parameters
    ----------
    config : TrainConfig
        All but its loss, and its source, is used.
    source : PatchSource
        The patches to train on.
    classes : (n,) ndarray of int64
        Class of each, 0 to ``n_classes - 1``; every class must be there.
    n_classes : int
        Number of classes.

    Returns
    -------
    Classifier
        Ready to classify (evaluation mode).

    Raises
    ------
    InputError
        If a class has no patch, or there are fewer patches than a batch.
    CytosurfError
        If the loss is not finite.
    """
    count = np.bincount(classes, minlength=n_classes)
    if len(count) != n_classes or not count.all():
        raise InputError("classes", f"{count.tolist()} patches", "some of each class")
    one_view = LossConfig(kind="spatialnce")  # the loss itself is cross-entropy
    config = config.model_copy(update={"loss": one_view})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        classifier = Classifier(new_model(config, source), n_classes).to(device).train()
    optimiser = optimiser_of(config, classifier)
    weight = torch.from_numpy(len(classes) / (n_classes * count)).float().to(device)
    truth = torch.from_numpy(classes)
    batches = StepBatches(config, source=source)
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(config, step)
        batch = batches[step]
        optimiser.zero_grad(set_to_none=True)
        logits = classifier(batch.images.to(device))
        expected = truth[batch.indices].to(device)
        loss = nn.functional.cross_entropy(logits, expected, weight)
        if not math.isfinite(loss.item()):
            raise CytosurfError(f"The loss of the classifier is {loss.item()} at step {step}.")
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(classifier.parameters(), config.clip_norm or math.inf)
        optimiser.step()
    return classifier.eval()


@torch.no_grad()
def classify(classifier: Classifier, source: PatchSource, batch_size: int = 256) -> Int64:
    """Return the most probable class of every patch of a source."""
    device = next(classifier.parameters()).device
    starts = range(0, len(source.ids), batch_size)
    chunks = (np.arange(a, min(a + batch_size, len(source.ids))) for a in starts)
    found = [classifier(torch.from_numpy(source.read(c)).to(device)).argmax(1) for c in chunks]
    classes: Int64 = torch.cat(found).cpu().numpy()
    return classes
