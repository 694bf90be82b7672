"""What make_classes.py and make_images.py write alike: classes.json with classes.safetensors, and the adapter beside a model."""

import json
import os

import numpy as np
import torch
from safetensors.numpy import save_file

import cases
from float64 import float64
from make_families import SEED

# What is computed, beside the model.
ANSWERS = ("classes.json", "classes.safetensors")


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


def write(folder: str, tensors: dict, content: dict, generator: str, class_name: str, *libraries: str) -> None:
    save_file(tensors, os.path.join(folder, "classes.safetensors"))
    with open(os.path.join(folder, "classes.json"), "w") as file:
        json.dump(content | {
            "provenance": {
                "generator": f"golden/tools/{generator}", "seed": SEED, "class": class_name,
                "libraries": cases.libraries("torch", "transformers", "peft", "safetensors", *libraries),
            },
        }, file, indent=1)
        file.write("\n")


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
