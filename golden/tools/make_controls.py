"""Gradients of the numbers that PEFT's LoRA and VeRA train, on the tiny model, by autograd in Float64.

golden/controls/ gets the numbers, the frozen matrices of VeRA as PEFT draws them, gradients of cross-entropy and the losses.
"""

import json
import os

import numpy as np
import torch
from peft import LoraConfig, VeraConfig, get_peft_model
from safetensors.numpy import save_file

import cases
import make_tiny
import models
from make_training import batch_loss, tiny_examples
from seeded import SeededGenerator

SEED = 20261201
RANK = 3
PARTS = {"lora": ("lora_B", "lora_A"), "vera": ("vera_lambda_b", "vera_lambda_d")}


def configuration(method: str, names):
    leaves = sorted({name.rpartition(".")[2] for name in names})
    if method == "lora":
        return LoraConfig(r=RANK, lora_alpha=RANK, lora_dropout=0.0, target_modules=leaves)
    return VeraConfig(r=RANK, vera_dropout=0.0, target_modules=leaves, projection_prng_key=SEED)


def main() -> None:
    names = models.module_names(make_tiny.config())
    examples = tiny_examples(4)
    tensors = {}
    for stream, (method, parts) in enumerate(PARTS.items(), start=1):
        model = get_peft_model(make_tiny.base(torch.float32), configuration(method, names)).double()
        generator = SeededGenerator(SEED, stream)
        trained = {}
        for name in names:
            module = model.base_model.model.get_submodule(name)
            for part in parts:
                value = getattr(module, part)["default"]
                value = value.weight if method == "lora" else value
                numbers = (0.3 * generator.normals(value.numel())).astype(np.float32).reshape(value.shape)
                value.data = torch.from_numpy(numbers).double()
                trained[f"{method}.{name}.{part}"] = value
        if method == "vera":
            for part in ("vera_A", "vera_B"):
                shared = getattr(model.base_model, part)["default"].detach().float()
                getattr(model.base_model, part)["default"].data = shared.double()
                tensors[part] = shared.numpy()
        loss = batch_loss("ce", model, None, examples)
        tensors[f"{method}.loss"] = np.array([loss])
        for name, value in trained.items():
            tensors[name] = value.detach().float().numpy()
            tensors[f"{name}.gradient"] = value.grad.float().numpy()
    folder = os.path.join(cases.output, "controls")
    os.makedirs(folder, exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()},
              os.path.join(folder, "expected.safetensors"))
    with open(os.path.join(folder, "examples.json"), "w") as file:
        json.dump({
            "examples": examples,
            "provenance": {
                "generator": "golden/tools/make_controls.py", "seed": SEED, "precision": "float64, stored as float32",
                "libraries": cases.libraries("torch", "transformers", "peft", "safetensors"),
            },
        }, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
