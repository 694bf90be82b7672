"""What Transformers computes with Gemma 3 270M, of which `make digests` fetches the GGUF file.

    make_gemma.py [GGUF]      by default models/gemma-3-270m-q4_k_m.gguf; writes golden/models/gemma-3-270m-logits.json

The weights are those of the file, by gguf `dequantize`, in Float32; norms with the one that GGUF adds taken away.
"""

import json
import os
import sys

import gguf
import numpy as np
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

import cases
from seeded import SeededGenerator

SEED = 20261130
NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm", "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def name(stored: str) -> str:
    if stored == "token_embd.weight":
        return "model.embed_tokens.weight"
    if stored == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = stored.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(cases.ROOT, "models/gemma-3-270m-q4_k_m.gguf")
    reader = gguf.GGUFReader(path)
    def field(key):
        return reader.fields["gemma3." + key].contents()
    weights = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        weights[name(tensor.name)] = torch.from_numpy(values - 1 if "norm" in tensor.name else values)
    vocabulary, width = weights["model.embed_tokens.weight"].shape
    config = Gemma3TextConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=field("feed_forward_length"),
        num_hidden_layers=field("block_count"), num_attention_heads=field("attention.head_count"),
        num_key_value_heads=field("attention.head_count_kv"), head_dim=field("attention.key_length"),
        query_pre_attn_scalar=field("attention.key_length"), sliding_window=field("attention.sliding_window"),
        max_position_embeddings=field("context_length"), rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": field("rope.freq_base")},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        })
    with torch.device("meta"):
        model = Gemma3ForCausalLM._from_config(config, attn_implementation="eager")
    model.to_empty(device="cpu")
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    # Buffers that no file holds were never made on the meta device.
    fresh = type(model.model.rotary_emb)(config)
    model.model.rotary_emb.load_state_dict(fresh.state_dict(), strict=False)
    for key, value in fresh.named_buffers():
        setattr(model.model.rotary_emb, key, value)
    scale = model.model.embed_tokens
    scale.embed_scale = torch.tensor(width**0.5)
    model.eval()
    # The first token is <bos>, as in every text of the model; the others are any.
    prompt = [2] + [int(u * 200_000) for u in SeededGenerator(SEED, 1).uniforms(600)]
    positions, tokens = [0, 1, 100, 511, 512, 600], [int(u * vocabulary) for u in SeededGenerator(SEED, 2).uniforms(40)]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0].double()
    losses = -torch.log_softmax(logits[:-1], dim=-1)[range(len(prompt) - 1), prompt[1:]]
    with open(os.path.join(cases.output, "models", "gemma-3-270m-logits.json"), "w") as file:
        json.dump({
            "prompt": prompt, "positions": positions, "tokens": tokens,
            "logits": [[round(float(logits[p, t]), 5) for t in tokens] for p in positions],
            "meanLoss": float(losses.mean()),
            "provenance": {
                "generator": "golden/tools/make_gemma.py", "seed": SEED,
                "libraries": cases.libraries("torch", "transformers", "gguf"),
            },
        }, file)
        file.write("\n")
    print(float(losses.mean()), logits[positions][:, tokens[:4]])


if __name__ == "__main__":
    main()
