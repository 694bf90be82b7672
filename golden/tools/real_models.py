"""Models of GGUF files as Transformers' classes, in Float32: weights by gguf `dequantize`, names by gguf's own table.

For files of the families `llama`, `qwen2` and `gemma3` without scaled rotations.
"""

import gguf
import numpy as np
import torch
import transformers

import models

CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "gemma3": "Gemma3ForCausalLM"}


def configuration(kind, fields, rows: int, tied: bool):
    def field(key, default=None):
        found = fields.get(f"{fields['general.architecture'].contents()}.{key}")
        return default if found is None else found.contents()

    width, heads = field("embedding_length"), field("attention.head_count")
    settings = {
        "vocab_size": rows, "hidden_size": width, "intermediate_size": field("feed_forward_length"),
        "num_hidden_layers": field("block_count"), "num_attention_heads": heads,
        "num_key_value_heads": field("attention.head_count_kv"), "max_position_embeddings": field("context_length"),
        "head_dim": field("attention.key_length", width // heads),
        "rms_norm_eps": field("attention.layer_norm_rms_epsilon"), "tie_word_embeddings": tied,
    }
    rotary = {"rope_type": "default", "rope_theta": field("rope.freq_base", 10_000.0)}
    if kind is transformers.Gemma3ForCausalLM:
        settings |= {
            "query_pre_attn_scalar": settings["head_dim"], "sliding_window": field("attention.sliding_window"),
            # The smaller base is the family's; no key says it.
            "rope_parameters": {
                "full_attention": rotary, "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0}},
        }
    else:
        settings["rope_parameters"] = rotary
    return kind.config_class(**settings)


def load(path: str):
    """The model, without gradients."""
    reader = gguf.GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()
    stored = {tensor.name: tensor for tensor in reader.tensors}
    kind = getattr(transformers, CLASSES[architecture])
    tied = "output.weight" not in stored
    config = configuration(kind, reader.fields, int(stored["token_embd.weight"].shape[1]), tied)
    model = kind._from_config(config, attn_implementation="sdpa").float()
    number = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    unread = set(stored)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            tensor = stored[names.get_name(name, try_suffixes=(".weight", ".bias"))]
            unread.remove(tensor.name)
            values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            if architecture == "gemma3" and "norm" in name:
                values -= 1
            if architecture == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
                queries = name.endswith("q_proj.weight")
                values = models.unpermute(values, config.num_attention_heads if queries else config.num_key_value_heads)
            parameter.copy_(torch.from_numpy(values).reshape(parameter.shape))
    assert not unread, unread
    return model.eval().requires_grad_(False)


def completion_losses(model, prompt: list[int], completion: list[int]) -> list[float]:
    """−ln p of each token of the completion."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt + completion[:-1]]), use_cache=False).logits[0, len(prompt) - 1 :]
    return (-torch.log_softmax(logits.double(), dim=-1)[range(len(completion)), completion]).tolist()
