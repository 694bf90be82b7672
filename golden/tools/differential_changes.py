"""Changes of small files: bytes, headers whose length is kept right, data alone, fields of an adapter's configuration."""

import json
import random

NUMBERS = [0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1,
           2**62, 2**63 - 1, 2**63, 2**64 - 32, 2**64 - 1]
WORDS = ["F32", "F16", "BF16", "F64", "U8", "I8", "BOOL", "f32", "F4", "F8_E4M3", "C64", "dtype", "shape", "data_offsets",
         "__metadata__", "w", "\\u0077", "\\ud83d\\ude00", "\\ud800", "\\n", "null", "true", "1.0", "1e0", "-1", "-0", "01", "[]",
         "{}", "\"\"", ",", ":", "[", "]", "{", "}", " ", "\t", "\n", "\\/", "\u00e9", "e\u0301", "\ufeff"]


def bytes_changed(content: bytes, generator: random.Random, first: int = 0, last: int | None = None) -> bytes:
    result = bytearray(content)
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        end = min(len(result), last) if last is not None else len(result)
        if end <= first:
            break
        place = generator.randrange(first, end)
        match generator.randrange(8):
            case 0 | 1: result[place] ^= 1 << generator.randrange(8)
            case 2: result[place] = generator.choice([0, 1, 0x7F, 0x80, 0xFF, 0x20, 0x22, 0x30])
            case 3: result[place] = generator.randrange(256)
            case 4:
                width = generator.choice([2, 4, 8])
                number = generator.choice(NUMBERS) % (1 << 8 * width)
                result[place : place + width] = number.to_bytes(width, "little")
            case 5: del result[place : place + generator.choice([1, 1, 4, 8])]
            case 6: result[place:place] = generator.randbytes(generator.choice([1, 1, 4, 8]))
            case 7: result[place:place] = result[place : place + generator.choice([1, 8, 32])]
    return bytes(result)


def header_changed(content: bytes, generator: random.Random) -> bytes:
    """A safetensors header with other words in it, and its length put right."""
    count = int.from_bytes(content[:8], "little")
    text, data = content[8 : 8 + count].decode(), content[8 + count :]
    for _ in range(generator.choice([1, 1, 2, 3])):
        place = generator.randrange(len(text) + 1)
        match generator.randrange(6):
            case 0: text = text[:place] + generator.choice(WORDS) + text[place:]
            case 1:
                digits = [index for index, letter in enumerate(text) if letter.isdigit()]
                if digits:
                    index = generator.choice(digits)
                    number = generator.choice([str(generator.randrange(10)), str(generator.choice(NUMBERS))])
                    text = text[:index] + number + text[index + 1 :]
            case 2: text = text[:place] + text[place + generator.choice([1, 1, 2, 10]) :]
            case 3:
                old = generator.choice(["F32", "F16", "BF16", "U8", "I64", "shape", "dtype", "data_offsets", "format"])
                text = text.replace(old, generator.choice(WORDS), generator.choice([1, 1, -1]))
            case 4:
                # Entries in another order, one twice, one more field.
                try:
                    entries = list(json.loads(text).items())
                except ValueError:
                    continue
                generator.shuffle(entries)
                if generator.random() < 0.3 and entries:
                    entries.append(generator.choice(entries))
                parts = []
                for name, value in entries:
                    if isinstance(value, dict) and generator.random() < 0.3:
                        value = value | {"extra": generator.choice([1, None, [1, {"a": 2}], "x"])}
                    parts.append(json.dumps(name) + ":" + json.dumps(value))
                text = "{" + generator.choice([",", " ,\n"]).join(parts) + "}"
            case 5: text += generator.choice([" ", "  ", "\n", "\0", "x", "{}"])
    encoded = text.encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


def changed(kind: str, content: bytes, generator: random.Random) -> bytes:
    choice = generator.random()
    if kind == "s":
        count = int.from_bytes(content[:8], "little")
        if choice < 0.35:
            return header_changed(content, generator)
        if choice < 0.55:
            data = bytearray(content)
            for _ in range(3):
                if len(data) > 8 + count:
                    data[generator.randrange(8 + count, len(data))] = generator.randrange(256)
            return bytes(data)
        return bytes_changed(content, generator)
    if kind == "g" and choice < 0.6:
        # The header, which is most of so small a file or less.
        return bytes_changed(content, generator, last=300)
    return bytes_changed(content, generator)


MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PATTERNS = ["q_proj", ".*q_proj", "layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj", "^model.*", "proj", "(q|k)_proj",
            "down_proj$", "", "layers\\.[01]\\.mlp", "[a-z]+_proj"]
FIELDS = {
    "r": [1, 2, 3, 4, 8, 0, -1, 4.0, "4", None, True, 10**9],
    "lora_alpha": [1, 8, 16, 0.5, 7.25, 0, -4, "8", None, 1e30, True],
    "use_rslora": [True, False, None, 1, "true"], "use_dora": [True, False, None],
    "fan_in_fan_out": [True, False], "bias": ["none", "all", "lora_only", None, "x"], "lora_bias": [True, False],
    "target_modules": [["q_proj"], MODULES, MODULES[:4], "all-linear", ".*_proj", "q_proj", ".*\\.(q|v)_proj", [], None,
                       "(?!.*mlp).*_proj", ["model.layers.0.self_attn.q_proj"], ["self_attn.q_proj"], ["proj"], ["lm_head"]],
    "exclude_modules": [None, ["up_proj"], ".*mlp.*", [], "", ["model.layers.0.mlp.up_proj"], ["nothing"]],
    "layers_to_transform": [None, 0, 1, [0], [1], [0, 1], [], 5, [7]],
    "layers_pattern": [None, "layers", ["layers"], "blocks", ""],
    "rank_pattern": [{}] + [{pattern: rank} for pattern in PATTERNS for rank in (4, 2)] + [None],
    "alpha_pattern": [{}] + [{pattern: alpha} for pattern in PATTERNS for alpha in (4, 2.5, 32)] + [None],
    "modules_to_save": [None, [], ["score"], ["lm_head"]], "init_lora_weights": [True, False, "gaussian", "pissa", "olora", "eva"],
    "peft_type": ["LORA", "lora", "LOHA", "VERA", None], "task_type": ["CAUSAL_LM", None, "SEQ_CLS", "x"],
    "inference_mode": [True, False], "lora_dropout": [0, 0.5, 2, None], "layer_replication": [None, [[0, 1]], []],
    "megatron_config": [None, {}], "loftq_config": [{}, None], "revision": [None, "main"], "unknown_key": [1, None, False, {}],
    "trainable_token_indices": [None, [1]], "target_parameters": [None, [], ["q_proj"]], "use_qalora": [False, True],
    "qalora_group_size": [16, 4], "base_model_name_or_path": [None, "x", "../y"], "peft_version": ["0.3.0", "0.21.2", "9.0.0", None],
}


def configuration_changed(settings: dict, generator: random.Random) -> bytes:
    """An adapter's configuration with one to three fields set to something else, or left out."""
    result = dict(settings)
    for field in generator.sample(list(FIELDS), generator.choice([1, 1, 2, 3])):
        if generator.random() < 0.1:
            result.pop(field, None)
        else:
            result[field] = generator.choice(FIELDS[field])
    return json.dumps(result).encode()
