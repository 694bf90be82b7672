"""A tiny random Llama model and two PEFT adapters for it, for tests that need no demo base."""

import json
import os
import shutil

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from transformers import LlamaConfig

import cases
import models
from seeded import SeededGenerator

SEED = 20261123
MODEL, ADAPTER, PATTERNS = "golden/tiny/model", "golden/tiny/adapter", "golden/tiny/adapter-patterns"


def config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="sdpa",
    )


def load_weights() -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(os.path.join(cases.ROOT, MODEL, "model.safetensors"))


def base(dtype=torch.float64):
    return models.build(config(), load_weights(), dtype)


def make_model() -> None:
    folder = os.path.join(cases.ROOT, MODEL)
    os.makedirs(folder, exist_ok=True)
    generator = SeededGenerator(SEED)
    weights = {}
    from transformers import LlamaForCausalLM

    for name, value in LlamaForCausalLM(config()).state_dict().items():
        shape = tuple(value.shape)
        if len(shape) == 1:
            weights[name] = 1 + 0.2 * generator.normals(shape[0])
        else:
            # Wide enough that every part of the network changes the logits.
            weights[name] = 1.5 * generator.matrix(*shape) / np.sqrt(shape[1])
        weights[name] = weights[name].astype(np.float32)
    save_file(weights, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    text = {"architectures": ["LlamaForCausalLM"], **json.loads(config().to_json_string())}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(text, file, indent=2)
        file.write("\n")


def make_adapter(relative: str, stream: int, **options) -> None:
    folder = os.path.join(cases.ROOT, relative)
    shutil.rmtree(folder, ignore_errors=True)
    generator = SeededGenerator(SEED, stream)
    settings = LoraConfig(
        target_modules=models.KINDS, task_type="CAUSAL_LM", base_model_name_or_path="tiny", **options
    )
    adapted = get_peft_model(base(torch.float32), settings)
    with torch.no_grad():
        for name, value in sorted(adapted.named_parameters()):
            if "lora_" in name:
                numbers = generator.matrix(*value.shape) * (0.5 / np.sqrt(value.shape[1]))
                value.copy_(torch.from_numpy(numbers.astype(np.float32)))
    adapted.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))


def main() -> None:
    make_model()
    make_adapter(ADAPTER, 1, r=4, lora_alpha=8)
    make_adapter(
        PATTERNS,
        2,
        r=4,
        lora_alpha=6,
        use_rslora=True,
        rank_pattern={"layers.1.self_attn.q_proj": 2, "down_proj": 6},
        alpha_pattern={"model.layers.0.mlp.down_proj": 3, "k_proj": 16},
    )


if __name__ == "__main__":
    main()
