"""The curves of an SFT run in ``report.html``."""

from __future__ import annotations

from reinforcesight.tuning.report import Chart

SFT_CHARTS = (
    Chart("Loss", {"loss": "training", "eval_loss": "validation"}),
    Chart("Accuracy of generated answers", {"eval_accuracy": "accuracy", "eval_parse_rate": "readable answers"}),
    Chart(
        "Accuracy of the next token",
        {"mean_token_accuracy": "training", "eval_mean_token_accuracy": "validation"},
    ),
    Chart("Learning rate", {"learning_rate": "learning rate"}),
)
