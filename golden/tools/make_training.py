"""Gradients of every latent M, ten AdamW steps, and whole runs of the tuner, by autograd and torch.optim.AdamW."""

import json
import os

import numpy as np
import torch

import cases
import make_tiny
import models
from seeded import SeededGenerator

SEED = 20261124
BANKING = "golden/data/banking77/train.jsonl"
ADAPTER = "golden/adapters/banking77-r16"
FACTORS = (
    "module m (0-based, in module order): stream 3m+1 gives U [out, r] / sqrt(out), 3m+2 gives "
    "V [in, r] / sqrt(in), 3m+3 gives M [r, r] * latentScale; all rounded to Float32"
)


def seeded_updates(model, names, rank: int, scale: float) -> dict:
    updates = {}
    for index, name in enumerate(names):
        rows, columns = model.get_submodule(name).weight.shape
        U = SeededGenerator(SEED, 3 * index + 1).matrix(rows, rank) / np.sqrt(rows)
        V = SeededGenerator(SEED, 3 * index + 2).matrix(columns, rank) / np.sqrt(columns)
        M = SeededGenerator(SEED, 3 * index + 3).matrix(rank, rank) * scale
        updates[name] = tuple(factor.astype(np.float32) for factor in (U, M, V))
    return updates


def demo_examples(count: int) -> list[dict]:
    with open(os.path.join(cases.ROOT, BANKING)) as file:
        rows = [json.loads(next(file)) for _ in range(count)]
    return [
        {"prompt": models.encode(row["prompt"]), "completion": models.encode(row["completion"])}
        for row in rows
    ]


def tiny_examples(count: int) -> list[dict]:
    generator = SeededGenerator(SEED, 1 << 20)
    lengths = [(3 + index % 5, 1 + index % 3) for index in range(count)]
    draw = lambda n: [int(u * 64) for u in generator.uniforms(n)]
    return [{"prompt": draw(p), "completion": draw(c)} for p, c in lengths]


def completion_logits(model, example: dict) -> torch.Tensor:
    """Logits at the positions that predict completion tokens, [completion tokens, vocab]."""
    ids = example["prompt"] + example["completion"]
    logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return logits[len(example["prompt"]) - 1 : -1]


def loss_sum(objective: str, student, teacher, example: dict) -> torch.Tensor:
    log_q = torch.log_softmax(completion_logits(student, example), dim=-1)
    if objective == "ce":
        return -log_q[range(len(example["completion"])), example["completion"]].sum()
    with torch.no_grad():
        log_p = torch.log_softmax(completion_logits(teacher, example), dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum()


def batch_loss(objective, student, teacher, batch) -> float:
    """Backpropagates the batch's loss, example by example: no padding anywhere."""
    positions = sum(len(example["completion"]) for example in batch)
    total = 0.0
    for example in batch:
        part = loss_sum(objective, student, teacher, example) / positions
        part.backward()
        total += float(part.detach())
    return total


def make_student(make_base, names, rank, scale, dtype):
    student = make_base(dtype)
    return student, models.with_latents(student, seeded_updates(student, names, rank, scale))



def gradients(name, objective, make_base, make_teacher, names, rank, examples, inputs, tolerances):
    stored = np.float64 if name.startswith("tiny") else np.float32
    losses, grads = {}, {}
    for dtype in (torch.float64, torch.float32):
        teacher = make_teacher(dtype) if objective == "kd" else None
        student, latents = make_student(make_base, names, rank, 1.0, dtype)
        losses[dtype] = batch_loss(objective, student, teacher, examples)
        grads[dtype] = {module: latent.M.grad.double().numpy() for module, latent in latents.items()}
    exact = grads[torch.float64]
    cost = max(cases.relative_error(grads[torch.float32][key], exact[key]) for key in exact)
    if name.startswith("demo"):
        # One tensor for all modules keeps the file small; its first axis is module order.
        tensors = {"gradients": np.stack([exact[key] for key in names]).astype(stored)}
    else:
        tensors = {f"{key}.latent": exact[key].astype(stored) for key in names}
    cases.write_case(
        "training",
        f"{name}-{objective}-gradient",
        kind="gradient",
        title=f"Gradient of the {objective} loss with respect to every M, {name} model",
        generator="make_training.py",
        uses=("torch", "transformers", "peft", "gguf", "safetensors"),
        inputs={k: v for k, v in inputs.items() if k != "adapter" or objective == "kd"},
        seed=SEED,
        parameters={
            "objective": objective,
            "rank": rank,
            "latentScale": 1.0,
            "factors": FACTORS,
            "examples": examples,
        },
        tolerances=tolerances,
        expected={
            "loss": losses[torch.float64],
            "modules": len(names),
            "float32CostInPyTorch": {
                "loss": float(f"{abs(losses[torch.float32] / losses[torch.float64] - 1):.1e}"),
                "gradient": float(f"{cost:.1e}"),
            },
        },
        tensors=tensors,
        precision="float64, stored as " + np.dtype(stored).name,
    )


def learning_rates(peak: float, warmup: int, steps: int) -> list[float]:
    """Step k (0-based): peak·(k+1)/warmup while warming up, then peak·(steps-k)/(steps-warmup)."""
    return [
        peak * (k + 1) / warmup if k < warmup else peak * (steps - k) / (steps - warmup)
        for k in range(steps)
    ]


def curve(objective, make_base, make_teacher, names, rank, examples, batch, rates, dtype):
    teacher = make_teacher(dtype)
    student, latents = make_student(make_base, names, rank, 0.0, dtype)
    trained = [latent.M for latent in latents.values()]
    optimizer = torch.optim.AdamW(trained, lr=rates[0], betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    losses, norms = [], []
    for step, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        chosen = examples[step * batch : (step + 1) * batch]
        losses.append(batch_loss(objective, student, teacher, chosen))
        norms.append(float(torch.sqrt(sum((p.grad.double() ** 2).sum() for p in trained))))
        optimizer.step()
    with torch.no_grad():
        after = sum(float(loss_sum(objective, student, teacher, e)) for e in chosen)
    after /= sum(len(e["completion"]) for e in chosen)
    return losses, norms, after, np.stack([p.detach().double().numpy() for p in trained])


def training(name, make_base, make_teacher, names, rank, examples, batch, inputs, tolerances, peak):
    steps = len(examples) // batch
    rates = learning_rates(peak, 3, steps)
    results = {
        dtype: curve("kd", make_base, make_teacher, names, rank, examples, batch, rates, dtype)
        for dtype in (torch.float64, torch.float32)
    }
    losses, norms, after, latents = results[torch.float64]
    losses32, _, _, latents32 = results[torch.float32]
    cases.write_case(
        "training",
        f"{name}-adamw",
        kind="training",
        title=f"Ten AdamW steps of distillation from M = 0, {name} model",
        generator="make_training.py",
        uses=("torch", "transformers", "peft", "gguf", "safetensors"),
        inputs=inputs,
        seed=SEED,
        parameters={
            "objective": "kd",
            "rank": rank,
            "latentScale": 0.0,
            "factors": FACTORS,
            "batchSize": batch,
            "optimizer": {"name": "AdamW", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0},
            "warmup": 3,
            "learningRate": peak,
            "learningRates": rates,
            "examples": examples,
        },
        tolerances=tolerances,
        expected={
            "losses": losses,
            "gradientNorms": norms,
            "lastBatchLossAfter": after,
            "float32CostInPyTorch": {
                "loss": float(f"{cases.relative_error(np.array(losses32), np.array(losses)):.1e}"),
                "latent": float(f"{cases.relative_error(latents32, latents):.1e}"),
            },
        },
        tensors={"latents": latents.astype(np.float64 if name == "tiny" else np.float32)},
        precision="float64",
    )


COORDINATES = (
    "module m: L and R are I + (N + N^T)/16, N [r, r] of streams 2^21 + 2m and 2^21 + 2m + 1, rounded to Float32; "
    "M = L X R, of which X is trained"
)


def permutation(seed: int, stream: int, count: int) -> list[int]:
    """Fisher-Yates with the high word of bits times bound (Sources/Tensors/SeededGenerator.swift)."""
    order, bits = list(range(count)), SeededGenerator(seed, stream).bits(count - 1)
    for last, word in zip(range(count - 1, 0, -1), bits):
        other = (int(word) * (last + 1)) >> 64
        order[last], order[other] = order[other], order[last]
    return order


def coordinates(index: int, side: int, rank: int) -> np.ndarray:
    normals = SeededGenerator(SEED, (1 << 21) + 2 * index + side).matrix(rank, rank)
    return (np.eye(rank) + (normals + normals.T) / 16).astype(np.float32)


def run_loss(objective, student, teacher, batch) -> torch.Tensor:
    weights = {"kd": (("kd", 1.0),), "mix": (("ce", 0.5), ("kd", 0.5))}[objective]
    positions = sum(len(example["completion"]) for example in batch)
    return sum(w * loss_sum(o, student, teacher, e) for e in batch for o, w in weights) / positions


def run(p: dict, make_base, make_teacher, names, dtype):
    """The numbers, training losses and validation losses of a run with the parameters p of the case."""
    teacher = make_teacher(dtype)
    student, latents = make_student(make_base, names, p["rank"], p["latentScale"], dtype)
    training, validation = p["examples"][: p["training"]], p["examples"][p["training"] :]
    modules, numbers, factors = list(latents.values()), [], []
    for index, latent in enumerate(modules):
        sides = [np.eye(p["rank"]), np.eye(p["rank"])]
        if p["whitened"]:
            sides = [coordinates(index, side, p["rank"]) for side in (0, 1)]
        L, R = (torch.from_numpy(side.astype(np.float64)).to(dtype) for side in sides)
        start = torch.linalg.inv(L) @ latent.M.detach() @ torch.linalg.inv(R)
        numbers.append(start.clone().requires_grad_(True))
        factors.append((L, R))
        del latent.M

    def load() -> None:
        for latent, x, (L, R) in zip(modules, numbers, factors):
            latent.M = L @ x @ R

    def validate() -> float:
        with torch.no_grad():
            load()
            return float(run_loss(p["objective"], student, teacher, validation))

    optimizer = torch.optim.AdamW(numbers, lr=1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    losses, validations = [], [validate()]
    peak = p["learningRate"] * min(1, max(validations[0] / p["fullRateLoss"], 0.1))
    for step, rate in enumerate(learning_rates(peak, p["warmup"], p["steps"])):
        order = [
            permutation(p["orderSeed"], position // len(training) + 1, len(training))[position % len(training)]
            for position in range(step * p["batchSize"], (step + 1) * p["batchSize"])
        ]
        load()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = run_loss(p["objective"], student, teacher, [training[index] for index in order])
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
        if (step + 1) % p["validationInterval"] == 0 or step + 1 == p["steps"]:
            validations.append(validate())
    return np.stack([x.detach().double().numpy() for x in numbers]), losses, validations


def tuner(name, title, make_base, make_teacher, names, inputs, parameters, tolerances) -> None:
    results = {
        dtype: run(parameters, make_base, make_teacher, names, dtype)
        for dtype in (torch.float64, torch.float32)
    }
    (numbers, losses, validations), (numbers32, losses32, _) = results.values()
    if parameters["whitened"]:
        parameters = parameters | {"coordinates": COORDINATES}
    cases.write_case(
        "training",
        name,
        kind="tuning",
        title=title,
        generator="make_training.py",
        uses=("torch", "transformers", "peft", "safetensors"),
        inputs=inputs,
        seed=SEED,
        parameters=parameters | {"factors": FACTORS},
        tolerances=tolerances,
        expected={
            "losses": losses,
            "validationLosses": validations,
            "float32CostInPyTorch": {
                "loss": float(f"{cases.relative_error(np.array(losses32), np.array(losses)):.1e}"),
                "values": float(f"{cases.relative_error(numbers32, numbers):.1e}"),
            },
        },
        tensors={"values": numbers},
        precision="float64",
    )


def tiny_tuners(inputs, teacher, names) -> None:
    parameters = {
        "objective": "kd",
        "rank": 2,
        "latentScale": 0.25,
        "training": 14,
        "orderSeed": 5,
        "batchSize": 6,
        "steps": 9,
        "warmup": 3,
        "learningRate": 0.05,
        "fullRateLoss": 1e-9,
        "validationInterval": 4,
        "whitened": False,
        "examples": tiny_examples(20),
    }
    tolerances = {"loss": 1e-5, "values": 1e-3}
    arguments = (make_tiny.base, teacher, names, inputs)
    tuner("tiny-tuner", "Nine steps of the tuner, nearly four epochs, tiny model", *arguments, parameters, tolerances)
    whitened = parameters | {"objective": "mix", "whitened": True, "fullRateLoss": 8.0}
    tuner(
        "tiny-tuner-whitened",
        "The same in other coordinates, half labels and half teacher, at a rate lowered by its start",
        *arguments, whitened, tolerances,
    )


TOP_MODULES = ("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj", "model.layers.1.mlp.down_proj")


def top_gradient(inputs, rank: int, examples, tolerances) -> None:
    """The gradient of M = 0 in the base's first directions, as U (dL/dM) V^T = U U^T (dL/dW) V V^T: whoever turns the
    directions within their span gets the same."""
    losses, projected = {}, {}
    for dtype in (torch.float64, torch.float32):
        model = make_tiny.base(dtype)
        weights = {name: model.get_submodule(name).weight.requires_grad_(True) for name in TOP_MODULES}
        losses[dtype] = batch_loss("ce", model, None, examples)
        projected[dtype] = {}
        for name, weight in weights.items():
            U, _, Vt = np.linalg.svd(weight.detach().double().numpy(), full_matrices=False)
            gradient = weight.grad.double().numpy()
            projected[dtype][name] = U[:, :rank] @ (U[:, :rank].T @ gradient @ Vt[:rank].T) @ Vt[:rank]
    exact, rounded = projected[torch.float64], projected[torch.float32]
    cost = max(cases.relative_error(rounded[name], exact[name]) for name in TOP_MODULES)
    cases.write_case(
        "training",
        "tiny-top-gradient",
        kind="gradient",
        title="Gradient of the ce loss with respect to M = 0 in the base's first directions, tiny model",
        generator="make_training.py",
        uses=("torch", "transformers", "safetensors"),
        inputs=inputs,
        seed=SEED,
        parameters={"objective": "ce", "rank": rank, "directions": "top", "modules": TOP_MODULES, "examples": examples},
        tolerances=tolerances,
        expected={
            "loss": losses[torch.float64],
            "float32CostInPyTorch": {
                "loss": float(f"{abs(losses[torch.float32] / losses[torch.float64] - 1):.1e}"),
                "gradient": float(f"{cost:.1e}"),
            },
        },
        tensors={f"{name}.gradient": exact[name] for name in TOP_MODULES},
        precision="float64",
    )


def tiny() -> None:
    base = {"base": cases.folder_input(make_tiny.MODEL)}
    inputs = base | {"adapter": cases.folder_input(make_tiny.ADAPTER)}
    teacher = lambda dtype: models.with_adapter(make_tiny.base(dtype), make_tiny.ADAPTER)
    names = models.module_names(make_tiny.config())
    gradient_tolerances = {"loss": 1e-6, "gradient": 5e-5}
    for objective in ("ce", "kd"):
        gradients("tiny", objective, make_tiny.base, teacher, names, 2, tiny_examples(4), inputs, gradient_tolerances)
    top_gradient(base, 4, tiny_examples(4), gradient_tolerances)
    tolerances = {"loss": 1e-5, "latent": 1e-3}
    training("tiny", make_tiny.base, teacher, names, 2, tiny_examples(40), 4, inputs, tolerances, 0.05)
    tiny_tuners(inputs, teacher, names)


def demo() -> None:
    inputs = {
        "base": cases.file_input(cases.DEMO_BASE),
        "adapter": cases.folder_input(ADAPTER),
        "data": cases.file_input(BANKING),
    }
    teacher = lambda dtype: models.with_adapter(models.demo_base(dtype), ADAPTER)
    names = models.module_names(models.demo_config())
    gradient_tolerances = {"loss": 5e-6, "gradient": 5e-4}
    for objective in ("ce", "kd"):
        gradients("demo", objective, models.demo_base, teacher, names, 4, demo_examples(4), inputs, gradient_tolerances)
    tolerances = {"loss": 2e-5, "latent": 3e-3}
    training("demo", models.demo_base, teacher, names, 4, demo_examples(40), 4, inputs, tolerances, 0.01)


if __name__ == "__main__":
    tiny()
    demo()
