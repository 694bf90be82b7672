"""The model of golden/tiny as GGUF, written by gguf-py.

    make_gguf_tiny.py      writes golden/gguf/tiny/

Weights of modules in F32, so that artifacts of either form fit the other; embeddings in Q8_0 and the head in
F16, so that something is lost if they are written anew; rows of queries and keys interleaved as converters do.
"""

import hashlib
import json
import os

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import load_file

import cases


def main() -> None:
    source = os.path.join(cases.GOLDEN, "tiny", "model")
    with open(os.path.join(source, "config.json")) as file:
        config = json.load(file)
    folder = os.path.join(cases.output, "gguf", "tiny")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    # Values of other kinds, which a copy has to keep.
    writer.add_uint16("tiny.small", 7)
    writer.add_bool("tiny.flag", True)
    writer.add_array("tiny.words", ["one", "", "three"])
    writer.add_array("tiny.numbers", [1.5, -2.5])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, values in load_file(os.path.join(source, "model.safetensors")).items():
        heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}.get(name.split(".")[-2])
        if heads:
            rows = values.reshape(config[heads], 2, -1, values.shape[1])
            values = np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(values.shape)
        kind = {"model.embed_tokens.weight": T.Q8_0, "lm_head.weight": T.F16}.get(name, T.F32)
        data = gguf.quants.quantize(values.astype(np.float32), kind)
        writer.add_tensor(names.get_name(name, (".weight",)), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    provenance = {
        "title": "The model of golden/tiny as GGUF",
        "generator": "golden/tools/make_gguf_tiny.py",
        "libraries": cases.libraries("gguf", "numpy", "safetensors"),
        "sha256": {"model.gguf": hashlib.sha256(open(path, "rb").read()).hexdigest()},
    }
    with open(os.path.join(folder, "provenance.json"), "w") as file:
        file.write(json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    main()
