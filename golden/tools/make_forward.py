"""Hidden states and logits of base, base + LoRA and base + U M Vᵀ (Transformers and PEFT)."""

import os

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import cases
import make_tiny
import models
from seeded import SeededGenerator

SEED = 7
PROBES = 16
PROMPTS = [
    "Intent:",
    "Customer: I would appreciate it if I could get an item refunded\nIntent:",
    "Utterance: what is the number of calories in a steak\nDomain:",
    "Customer: My card was due on 24/11/2026 - it's 3 days late. Can you tell me where it is, "
    "and whether I'll be charged again?\nIntent:",
]
TINY_PROMPTS = [[5], [1, 2, 3], [63, 0, 17, 17, 40, 9, 33], list(range(11, 61, 4))]


def top_and_probe(logits: np.ndarray, top: int, probes: np.ndarray) -> tuple:
    ids = np.argsort(-logits, axis=1, kind="stable")[:, :top].astype(np.int32)
    return ids, np.take_along_axis(logits, ids, axis=1), logits @ probes


def logit_probes(vocabulary: int) -> np.ndarray:
    """Gaussian [vocab, 16] / sqrt(vocab): every logit of the vocabulary counts in 16 numbers."""
    return SeededGenerator(SEED).matrix(vocabulary, PROBES) / np.sqrt(vocabulary)


def forward_case(name, title, make, prompts, texts, inputs, layers, top, tolerances, **extra):
    """Float64 is the answer; the same model in Float32 says what precision costs PyTorch itself."""
    probes, tensors, records, costs = None, {}, [], {"hidden": 0.0, "logits": 0.0}
    exact, rounded = make(torch.float64), make(torch.float32)
    stored = np.float64 if name.startswith("tiny") else np.float32
    for index, ids in enumerate(prompts):
        hidden, logits = models.residuals(exact, ids, layers)
        hidden32, logits32 = models.residuals(rounded, ids, layers)
        if probes is None:
            probes = logit_probes(logits.shape[1])
        positions = sorted({0, len(ids) // 2, len(ids) - 1})
        for layer in layers:
            value = hidden[layer].numpy()[positions]
            error = cases.relative_error(hidden32[layer].numpy()[positions], value)
            costs["hidden"] = max(costs["hidden"], error)
            tensors[f"{index}.hidden.{layer}"] = value.astype(stored)
        logits = logits.numpy()[positions]
        error = cases.relative_error(logits32.numpy()[positions], logits)
        costs["logits"] = max(costs["logits"], error)
        ids_top, values, projected = top_and_probe(logits, top, probes)
        tensors[f"{index}.logits.ids"] = ids_top
        tensors[f"{index}.logits.values"] = values.astype(stored)
        tensors[f"{index}.logits.projection"] = projected.astype(stored)
        record = {"ids": ids, "positions": positions}
        if texts:
            record["text"] = texts[index]
        records.append(record)
    cases.write_case(
        "forward",
        name,
        kind="forward",
        title=title,
        generator="make_forward.py",
        uses=("torch", "transformers", "peft", "gguf", "safetensors"),
        inputs=inputs,
        seed=SEED,
        parameters={"layers": layers, "top": top, "probes": PROBES, "prompts": records, **extra},
        tolerances=tolerances,
        expected={"float32CostInPyTorch": {k: float(f"{v:.1e}") for k, v in costs.items()}},
        tensors=tensors,
        precision="float64, stored as " + np.dtype(stored).name,
    )


def orthonormal(generator: SeededGenerator, rows: int, columns: int) -> np.ndarray:
    return np.linalg.qr(generator.matrix(rows, columns))[0]


def make_updates(area: str, model, names, rank, scale, seed) -> dict:
    """Explicit factors of U M Vᵀ for some modules, written beside the case that uses them."""
    path = os.path.join(cases.GOLDEN, "forward", area, "update.safetensors")
    if cases.output != cases.GOLDEN:  # Checking: the committed factors are the input.
        return split_updates(load_file(path), names)
    generator, tensors = SeededGenerator(seed), {}
    for name in names:
        rows, columns = model.get_submodule(name).weight.shape
        tensors[f"{name}.output_basis"] = orthonormal(generator, rows, rank)
        tensors[f"{name}.latent"] = scale * generator.matrix(rank, rank)
        tensors[f"{name}.input_basis"] = orthonormal(generator, columns, rank)
    tensors = {key: value.astype(np.float32) for key, value in tensors.items()}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    save_file(tensors, path)
    return split_updates(tensors, names)


def split_updates(tensors: dict, names) -> dict:
    return {
        name: tuple(tensors[f"{name}.{part}"] for part in ("output_basis", "latent", "input_basis"))
        for name in names
    }


def with_updates(make, updates):
    def made(dtype):
        model = make(dtype)
        models.with_latents(model, updates)
        return model

    return made


def tiny() -> None:
    tolerances = {"hidden": 1e-5, "logits": 1e-5}
    common = dict(prompts=TINY_PROMPTS, texts=None, layers=[0, 1, 2], top=64, tolerances=tolerances)
    base = cases.folder_input(make_tiny.MODEL)
    forward_case(
        "tiny-base", "Tiny base model", make_tiny.base, inputs={"base": base}, **common
    )
    for name, folder in (("lora", make_tiny.ADAPTER), ("lora-patterns", make_tiny.PATTERNS)):
        forward_case(
            f"tiny-{name}",
            f"Tiny base model with {folder.rsplit('/')[-1]}",
            lambda dtype: models.with_adapter(make_tiny.base(dtype), folder),
            inputs={"base": base, "adapter": cases.folder_input(folder)},
            **common,
        )
    names = models.module_names(make_tiny.config())
    chosen = [names[0], names[3], names[6], names[8], names[11]]
    updates = make_updates("tiny-xs", make_tiny.base(), chosen, rank=3, scale=1.0, seed=SEED + 1)
    forward_case(
        "tiny-xs",
        "Tiny base model with explicit U M Vᵀ on five modules",
        with_updates(make_tiny.base, updates),
        inputs={"base": base, "update": cases.file_input("golden/forward/tiny-xs/update.safetensors")},
        **common,
    )


def demo() -> None:
    tolerances = {"hidden": 5e-5, "logits": 5e-5}
    prompts = [models.encode(text) for text in PROMPTS]
    common = dict(
        prompts=prompts, texts=PROMPTS, layers=[1, 15, 30], top=64, tolerances=tolerances
    )
    base = cases.file_input(cases.DEMO_BASE)
    forward_case("demo-base", "Demo base", models.demo_base, inputs={"base": base}, **common)
    for adapter in ("banking77-r16", "clinc-domains-r8"):
        folder = f"golden/adapters/{adapter}"
        forward_case(
            f"demo-{adapter}",
            f"Demo base with {adapter}",
            lambda dtype: models.with_adapter(models.demo_base(dtype), folder),
            inputs={"base": base, "adapter": cases.folder_input(folder)},
            **common,
        )
    names = models.module_names(models.demo_config())
    chosen = [names[7 * layer + kind] for layer, kind in ((0, 0), (0, 6), (9, 1), (15, 2), (15, 4), (22, 3), (29, 5), (29, 6))]
    updates = make_updates("demo-xs", models.demo_base(), chosen, rank=2, scale=8.0, seed=SEED + 2)
    forward_case(
        "demo-xs",
        "Demo base with explicit U M Vᵀ, rank 2, on eight modules",
        with_updates(models.demo_base, updates),
        inputs={"base": base, "update": cases.file_input("golden/forward/demo-xs/update.safetensors")},
        **common,
    )


if __name__ == "__main__":
    tiny()
    demo()
