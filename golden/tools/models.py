"""The reference models: Transformers' Llama and PEFT's LoRA, kept in Float64 throughout.

Transformers rounds three places to Float32 whatever the model's dtype (RMS norm, rotary angles and,
in the eager path, the softmax). Here norm and angles stay in the model's dtype, and scaled dot
product attention keeps the softmax there, so that Float64 results are Float64 results.
"""

import functools
import os

import gguf
import numpy as np
import torch
from peft import PeftModel
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama

import cases

torch.set_num_threads(int(os.environ.get("GOLDEN_THREADS", "1")))
KINDS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def _norm(self, hidden):
    variance = hidden.pow(2).mean(-1, keepdim=True)
    return self.weight * (hidden * torch.rsqrt(variance + self.variance_epsilon))


def _rotary(self, x, position_ids):
    base, half = self.config.rope_parameters["rope_theta"], self.config.head_dim // 2
    exponents = torch.arange(half, dtype=torch.float64) / half
    angles = position_ids[..., None].double() * base**-exponents
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


modeling_llama.LlamaRMSNorm.forward = _norm
modeling_llama.LlamaRotaryEmbedding.forward = _rotary


@functools.cache
def demo_reader() -> gguf.GGUFReader:
    return gguf.GGUFReader(os.path.join(cases.ROOT, cases.DEMO_BASE))


def field(key: str):
    return demo_reader().fields[key].contents()


HF_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def hf_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{HF_NAMES[part]}.weight"


def unpermute(rows: np.ndarray, heads: int) -> np.ndarray:
    """GGUF's interleaved rotary rows back to HF's half-split rows."""
    size = rows.shape[0] // heads
    paired = rows.reshape(heads, size // 2, 2, *rows.shape[1:])
    return np.ascontiguousarray(paired.swapaxes(1, 2)).reshape(rows.shape)


@functools.cache
def demo_weights() -> dict[str, np.ndarray]:
    """The demo base decoded to Float32 in HF names and row order."""
    heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
    weights = {}
    for tensor in demo_reader().tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in tensor.name:
            values = unpermute(values, heads)
        if ".attn_k." in tensor.name:
            values = unpermute(values, kv_heads)
        weights[hf_name(tensor.name)] = values
    return weights


def demo_config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=field("llama.vocab_size"),
        hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"),
        num_hidden_layers=field("llama.block_count"),
        num_attention_heads=field("llama.attention.head_count"),
        num_key_value_heads=field("llama.attention.head_count_kv"),
        max_position_embeddings=field("llama.context_length"),
        rms_norm_eps=field("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("llama.rope.freq_base")},
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )


def build(config: LlamaConfig, weights: dict, dtype=torch.float64) -> LlamaForCausalLM:
    model = LlamaForCausalLM(config).to(dtype)
    state = {name: torch.from_numpy(np.asarray(values)).to(dtype) for name, values in weights.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    model.requires_grad_(False)
    return model.eval()


def demo_base(dtype=torch.float64) -> LlamaForCausalLM:
    return build(demo_config(), demo_weights(), dtype)


def with_adapter(model: LlamaForCausalLM, relative: str) -> PeftModel:
    adapted = PeftModel.from_pretrained(
        model, os.path.join(cases.ROOT, relative), autocast_adapter_dtype=False
    )
    adapted.to(next(model.parameters()).dtype).requires_grad_(False)
    return adapted.eval()


def module_names(config: LlamaConfig) -> list[str]:
    """Linear modules in the project's order: layer, then q k v o gate up down."""
    groups = {kind: "self_attn" if index < 4 else "mlp" for index, kind in enumerate(KINDS)}
    return [
        f"model.layers.{layer}.{groups[kind]}.{kind}"
        for layer in range(config.num_hidden_layers)
        for kind in KINDS
    ]


class LowRankLatent(torch.nn.Module):
    """y = W x + U M Vᵀ x, with only M trained."""

    def __init__(self, linear, U, M, V):
        super().__init__()
        self.linear = linear
        dtype = linear.weight.dtype
        self.U, self.V = torch.as_tensor(U).to(dtype), torch.as_tensor(V).to(dtype)
        self.M = torch.nn.Parameter(torch.as_tensor(M).to(dtype).clone())

    def forward(self, x):
        return self.linear(x) + ((x @ self.V) @ self.M.T) @ self.U.T


def with_latents(model: LlamaForCausalLM, updates: dict) -> dict[str, LowRankLatent]:
    """Puts U M Vᵀ beside the named modules, in place; returns them by name."""
    wrapped = {}
    for name, (U, M, V) in updates.items():
        parent, _, leaf = name.rpartition(".")
        wrapped[name] = LowRankLatent(model.get_submodule(name), U, M, V)
        setattr(model.get_submodule(parent), leaf, wrapped[name])
    return wrapped


@functools.cache
def demo_tokenizer() -> Tokenizer:
    """Byte-level BPE with single digits, as the `smollm` pre-tokenizer asks."""
    tokens, types = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(tokenizer_models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == 3]
    )
    return tokenizer


def encode(text: str) -> list[int]:
    return demo_tokenizer().encode(text, add_special_tokens=False).ids


def residuals(model, ids: list[int], layers: list[int]) -> tuple[dict, torch.Tensor]:
    """Residual stream after `layers` decoder layers (0: embeddings), and logits [tokens, vocab]."""
    inner = model.base_model.model if isinstance(model, PeftModel) else model
    found, handles = {}, []

    def keep(index):
        def hook(_, __, result):
            found[index] = (result[0] if isinstance(result, tuple) else result)[0].detach()

        return hook

    for layer in layers:
        module = inner.model.embed_tokens if layer == 0 else inner.model.layers[layer - 1]
        handles.append(module.register_forward_hook(keep(layer)))
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    for handle in handles:
        handle.remove()
    return found, logits
