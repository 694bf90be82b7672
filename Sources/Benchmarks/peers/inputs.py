"""Makes what both sides read, deterministic from a seed, under runs/bench/data; what is there is kept.

    inputs.py matrix NAME FOLDER           NAME.f32, and NAME.json with sizes and singular values
    inputs.py adapters COUNT FOLDER        PEFT adapters of rank 16 on the demo base, Float16
    inputs.py blocks FILE [--alone]        a GGUF file with one tensor of every decoded type that gguf-py knows; alone: of
                                           the others
    inputs.py model FILE WIDTH FEED LAYERS [--sparse] [--adapter FOLDER] [--rank N] [--key-value-heads N]
              [--tokenizer GGUF]           a llama-shaped Q4_0 GGUF file: weights with the spectrum of trained ones, the
                                           tokenizer of another file, and a LoRA with random factors

Shapes of models that people adapt, with the demo's tokenizer (0.4, 0.7 and 3.9 GB):

    0.5 B   inputs.py model FILE 896 4864 24 --key-value-heads 2 --tokenizer models/SmolLM2-135M-Instruct.Q4_1.gguf
    1.1 B   inputs.py model FILE 2048 5632 22 --key-value-heads 4 --tokenizer …
    7 B     inputs.py model FILE 4096 11008 32 --tokenizer …
"""

import argparse
import functools
import json
import os

import common

SEED = 20261124
RANKS = (16, 64, 256)
DISTINCT = 50  # adapters beyond these are hard links, so that all of them stay in the page cache


def spectrum(count: int):
    """sigma_i = (i + 5)^-0.3, i from 1: flat, as trained weights are; neighbours differ by 0.3 / (i + 5)."""
    import numpy as np

    return (np.arange(1, count + 1) + 5.0) ** -0.3


def synthetic(rows: int, columns: int):
    """Q1 diag(sigma) Q2^T in Float64, Q a product of three random sign flips and cosine transforms.

    Such a product spreads every coordinate over all others as a Haar rotation does, in n^2 log n.
    """
    import numpy as np
    import scipy.fft

    rng = np.random.default_rng([SEED, rows, columns])
    matrix = np.zeros((rows, columns))
    count = min(rows, columns)
    matrix[np.arange(count), np.arange(count)] = spectrum(count)
    for axis, size in ((0, rows), (1, columns)):
        for _ in range(3):
            signs = rng.choice([-1.0, 1.0], size)
            matrix *= signs[:, None] if axis == 0 else signs
            matrix = scipy.fft.dct(matrix, axis=axis, norm="ortho", overwrite_x=True, workers=-1)
    return matrix


def make_matrix(name: str, folder: str) -> None:
    """`q_proj` and `down_proj` of block 15 of the demo base, `gemma-…` of block 9 of Gemma 3 270M, or a synthetic
    ROWSxCOLUMNS."""
    import numpy as np

    if name in ("q_proj", "down_proj"):
        import models

        group = "self_attn" if name == "q_proj" else "mlp"
        weight = models.demo_weights()[f"model.layers.15.{group}.{name}.weight"]
        values = np.linalg.svd(weight.astype(np.float64), compute_uv=False)
    elif name.startswith("gemma-"):
        import gguf

        reader = gguf.GGUFReader(os.path.join(common.ROOT, "models", "gemma-3-270m-q4_k_m.gguf"))
        wanted = {"gemma-q_proj": "blk.9.attn_q.weight", "gemma-down_proj": "blk.9.ffn_down.weight"}[name]
        tensor = next(tensor for tensor in reader.tensors if tensor.name == wanted)
        weight = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = np.linalg.svd(weight.astype(np.float64), compute_uv=False)
    else:
        rows, columns = map(int, name.split("x"))
        weight = synthetic(rows, columns).astype(np.float32)
        values = spectrum(min(rows, columns))
    weight = np.ascontiguousarray(weight)
    weight.tofile(os.path.join(folder, name + ".f32"))
    gaps = {str(rank): float(values[rank - 1] - values[rank]) for rank in RANKS if rank < len(values)}
    description = {"rows": weight.shape[0], "columns": weight.shape[1], "gaps": gaps}
    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump(description, file)


def write_adapter(folder: str, modules: dict, rank: int, rng) -> None:
    """A PEFT adapter on `modules`, name to (out, in), with factors of the size training leaves."""
    import numpy as np
    from safetensors.numpy import save_file

    tensors = {}
    for name, (rows, columns) in modules.items():
        a = rng.standard_normal((rank, columns), np.float32) / np.sqrt(columns)
        b = rng.standard_normal((rows, rank), np.float32) * 0.01
        tensors[f"base_model.model.{name}.lora_A.weight"] = a.astype(np.float16)
        tensors[f"base_model.model.{name}.lora_B.weight"] = b.astype(np.float16)
    os.makedirs(folder, exist_ok=True)
    save_file(tensors, os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
    kinds = sorted({name.rsplit(".", 1)[1] for name in modules})
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": kinds, "bias": "none"}
    with open(os.path.join(folder, "adapter_config.json"), "w") as file:
        json.dump(config, file)


def make_adapters(count: int, folder: str) -> None:
    import models
    import numpy as np

    weights = models.demo_weights()
    modules = {name: weights[name + ".weight"].shape for name in models.module_names(models.demo_config())}
    for index in range(count):
        place = os.path.join(folder, f"{index:04}")
        if os.path.exists(place):
            continue
        if index < DISTINCT:
            write_adapter(place, modules, 16, np.random.default_rng([SEED, index]))
            continue
        os.makedirs(place)
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            os.link(os.path.join(folder, f"{index % DISTINCT:04}", name), os.path.join(place, name))


def make_blocks(path: str, alone: bool) -> None:
    """4096 x 4096 values in every type, random blocks as golden/tools makes them; F16 and BF16 beside them.

    gguf-py opens no file with a type that it has no name for.
    """
    import gguf
    import make_gguf
    import numpy as np

    make_gguf.ROWS, make_gguf.BLOCKS = 4096, 16
    rng = np.random.default_rng(SEED)
    writer = gguf.GGUFWriter(path, "blocks")
    kinds = [kind for kind in make_gguf.LAYOUT if alone != isinstance(kind, gguf.GGMLQuantizationType)]
    for kind in kinds:
        writer.add_tensor(f"{make_gguf.name_of(kind)}.weight", make_gguf.blocks(rng, kind), raw_dtype=kind)
    for kind in () if alone else (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16):
        bits = make_gguf.halves(rng, (4096, 4096))
        data = bits.view(np.float16) if kind == gguf.GGMLQuantizationType.F16 else bits.view(np.uint8)
        writer.add_tensor(f"{kind.name.lower()}.weight", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@functools.cache
def template(shape: tuple, vocabulary: int) -> tuple:
    """Q4_0 blocks [count, 18] of a matrix with a trained-like spectrum and entries of 0.02, and their scales.

    An embedding is random: nobody decomposes it.
    """
    import gguf
    import numpy as np

    if shape[0] == vocabulary:
        blocks = np.random.default_rng([SEED, *shape]).integers(0, 256, (shape[0] * shape[1] // 32, 18), np.uint8)
        blocks[:, :2] = np.array([0.02 / 4], np.float16).view(np.uint8)
    else:
        values = synthetic(*shape)
        values *= 0.02 / values.std()
        blocks = gguf.quantize(values.astype(np.float32), gguf.GGMLQuantizationType.Q4_0).reshape(-1, 18)
    return blocks, blocks[:, :2].copy().view(np.float16)


def copy_tokenizer(path: str, writer) -> int:
    """Gives `writer` the tokenizer keys of another GGUF file; the number of its tokens."""
    import gguf

    reader = gguf.GGUFReader(path)
    for key, field in reader.fields.items():
        if key.startswith("tokenizer.") and key != "tokenizer.chat_template":
            writer.add_key_value(key, field.contents(), field.types[0], field.types[-1] if len(field.types) > 1 else None)
    return len(reader.fields["tokenizer.ggml.tokens"].data)


def make_model(path: str, width: int, feed: int, layers: int, options) -> dict:
    """Writes the file; name to (out, in) of its linear modules. Sparse: all weights zero, no disk used."""
    import gguf
    import numpy as np
    from gguf import GGMLQuantizationType as T

    heads = width // 64 if width < 4096 else width // 128
    key_value_heads = options.key_value_heads or heads
    narrow = width // heads * key_value_heads
    writer = gguf.GGUFWriter(path, "llama")
    vocabulary = copy_tokenizer(options.tokenizer, writer) if options.tokenizer else options.vocabulary
    tensors = {"token_embd.weight": (vocabulary, width), "output_norm.weight": (width,)}
    modules = {}
    for layer in range(layers):
        prefix, target = f"blk.{layer}.", f"model.layers.{layer}."
        tensors[prefix + "attn_norm.weight"] = tensors[prefix + "ffn_norm.weight"] = (width,)
        for kind, name, shape in [
            ("attn_q", "self_attn.q_proj", (width, width)),
            ("attn_k", "self_attn.k_proj", (narrow, width)),
            ("attn_v", "self_attn.v_proj", (narrow, width)),
            ("attn_output", "self_attn.o_proj", (width, width)),
            ("ffn_gate", "mlp.gate_proj", (feed, width)),
            ("ffn_up", "mlp.up_proj", (feed, width)),
            ("ffn_down", "mlp.down_proj", (width, feed)),
        ]:
            tensors[f"{prefix}{kind}.weight"] = modules[target + name] = shape
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_value_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    sizes = {}
    for name, shape in tensors.items():
        count = int(np.prod(shape))
        kind = T.F32 if len(shape) == 1 else T.Q4_0
        sizes[name] = count * 4 if kind == T.F32 else count // 32 * 18
        writer.add_tensor_info(name, shape, np.dtype(np.float32), sizes[name], raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    aligned = lambda place: -(-place // 32) * 32
    with open(path, "r+b") as file:
        place = aligned(file.seek(0, os.SEEK_END))
        for index, (name, size) in enumerate(sizes.items()):
            if not options.sparse:
                file.seek(place)
                if len(tensors[name]) == 1:
                    np.ones(size // 4, np.float32).tofile(file)
                else:
                    blocks, scales = template(tensors[name], vocabulary)
                    # Another scale for each, so that no two weights are the same.
                    blocks[:, :2] = (scales * np.float16(1 + index / 512)).view(np.uint8)
                    blocks.tofile(file)
            place = aligned(place + size)
        file.truncate(place)
    return modules


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    matrix = commands.add_parser("matrix")
    matrix.add_argument("name")
    matrix.add_argument("folder")
    adapters = commands.add_parser("adapters")
    adapters.add_argument("count", type=int)
    adapters.add_argument("folder")
    blocks = commands.add_parser("blocks")
    blocks.add_argument("file")
    blocks.add_argument("--alone", action="store_true")
    model = commands.add_parser("model")
    model.add_argument("file")
    for name in ("width", "feed", "layers"):
        model.add_argument(name, type=int)
    model.add_argument("--vocabulary", type=int, default=32000)
    model.add_argument("--sparse", action="store_true")
    model.add_argument("--adapter")
    model.add_argument("--rank", type=int, default=16)
    model.add_argument("--key-value-heads", type=int)
    model.add_argument("--tokenizer")
    options = parser.parse_args()
    if options.command == "matrix":
        make_matrix(options.name, options.folder)
    elif options.command == "adapters":
        make_adapters(options.count, options.folder)
    elif options.command == "blocks":
        make_blocks(options.file, options.alone)
    else:
        modules = make_model(options.file, options.width, options.feed, options.layers, options)
        if options.adapter:
            import numpy as np

            write_adapter(options.adapter, modules, options.rank, np.random.default_rng(SEED))


main()
