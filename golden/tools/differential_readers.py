"""What other readers make of a file, in the form in which the product's `read-many` answers.

A reader gives a list of (name, shape, values as float32 or None, raw bytes or None), or raises what it refuses with.
"""

import copy
import io
import json
import os
import warnings

import gguf
import numpy as np
import peft
import safetensors
import torch

import make_tiny

# Scales that are not finite are among the files.
np.seterr(all="ignore")
TORCH = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
         "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2}


def floats(raw: bytes, kind: torch.dtype) -> np.ndarray:
    if not raw:
        return np.zeros(0, np.float32)
    return torch.frombuffer(bytearray(raw), dtype=kind).to(torch.float32).numpy()


def read_safetensors(content: bytes) -> list:
    result = []
    for name, tensor in safetensors.deserialize(content):
        raw, kind = bytes(tensor["data"]), TORCH.get(tensor["dtype"])
        result.append((name, list(tensor["shape"]), None if kind is None else floats(raw, kind), raw))
    return result


def read_gguf(content: bytes, folder: str) -> list:
    path = os.path.join(folder, "reference.gguf")
    with open(path, "wb") as file:
        file.write(content)
    result = []
    for tensor in gguf.GGUFReader(path).tensors:
        shape = [int(size) for size in tensor.shape[::-1]]
        try:
            values = np.ascontiguousarray(gguf.dequantize(tensor.data, tensor.tensor_type), np.float32).reshape(-1)
        except NotImplementedError:
            values = None
        result.append((tensor.name, shape, values, None))
    return result


def read_torch(content: bytes) -> list:
    result = []
    for name, tensor in torch.load(io.BytesIO(content), weights_only=True).items():
        values = None
        if tensor.is_floating_point():
            values = tensor.detach().to(torch.float32).contiguous().reshape(-1).numpy()
        result.append((name, list(tensor.shape), values, None))
    return result


class Peft:
    """PEFT with the tiny model, which adapters are loaded into."""

    def __init__(self, weights: str, folder: str):
        self.base, self.folder = make_tiny.base(torch.float32), os.path.join(folder, "peft")
        os.makedirs(self.folder, exist_ok=True)
        with open(weights, "rb") as source, open(os.path.join(self.folder, "adapter_model.safetensors"), "wb") as target:
            target.write(source.read())
        with safetensors.safe_open(weights, "pt") as file:
            self.modules = sorted({name.split(".lora_")[0].rsplit(".", 1)[-1] for name in file.keys()})

    def read(self, content: bytes) -> dict[str, float]:
        """The norm of what every module is changed by.

        Where no modules are named PEFT takes the defaults of the model's type, and the product those of the tensors
        (formats/peft.md, 2.4): PEFT is told these, so that all else is compared."""
        settings = json.loads(content)
        if settings.get("target_modules") is None:
            settings["target_modules"] = self.modules
        with open(os.path.join(self.folder, "adapter_config.json"), "w") as file:
            json.dump(settings, file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = peft.PeftModel.from_pretrained(copy.deepcopy(self.base), self.folder)
        result = {}
        for name, module in model.base_model.model.named_modules():
            if hasattr(module, "get_delta_weight") and "default" in getattr(module, "lora_A", {}):
                result[name] = float(module.get_delta_weight("default").detach().double().norm())
        return result
