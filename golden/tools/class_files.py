"""What make_classes.py and make_images.py write alike: rows of data, the case, and the adapter beside a model."""

import json
import os

import numpy as np
import torch

import cases
from float64 import float64
from make_families import PRECISION, SEED, TOLERANCES

# What is computed, beside the model.
ANSWERS = ("case.json", "expected.safetensors", "rows.jsonl")


def measured(updates, logits, answers, tokens: int, is_score: bool = False) -> dict[str, np.ndarray]:
    """Mean loss of `logits`, given one after the other, gradients of the updates' cores and their second moments."""
    total = 0.0
    with float64():
        for z, answer in zip(logits, answers):
            loss = (z[0] - answer) ** 2 if is_score else -torch.log_softmax(z, dim=-1)[answer]
            total = total + loss / len(answers)
        total.backward()
    return {
        "loss": np.array([float(total.detach())]),
        "gradient": np.stack([update.core.grad.numpy() for update in updates]),
        "moments": np.array([update.moments(tokens) for update in updates]),
    }


def write(
    name: str, tensors: dict, rows: list[dict], parameters: dict, generator: str, class_name: str, *libraries: str,
    is_measured: bool = True,
) -> None:
    with open(os.path.join(cases.output, "models", name, "rows.jsonl"), "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    # Of what only an adapter answers there are logits alone.
    tolerances = TOLERANCES if is_measured else {}
    if "adapter.logits" in tensors:
        tolerances = tolerances | {"adapter": 1e-5}
    cases.write_case(
        "models", name, kind="model", title=class_name, generator=generator,
        uses=("torch", "transformers", "peft", "safetensors", *libraries), inputs=cases.model_inputs(name), seed=SEED,
        parameters=parameters, tolerances=tolerances, tensors=tensors, precision=PRECISION)


def sizes(folder: str) -> dict[str, int]:
    return {entry: os.path.getsize(os.path.join(folder, entry)) for entry in sorted(os.listdir(folder))}


def save_adapter(wrapped, folder: str) -> None:
    """Random numbers into a PEFT model's adapter, which is then written beside its base."""
    generator = torch.Generator().manual_seed(SEED)
    for name, value in sorted(wrapped.named_parameters()):
        if "lora_" in name or "modules_to_save" in name:
            scale = 0.1 if value.dim() == 1 else 0.9 / value.shape[1] ** 0.5
            value.data = torch.randn(value.shape, generator=generator) * scale
    target = os.path.join(folder, "adapter")
    wrapped.eval().save_pretrained(target)
    os.remove(os.path.join(target, "README.md"))
    path = os.path.join(target, "adapter_config.json")
    with open(path) as file:
        config = json.load(file)
    # The library keeps sets, whose order differs from run to run.
    lists = {key: sorted(config[key]) for key in ("target_modules", "modules_to_save")}
    config |= lists | {"base_model_name_or_path": os.path.basename(folder)}
    with open(path, "w") as file:
        json.dump(config, file, indent=2, sort_keys=True)
        file.write("\n")
