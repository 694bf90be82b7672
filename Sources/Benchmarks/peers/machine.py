"""Rates of PyTorch's products: square ones, and those of a tuning step's own shapes."""

import argparse

import common

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["gemm", "shapes"])
parser.add_argument("--dtype", choices=["float32", "bfloat16", "float64"], default="float32")
parser.add_argument("--size", type=int, default=2048)
parser.add_argument("--tokens", type=int, default=512)
parser.add_argument("--base", help="shapes: a Llama's GGUF file (default: the demo base)")
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
common.set_threads(arguments.threads)

import torch  # noqa: E402

torch.set_num_threads(arguments.threads)
dtype = getattr(torch, arguments.dtype)

if arguments.what == "gemm":
    a = torch.randn(arguments.size, arguments.size).to(dtype)
    b = torch.randn(arguments.size, arguments.size).to(dtype)
    body = lambda: torch.mm(a, b)
    operations = 2 * arguments.size**3
else:
    # The frozen weights' products, forward and backward, module by module as Transformers has them.
    config = common.transformers_models(arguments.threads, arguments.base).demo_config()
    d, f, q = config.hidden_size, config.intermediate_size, config.num_attention_heads * config.head_dim
    kv = config.num_key_value_heads * config.head_dim
    shapes = [(q, d), (kv, d), (kv, d), (d, q), (f, d), (f, d), (d, f)] * config.num_hidden_layers
    weights = [torch.randn(*shape).to(dtype) for shape in shapes]
    inputs = {width: torch.randn(arguments.tokens, width).to(dtype) for width in {d, f, q, kv}}

    def body():
        for weight in weights:
            torch.nn.functional.linear(inputs[weight.shape[1]], weight)
            torch.mm(inputs[weight.shape[0]], weight)

    operations = 4 * arguments.tokens * sum(rows * columns for rows, columns in shapes)

with torch.no_grad():
    body()
    timing = common.measure(body)
common.emit(
    f"machine/{arguments.what}", timing, operations, dtype=arguments.dtype, threads=arguments.threads
)
