"""Runs of made-up jobs, for reports: records as `formats/record.md` has them, and files in the place of artifacts."""

import hashlib
import json
import os

KINDS = ["self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj"]


def variant(kind, name, accuracy, nll, size=None, retained=None):
    return {
        "kind": kind, "name": name, "source": None, "n": 500, "accuracy": accuracy,
        "accuracy_ci95": [max(accuracy - 0.03, 0), min(accuracy + 0.03, 1)], "accuracy_norm": None, "nll": nll,
        "choice_nll": None, "kl_to_teacher": None, "agreement": None, "retained_gain": retained,
        "retained_gain_ci95": None if retained is None else [retained - 0.05, retained + 0.05], "bytes": size,
        "seconds": None,
    }


def record(index):
    """The job at `index`: every tenth fails, every tenth is not measured, the rest differ in all figures."""
    name = f"adapter-{index:04d}"
    if index == 3:
        # The name of a folder too, so without the slash of an end tag.
        name += "<img src=x onerror=window.hacked=1>&amp;"
    failed, measured = index % 10 == 7, index % 10 != 8
    size = 40_000 + 7919 * index % 90_001
    retained = 0.5 + (31 * index % 97) / 194
    evaluation = {
        "schema": "xspress.evaluation/1", "data": {"path": "test.jsonl", "sha256": "0" * 64, "n": 500},
        "variants": [
            variant("base", "base", 0.2, 9.3), variant("adapter", "LoRA", 0.9, 0.28),
            variant("artifact", "as stored", 0.2 + 0.7 * retained, 0.3 + 0.5 * (1 - retained), size, retained),
        ],
        "pairs": [],
    }
    return {
        "schema": "xspress.record/1", "name": name, "state": "failed" if failed else "done",
        "failure": {"message": "truncated: SAFE-TRUNC", "code": "SAFE-TRUNC", "exit_code": 65} if failed else None,
        "created_by": "test", "plan_digest": None,
        "adapter": {
            "name": name, "path": f"adapters/{index}", "format": "peft", "bytes": 4_000_000 + index,
            "sha256": hashlib.sha256(str(index).encode()).hexdigest(), "details": {"rank": "8"},
        },
        "base": {"name": "base", "path": "base.gguf", "format": "gguf", "bytes": 1, "sha256": None, "details": {}},
        "artifact": None, "artifact_sha256": hashlib.sha256(b"artifact").hexdigest(), "settings": {}, "recipe": {},
        "sizes": None if failed else {
            "as_shipped": 4_000_000 + index, "f16_equivalent": 3_900_000, "artifact": size,
            "parts": [{"name": "latents", "bytes": size}],
        },
        "evaluation": evaluation if measured and not failed else None, "tuning": None, "race": None, "gate": None,
        "seeds": {}, "stages": {}, "threads": 2, "machine": "a machine", "warnings": [],
        "modules": [] if failed else [
            {
                "name": f"model.layers.{layer}.{kind}", "shape": [64, 64], "lora_rank": 8, "output_rank": 4,
                "input_rank": 4, "captured_energy": (1 + (index + layer) % 7) / 20, "weighted_captured_energy": None,
                "bytes": 16,
            } for layer in range(12) for kind in KINDS
        ],
    }


def make(folder, count):
    """Writes a run of `count` jobs; returns their records in the order of their folders."""
    records = [record(index) for index in range(count)]
    for job in records:
        place = os.path.join(folder, "jobs", job["name"])
        os.makedirs(place)
        with open(os.path.join(place, "record.json"), "w") as file:
            json.dump(job, file)
        if job["state"] == "done":
            with open(os.path.join(place, job["name"] + ".loraxs"), "wb") as file:
                file.write(b"artifact")
    return records
