"""What one version of PEFT makes of adapter configurations; run by make_configs.py under that version.

    configs_peft.py CASES.json ANSWERS.json

A case says how PEFT is to write the adapter, how the published configuration differs from what it writes, and which
tensors the file has. The trained values are then replaced by seeded ones (`values`), PEFT loads the folder onto a fresh
base and merges, all in float64, and the answer is what changed in which parameter.
"""

import contextlib
import inspect
import io
import json
import os
import re
import sys
import tempfile
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import numpy as np
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, LlamaModel

from seeded import SeededGenerator

transformers.logging.set_verbosity_error()
BASE_SEED = 20261129
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
PREFIX = "base_model.model."


# MARK: - Values

def values(seed: int, stream: int, shape, offset: float, scale: float) -> torch.Tensor:
    """`offset + scale·(u − 1/2)` of uniforms: exact in every language as long as `scale` is a power of two."""
    uniforms = SeededGenerator(seed, stream).uniforms(int(np.prod(shape, dtype=np.int64)))
    return torch.from_numpy((offset + scale * (uniforms - 0.5)).astype(np.float32)).reshape(list(shape))


def is_around_one(name: str) -> bool:
    """Norms' weights and DoRA's magnitudes are no numbers around zero."""
    return "magnitude" in name or "norm" in name


def spread(name: str) -> tuple[float, float]:
    return (1.0, 0.25) if is_around_one(name) else (0.0, 0.25)


# MARK: - Bases

def base_config(kind: str) -> LlamaConfig:
    options = dict(
        vocab_size=96, hidden_size=128, intermediate_size=192, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-5, bos_token_id=None,
        eos_token_id=None, pad_token_id=0, tie_word_embeddings=kind == "tied",
    )
    if kind == "resized":
        options["vocab_size"] = 104
    if kind == "biased":
        options |= {"attention_bias": True, "mlp_bias": True}
    if kind == "classifier":
        options["num_labels"] = 3
    return LlamaConfig(**options)


def base(kind: str):
    """The base whose parameter number i, from 1 and in PyTorch's order, is stream i of `BASE_SEED`."""
    classes = {"classifier": LlamaForSequenceClassification, "headless": LlamaModel}
    model = classes.get(kind, LlamaForCausalLM)(base_config(kind)).eval()
    with torch.no_grad():
        for index, (name, value) in enumerate(model.named_parameters()):
            value.copy_(values(BASE_SEED, index + 1, value.shape, *spread(name)))
    model.requires_grad_(False)
    return model


def base_list(kind: str) -> list:
    return [[name, list(value.shape)] for name, value in base(kind).named_parameters()]


# MARK: - Writing

def settings(case: dict, options: dict):
    options = dict(options)
    made = {}
    for key, value in options.items():
        # A configuration inside the configuration: {"EvaConfig": {...}}.
        if isinstance(value, dict) and len(value) == 1 and next(iter(value))[-6:] == "Config":
            (name, inner), = value.items()
            value = getattr(peft, name)(**inner)
        made[key] = value
    return getattr(peft, case.get("class", "LoraConfig"))(**made)


def adapted(case: dict, options: dict):
    return peft.get_peft_model(base(case["base"]), settings(case, options))


def saved(case: dict, options: dict, folder: str) -> tuple[dict, dict]:
    """The configuration that PEFT writes for `options` and the tensors of the file."""
    model = adapted(case, options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(torch.rand(value.shape, generator=generator))
    if "masks" in case:
        live = model.peft_config["default"]
        live.rank_pattern = {
            name.removeprefix(PREFIX): case["masks"][name.removeprefix(PREFIX).removesuffix(".lora_E.default")]
            for name, _ in model.named_parameters() if name.endswith("lora_E.default")
        }
        for name, module in model.named_modules():
            if hasattr(module, "ranknum"):
                with torch.no_grad():
                    module.ranknum["default"].fill_(sum(live.rank_pattern[f"{name.removeprefix(PREFIX)}.lora_E.default"]))
    if case["base"] == "resized":
        # PEFT saves the embeddings when the base on disk has another number of rows.
        original = base_config("resized")
        original.vocab_size = 96
        original.save_pretrained(f"{folder}-original")
        model.peft_config["default"].base_model_name_or_path = f"{folder}-original"
    # The first versions write files of torch.
    can = "safe_serialization" in inspect.signature(model.save_pretrained).parameters
    extra = {"safe_serialization": True} if can else {}
    model.save_pretrained(folder, **extra)
    with open(f"{folder}/adapter_config.json") as file:
        config = json.load(file)
    path = f"{folder}/adapter_model.safetensors"
    tensors = load_file(path) if os.path.exists(path) else torch.load(
        f"{folder}/adapter_model.bin", weights_only=True)
    return config, tensors


def described(case: dict, tensors: dict) -> list[dict]:
    """Name, shape and origin of every tensor: seeded, equal to a parameter of the base, or to another tensor,
    as it is or transposed (a tied head's factors are the embeddings')."""
    before = dict(base(case["base"]).named_parameters())
    result = []
    for name in sorted(tensors):
        value = tensors[name]
        entry = {"name": name, "shape": list(value.shape)}
        copies = [p for p, own in before.items() if own.shape == value.shape and torch.equal(own, value.to(own.dtype))]
        # The one of the same module, where a tied base has the values once under the other name.
        if copies:
            entry["copyOf"] = next((p for p in copies if p.removesuffix(".weight") in name), copies[0])
        else:
            same = [
                other["name"] for other in result
                if other["shape"] == entry["shape"] and torch.equal(tensors[other["name"]], value)
            ]
            turned = [
                other["name"] for other in result
                if other["shape"] == entry["shape"][::-1] and torch.equal(tensors[other["name"]].T, value)
            ]
            if same:
                entry["sameAs"] = same[0]
            elif turned:
                entry["transposeOf"] = turned[0]
        result.append(entry)
    return result


def arranged(case: dict, tensors: list[dict]) -> list[dict]:
    """What the case adds to and takes from the file, and how it spells the names."""
    result = [t for t in tensors if not re.search(case.get("without", r"(?!)"), t["name"])]
    for name, shape in case.get("extra", {}).items():
        result.append({"name": name, "shape": shape})
    for pattern, name in case.get("names", {}).items():
        for tensor in result:
            for key in ("name", "sameAs", "transposeOf"):
                if key in tensor:
                    tensor[key] = re.sub(pattern, name, tensor[key])
    for parameter in case.get("copies", []):
        result.append({"name": PREFIX + parameter.replace(".weight", ".base_layer.weight"), "copyOf": parameter,
                       "shape": list(dict(base(case["base"]).named_parameters())[parameter].shape)})
    return sorted(result, key=lambda tensor: tensor["name"])


def filled(case: dict, tensors: list[dict]) -> dict:
    before = dict(base(case["base"]).named_parameters())
    result = {}
    for index, tensor in enumerate(tensors):
        if "copyOf" in tensor:
            value = before[tensor["copyOf"]].detach().float()
        elif "sameAs" in tensor or "transposeOf" in tensor:
            continue
        else:
            value = values(case["seed"], index + 1, tensor["shape"], *spread(tensor["name"]))
        result[tensor["name"]] = value.to(DTYPES[case.get("dtype", "F32")]).contiguous()
    for tensor in tensors:
        if "sameAs" in tensor:
            result[tensor["name"]] = result[tensor["sameAs"]].clone()
        elif "transposeOf" in tensor:
            result[tensor["name"]] = result[tensor["transposeOf"]].T.contiguous()
    return result


# MARK: - Reading

def scale(module) -> float | None:
    """What this module's product is multiplied by, where there is one number."""
    # Attention has a number of that name.
    if not isinstance(getattr(module, "scaling", None), dict) or "default" not in module.scaling:
        return None
    value = float(module.scaling["default"])
    if hasattr(module, "ranknum"):
        value /= float(module.ranknum["default"]) + 1e-5
    return value


def loaded_names(model, contents: dict) -> set[str]:
    """The tensors of the file whose values the model now has: versions differ in the names that they understand."""
    live = list(model.state_dict().values())
    return {
        name for name, value in contents.items()
        if any(own.shape == value.shape and torch.equal(own, value.to(own.dtype)) for own in live)
    }


def untied(model) -> None:
    """A head of its own: PEFT's merge adds the head's update to tied embeddings too, which its forward pass does not."""
    head = [m for n, m in model.named_modules() if n.endswith("lm_head") or ".lm_head." in n]
    for module in head:
        if isinstance(module, torch.nn.Linear) and not hasattr(module, "lora_A"):
            module.weight = torch.nn.Parameter(module.weight.detach().clone(), requires_grad=False)


def answer(case: dict, folder: str, contents: dict) -> dict:
    # A randomised start draws.
    torch.manual_seed(BASE_SEED)
    model = peft.PeftModel.from_pretrained(base(case["base"]), folder).eval()
    names = loaded_names(model, contents)
    tensors = [tensor["name"] for tensor in case["tensors"]]
    not_applied = [name for name in tensors if name not in names]
    scales = {
        name.removeprefix(PREFIX): scale(module) for name, module in model.named_modules()
        if scale(module) is not None
        and any(tensor.startswith(f"{name}.") and tensor in names for tensor in tensors)
    }
    if case["base"] == "tied":
        untied(model)
    before = dict(base(case["base"]).state_dict())
    merged = {
        name.replace(".original_module", ""): value for name, value in model.merge_and_unload().state_dict().items()
    }
    changes, total = [], 0.0
    for parameter, value in before.items():
        norm = float((merged[parameter].double() - value).norm())
        module = parameter.rpartition(".")[0]
        if norm == 0 and not (parameter.endswith(".weight") and module in scales):
            continue
        change = {"parameter": parameter, "norm": norm}
        if parameter.endswith(".weight") and module in scales:
            change["scale"] = scales[module]
        total += norm * norm
        changes.append(change)
    beyond = sorted(set(merged) - set(before))
    result = {"outcome": "applied", "changes": changes, "totalNorm": total**0.5, "notApplied": not_applied}
    if [name for name in beyond if "rotary" not in name]:
        result["outcome"] = "another model"
    return result


def run(case: dict) -> dict:
    # Decompositions of PEFT's refuse float64.
    torch.set_default_dtype(DTYPES[case["precision"]] if "precision" in case else torch.float64)
    with tempfile.TemporaryDirectory() as folder:
        options = case.get("options", {})
        config, tensors = saved(case, case.get("written", options), f"{folder}/written")
        if "written" in case:
            try:
                config, _ = saved(case, options, f"{folder}/meant")
            except Exception:
                # PEFT makes no such adapter at all: the configuration is given whole.
                config = config | options
        config["base_model_name_or_path"] = "base"
        config = {key: value for key, value in config.items() if key not in case.get("drop", [])}
        if "only" in case:
            config = {key: config[key] for key in case["only"] if key in config}
        config |= case.get("set", {})
        if isinstance(config.get("target_modules"), list) and "target_modules" not in case.get("set", {}):
            # PEFT keeps a set, in no order.
            config["target_modules"] = sorted(config["target_modules"])
        case["tensors"] = arranged(case, described(case, tensors))
        target = f"{folder}/adapter"
        os.makedirs(target)
        with open(f"{target}/adapter_config.json", "w") as file:
            json.dump(config, file)
        contents = filled(case, case["tensors"])
        save_file(contents, f"{target}/adapter_model.safetensors", metadata={"format": "pt"})
        torch.save(contents, f"{target}/adapter_model.bin")
        try:
            result = answer(case, target, contents)
        except Exception as error:
            result = {"outcome": "refused", "error": type(error).__name__}
            if os.environ.get("CONFIGS_DEBUG"):
                print(case["name"], str(error)[:400], file=sys.stderr)
        return {"config": config, "tensors": case["tensors"], **result}


def main() -> None:
    with open(sys.argv[1]) as file:
        cases = json.load(file)
    answers = {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__,
               "cases": {}, "bases": {}}
    for case in cases:
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                answers["cases"][case["name"]] = run(case)
            except Exception as error:
                raise RuntimeError(case["name"]) from error
        if case["base"] not in answers["bases"]:
            answers["bases"][case["base"]] = base_list(case["base"])
    with open(sys.argv[2], "w") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main()
