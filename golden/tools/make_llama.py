"""Logits and gradients of the tiny model with scaled RoPE, biases and a sliding window (Transformers).

The weights are those of golden/tiny/model; a variant is a change of its config.json, and biases beside it. Everything is Float64
(float64.py); the angles come from the library's own inverse frequencies.
"""

import json
import os

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.mistral import modeling_mistral

import cases
import make_tiny
import models
from float64 import float64
from seeded import SeededGenerator

SEED = 20261129
RANK = 2
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
VARIANTS = {
    "llama3": {
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        }
    },
    "linear": {"rope_scaling": {"type": "linear", "factor": 4.0}},
    "yarn": {"rope_scaling": YARN},
    "yarn-fields": {
        "rope_scaling": YARN
        | {"attention_factor": 1.3, "beta_fast": 2.0, "beta_slow": 0.5, "truncate": False}
    },
    "yarn-mscale": {"rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 0.5}},
    # Plain frequencies, longer vectors: `rope.scaling.attn_factor` of a GGUF file and nothing else.
    "attention-factor": {"rope_scaling": YARN | {"factor": 1.0, "attention_factor": 1.5}},
    "longrope": {
        "rope_scaling": {
            "rope_type": "longrope", "short_factor": [1.0, 1.5, 2.0, 3.0],
            "long_factor": [2.0, 3.0, 5.0, 8.0], "original_max_position_embeddings": 64,
        }
    },
    "dynamic": {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
    "default": {"rope_scaling": {"type": "default"}, "hidden_act": "swish"},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "attention-biases": {"attention_bias": True},
    # The last two differ only where the window is shorter than the text.
    "window": {"model_type": "mistral", "sliding_window": 6},
    "wide-window": {"model_type": "mistral", "sliding_window": 64},
}


def _rotary(self, x, position_ids, layer_type=None):
    angles = position_ids[..., None].double() * self.inv_freq.double()
    angles = torch.cat((angles, angles), dim=-1)
    scale = self.attention_scaling
    return (angles.cos() * scale).to(x.dtype), (angles.sin() * scale).to(x.dtype)


modeling_llama.LlamaRotaryEmbedding.forward = _rotary
modeling_mistral.MistralRotaryEmbedding.forward = _rotary
modeling_mistral.MistralRMSNorm.forward = modeling_llama.LlamaRMSNorm.forward


def biases(names) -> dict[str, np.ndarray]:
    generator, shapes = SeededGenerator(SEED, 1), make_tiny.load_weights()
    return {
        f"{name}.bias": (0.5 * generator.normals(len(shapes[f"{name}.weight"]))).astype(np.float32)
        for name in names
    }


def model(change: dict, extra: dict):
    with open(os.path.join(cases.ROOT, make_tiny.MODEL, "config.json")) as file:
        config = json.load(file)
    del config["rope_parameters"]
    config |= {"rope_theta": 10000.0} | change
    if change.get("hidden_act") == "swish":  # The library's name of it is another, the function is not.
        config["hidden_act"] = "silu"
    kind = (MistralConfig, MistralForCausalLM) if config["model_type"] == "mistral" else (LlamaConfig, LlamaForCausalLM)
    with float64():
        built = kind[1](kind[0](**config, attn_implementation="sdpa"))
    wanted = set(built.state_dict())
    weights = {k: v for k, v in (make_tiny.load_weights() | extra).items() if k in wanted}
    assert wanted == set(weights), wanted ^ set(weights)
    built.load_state_dict({k: torch.from_numpy(v).double() for k, v in weights.items()})
    built.requires_grad_(False)
    return built.eval()


def gguf_divisors(rotary) -> np.ndarray:
    """What llama.cpp's converter writes as rope_freqs.weight: plain frequency over scaled frequency."""
    plain = 1.0 / 10000.0 ** (np.arange(0, 8, 2) / 8)
    return (plain / rotary.inv_freq.double().numpy()).astype(np.float32)


def draw(stream: int, count: int) -> list[int]:
    return [int(u * 64) for u in SeededGenerator(SEED, stream).uniforms(count)]


def main() -> None:
    folder = os.path.join(cases.output, "llama")
    os.makedirs(folder, exist_ok=True)
    names = models.module_names(make_tiny.config())
    shapes = make_tiny.load_weights()
    factors, tensors = {}, {}
    for index, name in enumerate(names):
        rows, columns = shapes[f"{name}.weight"].shape
        generator = SeededGenerator(SEED, 100 + index)
        factors[f"{name}.output"] = generator.matrix(rows, RANK) / np.sqrt(rows)
        factors[f"{name}.latent"] = generator.matrix(RANK, RANK)
        factors[f"{name}.input"] = generator.matrix(columns, RANK) / np.sqrt(columns)
    factors = {key: value.astype(np.float32) for key, value in factors.items()}
    extra = biases(names)
    prompt = draw(2, 48)
    examples = [{"prompt": draw(3, 40), "completion": draw(4, 3)}, {"prompt": draw(5, 9), "completion": draw(6, 2)}]
    for key, change in VARIANTS.items():
        plain = model(change, extra)
        if key == "llama3":
            tensors["llama3.divisors"] = gguf_divisors(plain.model.rotary_emb)
        latents = models.with_latents(
            plain, {n: tuple(factors[f"{n}.{p}"] for p in ("output", "latent", "input")) for n in names}
        )
        with float64():
            logits = plain(input_ids=torch.tensor([prompt]), use_cache=False).logits[0]
            tensors[f"{key}.logits"] = logits[[0, 5, 6, 20, 31, 47]].detach().numpy()
            total, count = 0.0, sum(len(example["completion"]) for example in examples)
            for example in examples:
                ids = example["prompt"] + example["completion"]
                rows = plain(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
                rows = torch.log_softmax(rows[len(example["prompt"]) - 1 : -1], dim=-1)
                total = total - rows[range(len(rows)), example["completion"]].sum() / count
            total.backward()
        tensors[f"{key}.loss"] = np.array([float(total.detach())])
        tensors[f"{key}.gradient"] = np.stack([latents[n].M.grad.numpy() for n in names])
    save_file(factors, os.path.join(folder, "factors.safetensors"))
    save_file(extra, os.path.join(folder, "biases.safetensors"))
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    with open(os.path.join(folder, "variants.json"), "w") as file:
        json.dump({
            "positions": [0, 5, 6, 20, 31, 47], "prompt": prompt, "examples": examples, "variants": VARIANTS,
            "provenance": {
                "generator": "golden/tools/make_llama.py", "seed": SEED,
                "libraries": cases.libraries("torch", "transformers", "safetensors"),
            },
        }, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
