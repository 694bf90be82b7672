"""Small valid files, which crosscheck_differential.py changes at random."""

import io
import json
import os
import random
import tempfile

import gguf
import numpy as np
import safetensors
import torch

# Bits of an element by the name that safetensors has for it.
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "I64": 64, "I32": 32, "I16": 16,
        "I8": 8, "U8": 8, "BOOL": 8, "U64": 64, "U32": 32, "U16": 16}
NAMES = ["w", "a.b", "model.layers.0.q.weight", "caf\u00e9", "\U0001f600", "x y", "q\"", "b\\c"]


def shape(generator: random.Random) -> list[int]:
    return [generator.choice([0, 1, 1, 2, 2, 3, 4, 5]) for _ in range(generator.choice([0, 1, 1, 2, 2, 3]))]


def finite(generator: random.Random, kind: str, count: int) -> bytes:
    """Bytes of elements, mostly with a finite value."""
    if kind in ("F64", "F32", "F16"):
        values = [generator.gauss(0, 2) for _ in range(count)]
        return np.array(values, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[kind]).tobytes()
    raw = bytearray(generator.randbytes(count * BITS[kind] // 8))
    if kind == "BF16":
        for place in range(1, len(raw), 2):
            raw[place] = raw[place] & 0x80 | generator.randrange(0x20, 0x50)
    return bytes(raw)


def safetensors_file(generator: random.Random) -> bytes:
    tensors = {}
    for name in generator.sample(NAMES, generator.choice([1, 1, 2, 3])):
        kind, size = generator.choice(list(BITS)), shape(generator)
        # F32, F16 and BF16 are what most files hold.
        if generator.random() < 0.5:
            kind = generator.choice(["F32", "F16", "BF16"])
        tensors[name] = {"dtype": kind, "shape": size, "data": finite(generator, kind, int(np.prod(size, dtype=int)))}
    header, data = {}, b""
    if generator.random() < 0.3:
        header["__metadata__"] = {"format": "pt", "note": generator.choice(["", "caf\u00e9", "a\"b"])}
    for name, tensor in tensors.items():
        start = len(data)
        data += tensor["data"]
        header[name] = {"dtype": tensor["dtype"], "shape": tensor["shape"], "data_offsets": [start, len(data)]}
    text = json.dumps(header, ensure_ascii=generator.random() < 0.5, separators=generator.choice([(",", ":"), (", ", ": ")]))
    text = text.encode() + b" " * generator.choice([0, 0, 1, 7])
    content = len(text).to_bytes(8, "little") + text + data
    safetensors.deserialize(content)
    return content


def gguf_file(generator: random.Random) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.gguf")
        writer = gguf.GGUFWriter(path, generator.choice(["llama", "qwen2", "clip"]))
        for index in range(generator.choice([0, 1, 2, 4])):
            key = f"k.{index}"
            match generator.randrange(6):
                case 0: writer.add_uint32(key, generator.randrange(1 << 32))
                case 1: writer.add_string(key, generator.choice(["", "abc", "caf\u00e9"]))
                case 2: writer.add_array(key, [generator.randrange(100) for _ in range(3)])
                case 3: writer.add_array(key, ["a", "", "bc"])
                case 4: writer.add_bool(key, generator.random() < 0.5)
                case 5: writer.add_float64(key, generator.random())
        for index in range(generator.choice([1, 1, 2, 3])):
            rows, name = generator.choice([1, 2]), f"t.{index}"
            kind = generator.choice(["F32", "F16", "Q4_0", "Q8_0", "Q5_1", "Q4_K", "Q6_K"])
            if kind == "F32":
                writer.add_tensor(name, np.array([generator.gauss(0, 1) for _ in range(3 * rows)], "<f4").reshape(rows, 3))
            elif kind == "F16":
                writer.add_tensor(name, np.array([generator.gauss(0, 1) for _ in range(4)], "<f2"))
            else:
                kind = gguf.GGMLQuantizationType[kind]
                width = gguf.GGML_QUANT_SIZES[kind][0]
                values = np.array([generator.gauss(0, 1) for _ in range(rows * width)], np.float32).reshape(rows, width)
                try:
                    stored = gguf.quantize(values, kind)
                except NotImplementedError:
                    stored = np.zeros((rows, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8)
                writer.add_tensor(name, stored, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        with open(path, "rb") as file:
            return file.read()


def torch_file(generator: random.Random) -> bytes:
    tensors = {}
    for name in generator.sample(NAMES, generator.choice([1, 2, 3])):
        kind = generator.choice([torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64])
        tensor = torch.tensor([generator.gauss(0, 3) for _ in range(12)]).to(kind).reshape(3, 4)
        tensors[name] = generator.choice([lambda: tensor, lambda: tensor.T, lambda: tensor[1:], lambda: tensor[0, 0]])()
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


MAKERS = {"s": safetensors_file, "g": gguf_file, "t": torch_file}


def seeds(kind: str, generator: random.Random, count: int = 60) -> list[bytes]:
    return [MAKERS[kind](generator) for _ in range(count)]
