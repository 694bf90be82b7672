"""Tiny random vision transformers with heads for classes, by Transformers' own class, with their logits, losses and gradients.

    make_images.py [--expected] [NAME ...]      with --expected models stay as they are

Each folder of golden/models/ gets config.json and model.safetensors as the class writes them, preprocessor_config.json, images.npy
(of `vit` bytes, of `vit-pixels` numbers as the model is given them), and rows.jsonl, case.json and expected.safetensors as those of
make_classes.py. Weights are bfloat16 numbers, models and the steps for images run in Float64 from end to end. Beside `vit` lies a PEFT adapter for classes, whose logits are
those of PEFT; its modules have the names of the class, of which the class' own file has others. `vit-bare` is a model without a
head.
"""

import json
import os
import shutil

import numpy as np
import torch
import transformers
from transformers.image_transforms import normalize, rescale

import cases
import class_files
from float64 import float64
from make_families import SEED, Update, stored

VIT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_act": "gelu",
    "image_size": 12, "patch_size": 4, "num_channels": 3, "num_labels": 3,
}
MODELS = {
    "vit": VIT,
    # One channel, other sides, no biases of queries, keys and values.
    "vit-pixels": VIT | {"image_size": [8, 12], "num_channels": 1, "qkv_bias": False},
}
# A model that answers nothing.
BARE = "vit-bare"
PROCESSOR = {
    "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.4, 0.45], "image_std": [0.5, 0.25, 0.3],
    "image_processor_type": "ViTImageProcessor", "resample": 2, "rescale_factor": 1 / 255, "size": {"height": 12, "width": 12},
}
ANSWERS = [2, 0, 1, 1]
# What the class calls modules of a block, and what its files do.
NAMES = {
    "attention.k_proj": "attention.attention.key", "attention.q_proj": "attention.attention.query",
    "attention.v_proj": "attention.attention.value", "attention.o_proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense",
}


def fill(model, seed: int) -> None:
    """Random weights of a size at which every part matters, all bfloat16 numbers."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in sorted(model.named_parameters()):
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if value.dim() == 1:
            noise = torch.round(noise * 16) / 64 + (1 if "norm" in name and name.endswith("weight") else 0)
        elif "token" in name or "position" in name:
            noise *= 0.5
        else:
            noise *= 0.9 / value[0].numel() ** 0.5
        value.data = noise.to(torch.bfloat16).to(torch.float64)


def modules(layers: int) -> list[tuple[str, str]]:
    """Names of the files, in this project's order, with those of the class."""
    return [(f"vit.encoder.layer.{layer}.{old}", f"vit.layers.{layer}.{new}")
            for layer in range(layers) for new, old in sorted(NAMES.items(), key=lambda item: item[1].encode())]


def adapter(folder: str, pixels: torch.Tensor) -> np.ndarray:
    """A PEFT adapter with a head of its own; its logits."""
    import peft
    torch.manual_seed(SEED)
    model = transformers.ViTForImageClassification.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    wrapped = peft.get_peft_model(model, peft.LoraConfig(
        r=2, lora_alpha=4, target_modules=["q_proj", "fc2"], modules_to_save=["classifier"]))
    class_files.save_adapter(wrapped, folder)
    with torch.no_grad(), float64():
        return wrapped.double()(pixel_values=pixels).logits.numpy()


def bare() -> None:
    folder = os.path.join(cases.output, "models", BARE)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    stored("ViTModel", {key: VIT[key] for key in VIT if key != "num_labels"}, folder, fill)
    processor(folder)


def processor(folder: str) -> None:
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as file:
        json.dump(PROCESSOR, file, indent=2, sort_keys=True)
        file.write("\n")


def make(name: str) -> None:
    if name == BARE:
        return bare()
    settings = MODELS[name]
    folder = os.path.join(cases.output, "models", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = stored("ViTForImageClassification", settings, folder, fill)
    draws = np.random.default_rng(SEED)
    sides = settings["image_size"]
    height, width = sides if isinstance(sides, list) else (sides, sides)
    if name == "vit":
        images = draws.integers(0, 256, (len(ANSWERS), height, width, 3), dtype=np.uint8)
        values = np.stack([
            normalize(rescale(image, PROCESSOR["rescale_factor"], dtype=np.float64), PROCESSOR["image_mean"],
                      PROCESSOR["image_std"], input_data_format="channels_last") for image in images]).transpose(0, 3, 1, 2)
        processor(folder)
    else:
        values = images = draws.standard_normal((len(ANSWERS), 1, height, width)).astype(np.float32)
    np.save(os.path.join(folder, "images.npy"), images)
    pixels = torch.from_numpy(np.ascontiguousarray(values)).double()
    names = modules(settings["num_hidden_layers"])
    tensors = {}
    with torch.no_grad(), float64():
        tensors["logits"] = model(pixel_values=pixels).logits.numpy()
    if name == "vit":
        tensors["adapter.logits"] = adapter(folder, pixels)
    updates = [Update(index, model.get_submodule(own)) for index, (_, own) in enumerate(names)]
    tensors |= class_files.measured(
        updates, (model(pixel_values=image[None]).logits[0] for image in pixels), ANSWERS,
        len(ANSWERS) * (1 + height * width // settings["patch_size"] ** 2))
    rows = [{"image": "images.npy", "index": index, "label": label} for index, label in enumerate(ANSWERS)]
    class_files.write(
        name, tensors, rows, {"modules": [file_name for file_name, _ in names]}, "make_images.py", "ViTForImageClassification",
        "numpy")
    print(name, class_files.sizes(folder))


def main() -> None:
    torch.set_num_threads(1)
    cases.run_models(make, [*MODELS, BARE], class_files.ANSWERS)


if __name__ == "__main__":
    main()
