"""Decoding one tensor of a GGUF file by gguf-py."""

import argparse

import common

parser = argparse.ArgumentParser()
parser.add_argument("--file", required=True)
parser.add_argument("--tensor", required=True)
parser.add_argument("--values", help="where the values go, Float32")
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
common.set_threads(arguments.threads)

import gguf  # noqa: E402
import numpy as np  # noqa: E402

reader = gguf.GGUFReader(arguments.file)
tensor = next(tensor for tensor in reader.tensors if tensor.name == arguments.tensor)


def body():
    return gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)


values = body()
if arguments.values:
    values.tofile(arguments.values)
timing = common.measure(body)
common.emit("decode", timing, bytes=values.nbytes, tensor=tensor.name, type=tensor.tensor_type.name)
