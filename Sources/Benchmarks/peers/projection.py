"""Adapters projected in PyTorch, M = s (U^T B)(A V) for every module: one after another, or one a thread."""

import argparse
import concurrent.futures
import json
import os

import common

parser = argparse.ArgumentParser()
parser.add_argument("--factors", required=True)
parser.add_argument("--adapters", required=True)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--latents", required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--side-by-side", action="store_true", help="an adapter a thread")
arguments = parser.parse_args()
common.set_threads(arguments.threads)

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(1 if arguments.side_by_side else arguments.threads)
factors = load_file(arguments.factors)
# Model order, as ours: layer, then q k v o gate up down.
KINDS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
names = {key.rsplit(".", 1)[0] for key in factors}
names = sorted(names, key=lambda name: (int(name.split(".")[2]), KINDS.index(name.rsplit(".", 1)[1])))
bases = [(name, factors[f"{name}.output"].T.contiguous(), factors[f"{name}.input"]) for name in names]


@torch.no_grad()
def project(folder: str) -> list:
    with open(os.path.join(folder, "adapter_config.json")) as file:
        config = json.load(file)
    scaling = config["lora_alpha"] / config["r"]
    tensors = load_file(os.path.join(folder, "adapter_model.safetensors"))
    latents = []
    for name, left, right in bases:
        a = tensors[f"base_model.model.{name}.lora_A.weight"].float()
        b = tensors[f"base_model.model.{name}.lora_B.weight"].float()
        latents.append((left @ b) @ (a @ right) * scaling)
    return latents


folders = [os.path.join(arguments.adapters, name) for name in sorted(os.listdir(arguments.adapters))]
folders = folders[: arguments.count]
assert len(folders) == arguments.count
project(folders[0])
kept = []


def each():
    if not arguments.side_by_side:
        yield from map(project, folders)
        return
    with concurrent.futures.ThreadPoolExecutor(arguments.threads) as pool:
        yield from pool.map(project, folders)


def body():
    for index, latents in enumerate(each()):
        if index in (0, len(folders) - 1):
            kept.extend(latents)


timing = common.measure(body, at_least=0)
torch.cat([latent.reshape(-1) for latent in kept]).numpy().tofile(arguments.latents)
size = sum(os.path.getsize(os.path.join(folder, "adapter_model.safetensors")) for folder in folders)
common.emit("projection", timing, bytes=size, adapters=len(folders), threads=arguments.threads)
