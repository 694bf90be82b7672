"""Reads `.loraxs` artifacts with NumPy and zstandard alone, from the text of formats/loraxs.md.

    python xspress_reader.py ARTIFACT                              what it holds
    python xspress_reader.py ARTIFACT --base MODEL -o OUT          PEFT tensors, as OUT.safetensors
    python xspress_reader.py ARTIFACT --pack PACK.xsbases -o OUT   the same with a pack in place of the base

MODEL is a .safetensors file (F64, F32, F16, BF16) or a folder with model.safetensors. From Python:
`Artifact(path)`, `peft_tensors(artifact, base=...)`. An independent second reading of the format: it shares
no code with the product, and the tests of the format compare the two.
"""

import argparse
import hashlib
import json
import os
import struct

import numpy as np
import zstandard

KINDS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16, "U8": np.uint8, "I8": np.int8,
    "I64": np.int64, "I32": np.int32, "I16": np.int16, "U32": np.uint32,
}
LARGEST_CODE = {"int8": 127, "int4": 7, "int3": 3, "int2": 1}
FEATURES = {"ranks", "compact-proofs", "residual", "carried", "scratch"}
CLUSTER_SEED = 0x58535052657373


class FormatError(ValueError):
    """The file is not what the specification says."""


class SafeTensors:
    """A safetensors file in memory: `names`, `metadata`, and arrays by name."""

    def __init__(self, data: bytes):
        (length,) = struct.unpack_from("<Q", data)
        self._header = json.loads(data[8 : 8 + length])
        self._data = memoryview(data)[8 + length :]
        self.metadata = self._header.pop("__metadata__", {})
        self.names = list(self._header)

    def __contains__(self, name: str) -> bool:
        return name in self._header

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._header:
            raise FormatError(f"tensor {name} is missing")
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        raw = np.frombuffer(self._data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw


def write_safetensors(path: str, tensors: dict) -> None:
    """F32 tensors, in the order given."""
    header, blobs, place = {}, [], 0
    for name, values in tensors.items():
        blob = np.ascontiguousarray(values, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [place, place + len(blob)]}
        blobs.append(blob)
        place += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def module_order(name: str) -> tuple:
    """Clause 4.1: by layer, then kind, then the bytes of the name."""
    parts = name.split(".")
    layer = next((int(part) for part in parts if part.isdigit()), -1)
    kind = KINDS.index(parts[-1]) if parts[-1] in KINDS else len(KINDS)
    return layer, kind, name.encode()


class Module:
    """One module: `name`, `shape` [out, in], `latent` M and what proves its directions.

    With a residual of K pairs, `residual_output` [out, K] and `residual_input` [in, K] follow the directions of the base.
    """

    def __init__(self, name: str, shape: list, rank: list):
        self.name, self.shape, self.rank, self.residual = name, shape, rank, 0
        self.latent = None
        self.residual_output = self.residual_input = None
        self.output_indices = self.input_indices = None
        self.output_basis = self.input_basis = None
        self.digest_prefix = b""
        self.value_check = None


class Carried:
    """Clause 10: one parameter that changes otherwise: `parameter`, `change`, `values` and what else that needs."""

    def __init__(self, entry: dict, tensors: SafeTensors, name: str):
        self.parameter, self.change, self.shape = entry["parameter"], entry["change"], entry["shape"]
        self.module, self.leaf = self.parameter.rsplit(".", 1)
        self.values = self._values(tensors, name, entry["storage"])
        self.rows = tensors[name + ".rows"].astype(np.int64) if self.change == "rows" else None
        self.b = self._values(tensors, name + ".b", entry["storageB"]) if self.change == "product" else None
        self.scaling = entry.get("scaling")

    @staticmethod
    def _values(tensors: SafeTensors, name: str, storage: str) -> np.ndarray:
        values = tensors[name].astype(np.float32)
        return values * tensors[name + ".scales"][:, None] if storage == "int8" else values

    def apply(self, weight: np.ndarray) -> np.ndarray:
        """The parameter after the change."""
        weight = weight.astype(np.float64)
        if self.change == "replaced":
            return self.values.reshape(self.shape)
        if self.change == "added":
            return weight + self.values.reshape(self.shape)
        if self.change == "scaledRows":
            return weight * self.values.reshape(-1, *[1] * (weight.ndim - 1))
        if self.change == "rows":
            weight[self.rows] = self.values
            return weight
        return weight + (self.scaling * self.b.astype(np.float64) @ self.values).reshape(self.shape)


class Artifact:
    """A decoded artifact: `metadata`, `modules` in module order, and `carried` parameters."""

    def __init__(self, path: str):
        with open(path, "rb") as file:
            frame = file.read()
        parameters = zstandard.get_frame_parameters(frame)
        if not parameters.has_checksum or parameters.content_size > 2 << 30:
            raise FormatError("clause 2.1: a checksum and a declared size of at most 2 GiB are needed")
        tensors = SafeTensors(zstandard.ZstdDecompressor().decompress(frame))
        if tensors.metadata.get("format") != "loraxs" or tensors.metadata.get("version") != "1":
            raise FormatError("clause 3.1: not a loraxs file of version 1")
        self.metadata = json.loads(tensors.metadata["xspress"])
        unknown = set(self.metadata.get("requires", [])) - FEATURES
        if unknown:
            raise FormatError(f"clause 3.2: needs {sorted(unknown)}")
        self.carried = [
            Carried(entry, tensors, f"carried.{index}") for index, entry in enumerate(self.metadata.get("carried", []))
        ]
        self.modules = sorted(self._modules(), key=lambda module: module_order(module.name))
        if "ranks" in tensors:
            planes = tensors["ranks"].astype(int)
            ranks = (planes[0] | planes[1] << 8).reshape(2, -1)
            for index, module in enumerate(self.modules):
                module.rank = [int(ranks[0, index]), int(ranks[1, index])]
        if "residual" in self.metadata.get("requires", []):
            for module, count in zip(self.modules, tensors["residual_pairs"]):
                module.residual = int(count)
        self._latents(tensors)
        if "residual" in self.metadata.get("requires", []):
            self._residuals(tensors)
        if self.metadata["directions"] == "selected":
            outputs = self._runs(tensors["output_indices"], 0)
            inputs = self._runs(tensors["input_indices"], 1)
            for module, output, input_ in zip(self.modules, outputs, inputs):
                module.output_indices, module.input_indices = output, input_
        for index, module in enumerate(self.modules):
            if "module_digests" in tensors:
                module.digest_prefix = tensors["module_digests"][index].tobytes()
            if "value_checks" in tensors:
                module.value_check = int(tensors["value_checks"][index])
            if module.name + ".output_basis" in tensors:
                module.output_basis = tensors[module.name + ".output_basis"]
                module.input_basis = tensors[module.name + ".input_basis"]

    def _modules(self):
        for entry in self.metadata["modules"]:
            names = [entry["name"]]
            if "layers" in entry:
                names = [
                    entry["name"].replace("*", str(layer))
                    for first, last in entry["layers"]
                    for layer in range(first, last + 1)
                ]
            for name in names:
                yield Module(name, entry["shape"], entry.get("rank"))

    def _latents(self, tensors: SafeTensors) -> None:
        """Clause 5."""
        storage = self.metadata["storage"]
        numbers = sum(module.rank[0] * (module.rank[1] + module.residual) for module in self.modules)
        values = tensors["latents"]
        if storage in ("int4", "int3"):
            values = nibbles(values, numbers)
        if storage == "int2":
            digits = np.stack([values // 3**place % 3 for place in range(5)], 1).reshape(-1)[:numbers]
            values = digits.astype(np.int8) - 1
        scales = None
        if storage in LARGEST_CODE:
            if np.any(np.abs(values.astype(np.int16)) > LARGEST_CODE[storage]):
                raise FormatError(f"clause 5.2: a code beyond {LARGEST_CODE[storage]}")
            codes = tensors["scales"].astype(np.float64)
            scales = np.where(codes == 0, 0, 2.0 ** ((codes - 224) / 8)).astype(np.float32)
        place = column = 0
        for module in self.modules:
            rows, columns = module.rank[0], module.rank[1] + module.residual
            latent = values[place : place + rows * columns].reshape(rows, columns).astype(np.float32)
            if scales is not None:
                latent = latent * scales[column : column + columns]
            module.latent = latent
            place, column = place + rows * columns, column + columns

    def _residuals(self, tensors: SafeTensors) -> None:
        """Clauses 1.4 and 5.4."""
        count = sum(module.residual * sum(module.shape) for module in self.modules)
        codes = tensors["residual"].astype(np.float64)
        if len(codes) != count or np.any(codes == -128):
            raise FormatError(f"clause 5.4: {len(codes)} codes of a residual, not {count} in -127...127")
        rows = tensors["residual_latents"].astype(np.float32)
        place = 0
        columns = {(module.name, side): [] for module in self.modules for side in range(2)}
        for pair in range(max(module.residual for module in self.modules)):
            for module in self.modules:
                if module.residual <= pair:
                    continue
                for side, features in enumerate(module.shape):
                    run = codes[place : place + features]
                    columns[module.name, side].append(run / (np.sqrt(np.sum(run * run)) or 1))
                    place += features
        row = 0
        for module in self.modules:
            if module.residual:
                module.residual_output, module.residual_input = (
                    np.stack(columns[module.name, side], 1).astype(np.float32) for side in range(2)
                )
            width = module.latent.shape[1]
            own = rows[row : row + module.residual * width].reshape(module.residual, width)
            module.latent = np.concatenate([module.latent, own])
            row += module.residual * width

    def _runs(self, planes: np.ndarray, side: int) -> list:
        """Clause 4.3: byte planes of first numbers and differences."""
        numbers = planes[0].astype(np.int64) | planes[1].astype(np.int64) << 8
        runs, place = [], 0
        for module in self.modules:
            run = np.cumsum(numbers[place : place + module.rank[side]]) % 65536
            if np.any(np.diff(run) <= 0) or (len(run) and run[-1] >= min(module.shape)):
                raise FormatError(f"clause 4.3: indices of {module.name} do not ascend in range")
            runs.append(run)
            place += module.rank[side]
        return runs


def nibbles(values: np.ndarray, count: int) -> np.ndarray:
    """Clause 5.2: two codes in a byte, the first in the low half."""
    halves = np.stack([values & 15, values >> 4], 1).reshape(-1)[:count].astype(np.int8)
    return np.where(halves > 7, halves - 16, halves)


def normals(seed: int, stream: int, count: int) -> np.ndarray:
    """Clause 6 of loraxs.md: SplitMix64 and Box-Muller."""
    mask = (1 << 64) - 1
    state = seed

    def following() -> int:
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    if stream:
        state = following() ^ (stream * 0x9E3779B97F4A7C15 & mask)
    result = []
    while len(result) < count:
        first, second = ((following() >> 11) * 2.0**-53 for _ in range(2))
        radius = np.sqrt(-2 * np.log(1 - first))
        result += [radius * np.cos(2 * np.pi * second), radius * np.sin(2 * np.pi * second)]
    return np.array(result[:count])


def canonical(output: np.ndarray, input_: np.ndarray, seed: int, stream: int) -> tuple:
    """Clause 2.2 of xsbases.md: V Q and U Q with Q = polar(V^T Omega)."""
    count = input_.shape[1]
    omega = normals(seed, stream, input_.shape[0] * count).reshape(-1, count)
    left, _, right = np.linalg.svd(input_.T @ omega)
    return output @ (left @ right), input_ @ (left @ right)


def singular_directions(weight: np.ndarray) -> tuple:
    """Clause 1 of xsbases.md: U, sigma, V in Float64 with signs and clusters settled."""
    output, values, input_ = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    input_ = input_.T
    count = int(np.sum(values > max(weight.shape) * 2.0**-52 * values[0]))
    output, values, input_ = output[:, :count].copy(), values[:count], input_[:, :count].copy()
    first = 0
    for index in range(1, count + 1):
        if index < count and values[index - 1] - values[index] < 1e-7 * values[0]:
            continue
        if index - first > 1:
            cluster = slice(first, index)
            output[:, cluster], input_[:, cluster] = canonical(
                output[:, cluster], input_[:, cluster], CLUSTER_SEED, first + 1)
        first = index
    for index in range(count):
        size = np.abs(output[:, index])
        if output[np.argmax(size >= size.max() * (1 - 1e-12)), index] < 0:
            output[:, index] *= -1
            input_[:, index] *= -1
    return output, values, input_


def check_values(artifact: Artifact, module: Module, values: np.ndarray) -> None:
    """Clause 4.4: one byte over the singular values of both sides' directions."""
    if module.value_check is None:
        return
    if artifact.metadata["directions"] == "selected":
        kept = np.concatenate([values[module.output_indices], values[module.input_indices]])
    else:
        kept = np.tile(values[: module.rank[0]], 2)
    found = round(1024 * float(np.sum(np.log2(kept[kept > 0])))) % 256
    if (found - module.value_check + 1) % 256 > 2:
        raise FormatError(f"clause 4.4: {module.name} has check {found}, not {module.value_check}: other directions")


def directions(artifact: Artifact, module: Module, base, pack) -> tuple:
    """U [out, rows] and V [in, columns] of one module, a residual's vectors behind them."""
    output, input_ = base_directions(artifact, module, base, pack)
    if not module.residual:
        return output, input_
    return np.hstack([output, module.residual_output]), np.hstack([input_, module.residual_input])


def base_directions(artifact: Artifact, module: Module, base, pack) -> tuple:
    """Its directions of the base."""
    if module.output_basis is not None:
        return module.output_basis.astype(np.float64), module.input_basis.astype(np.float64)
    if pack is not None:
        output = pack[module.name + ".output_vectors"].astype(np.float64)
        input_ = pack[module.name + ".input_vectors"].astype(np.float64)
    else:
        weight = base[module.name + ".weight"].astype(np.float32)
        digest = hashlib.sha256(np.ascontiguousarray(weight).tobytes()).digest()
        if not digest.startswith(module.digest_prefix):
            raise FormatError(f"clause 4.5: {module.name} is another weight than the artifact's")
        output, values, input_ = singular_directions(weight)
        check_values(artifact, module, values)
    if artifact.metadata["directions"] == "selected":
        return output[:, module.output_indices], input_[:, module.input_indices]
    if artifact.metadata["directions"] == "top":
        rank = module.rank[0]
        return canonical(output[:, :rank], input_[:, :rank], int(artifact.metadata["omegaSeed"]), 0)
    raise FormatError(f"directions {artifact.metadata['directions']} are a control, not read here")


def peft_tensors(artifact: Artifact, base=None, pack=None) -> dict:
    """lora_A = V^T and lora_B = U M of every module, by PEFT's names; scaling 1."""
    tensors = {}
    for module in artifact.modules:
        output, input_ = directions(artifact, module, base, pack)
        prefix = f"base_model.model.{module.name}"
        tensors[prefix + ".lora_A.weight"] = input_.T.astype(np.float32)
        tensors[prefix + ".lora_B.weight"] = (output @ module.latent.astype(np.float64)).astype(np.float32)
    add_carried(artifact, tensors, base)
    return tensors


def add_carried(artifact: Artifact, tensors: dict, base) -> None:
    """Carried parameters under PEFT's names. Scaled rows are DoRA's magnitudes, which every module then has."""
    scales = {item.module: item.values[0] for item in artifact.carried if item.change == "scaledRows"}
    if scales and base is None:
        raise FormatError("clause 10.4: magnitudes need the base")
    for module in artifact.modules if scales else []:
        prefix = f"base_model.model.{module.name}"
        factors = scales.get(module.name, np.ones(module.shape[0], np.float32)).astype(np.float64)
        b = tensors[prefix + ".lora_B.weight"] / factors[:, None]
        changed = base[module.name + ".weight"].astype(np.float64) + b @ tensors[prefix + ".lora_A.weight"]
        tensors[prefix + ".lora_B.weight"] = b.astype(np.float32)
        tensors[prefix + ".lora_magnitude_vector"] = (
            factors * np.linalg.norm(changed, axis=1)).astype(np.float32)
    for item in artifact.carried:
        prefix = f"base_model.model.{item.module}"
        if item.change == "rows":
            tensors[prefix + ".token_adapter.trainable_tokens_delta"] = item.values
        elif item.change == "product":
            tensors[prefix + ".lora_embedding_A"] = item.b.T
            tensors[prefix + ".lora_embedding_B"] = item.values.T
        elif item.change == "replaced":
            tensors[f"{prefix}.{item.leaf}"] = item.values.reshape(item.shape)
        elif item.change == "added":
            if base is None:
                raise FormatError("clause 10.4: differences need the base")
            tensors[f"{prefix}.{item.leaf}"] = item.apply(base[item.parameter]).astype(np.float32)


def open_safetensors(path: str) -> SafeTensors:
    if os.path.isdir(path):
        path = os.path.join(path, "model.safetensors")
    with open(path, "rb") as file:
        return SafeTensors(file.read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact")
    parser.add_argument("--base")
    parser.add_argument("--pack")
    parser.add_argument("-o", "--output")
    options = parser.parse_args()
    artifact = Artifact(options.artifact)
    if options.output is None:
        facts = {key: value for key, value in artifact.metadata.items() if key not in ("modules", "accuracy")}
        print(json.dumps(facts, indent=2))
        for module in artifact.modules:
            print(f"{module.name}  {module.shape}  {list(module.latent.shape)}")
        for item in artifact.carried:
            print(f"{item.parameter}  {item.shape}  {item.change}")
        return
    base = open_safetensors(options.base) if options.base else None
    pack = open_safetensors(options.pack) if options.pack else None
    tensors = peft_tensors(artifact, base, pack)
    path = options.output if options.output.endswith(".safetensors") else options.output + ".safetensors"
    write_safetensors(path, tensors)
    print(f"{path}: {len(tensors)} tensors")


if __name__ == "__main__":
    main()
