"""One tuning step in PyTorch: Transformers' Llama with LoRA-XS modules, padded batch, torch.optim.AdamW.

Frozen W and factors, trainable M; only loss positions pass through the head; the teacher's final hidden states
are computed beforehand by PEFT, and without an adapter the loss is cross-entropy. The batch may be cut into groups of like length, which saves padding.
"""

import argparse
import json

import common

parser = argparse.ArgumentParser()
parser.add_argument("--tokens", required=True)
parser.add_argument("--base", help="a GGUF file of a Llama with one matrix for embeddings and head (default: the demo base)")
parser.add_argument("--adapter")
parser.add_argument("--rank", type=int, default=16)
parser.add_argument("--steps", type=int, default=4, help="the first warms up")
parser.add_argument("--learning-rate", type=float, default=1e-3)
parser.add_argument("--dtype", choices=["float32", "autocast", "bfloat16"], default="float32")
parser.add_argument("--groups", type=int, default=1)
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
common.set_threads(arguments.threads)

import time  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from seeded import SeededGenerator  # noqa: E402

models = common.transformers_models(arguments.threads, arguments.base)
SEED, LATENT_SCALE = 20261124, 0.02  # as SeededFactors


def updates(model, rank: int) -> dict:
    result = {}
    for index, name in enumerate(models.module_names(models.demo_config())):
        rows, columns = model.get_submodule(name).weight.shape
        u = SeededGenerator(SEED, 3 * index + 1).matrix(rows, rank) / np.sqrt(rows)
        v = SeededGenerator(SEED, 3 * index + 2).matrix(columns, rank) / np.sqrt(columns)
        m = SeededGenerator(SEED, 3 * index + 3).matrix(rank, rank) * LATENT_SCALE
        result[name] = tuple(factor.astype(np.float32) for factor in (u, m, v))
    return result


class Group:
    """A padded part of the batch: ids, mask, and where the loss is taken."""

    def __init__(self, examples: list[dict]):
        rows = [example["prompt"] + example["completion"][:-1] for example in examples]
        width = max(map(len, rows))
        self.ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        # No mask where nothing is padded: the causal kernel is quicker.
        self.mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        if bool(self.mask.all()):
            self.mask = None
        places = [
            (index, len(example["prompt"]) - 1 + offset)
            for index, example in enumerate(examples)
            for offset in range(len(example["completion"]))
        ]
        self.rows, self.columns = (torch.tensor(part) for part in zip(*places))
        self.answers = torch.tensor([token for example in examples for token in example["completion"]])

    def hidden(self, inner) -> torch.Tensor:
        """Final-normed hidden states at the loss positions, [positions, d]."""
        states = inner(input_ids=self.ids, attention_mask=self.mask, use_cache=False).last_hidden_state
        return states[self.rows, self.columns]

    def cross_entropy(self, log_q) -> torch.Tensor:
        """The sum of -log q of the completions' tokens."""
        return torch.nn.functional.nll_loss(log_q, self.answers, reduction="sum")


def divergence(log_q, target, head, half: bool) -> torch.Tensor:
    """The sum over loss positions of KL(p || q), p from the teacher's hidden states."""
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = torch.nn.functional.linear(target, head)
        log_p = torch.log_softmax(logits.float(), dim=-1)
        p = log_p.exp()
    return (p * (log_p - log_q)).sum()


def main() -> None:
    with open(arguments.tokens) as file:
        examples = json.load(file)
    examples.sort(key=lambda example: len(example["prompt"]))
    size = -(-len(examples) // arguments.groups)
    groups = [Group(examples[start : start + size]) for start in range(0, len(examples), size)]
    positions = sum(len(group.rows) for group in groups)

    targets = [None] * len(groups)
    if arguments.adapter:
        teacher = models.with_adapter(models.demo_base(torch.float32), arguments.adapter)
        with torch.no_grad():
            targets = [group.hidden(teacher.base_model.model.model) for group in groups]
        del teacher

    student = models.demo_base(torch.float32)
    models.demo_weights.cache_clear()
    latents = models.with_latents(student, updates(student, arguments.rank))
    half = arguments.dtype != "float32"
    if arguments.dtype == "bfloat16":
        # Autocast casts frozen weights again in every step; kept in BF16 they need not be.
        for latent in latents.values():
            latent.linear.to(torch.bfloat16)
            latent.U, latent.V = latent.U.bfloat16(), latent.V.bfloat16()
    head = student.lm_head.weight.detach().bfloat16() if half else student.lm_head.weight.detach()
    trained = [latent.M for latent in latents.values()]
    optimizer = torch.optim.AdamW(trained, lr=arguments.learning_rate, weight_decay=0)
    loaded = common.peak_resident_bytes()
    common.forget_peak()
    losses, times, processor = [], [], []
    for step in range(arguments.steps):
        start = time.perf_counter()
        optimizer.param_groups[0]["lr"] = arguments.learning_rate * (arguments.steps - step) / arguments.steps
        optimizer.zero_grad()
        total = 0.0
        for group, target in zip(groups, targets):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = torch.nn.functional.linear(group.hidden(student.model), head)
            log_q = torch.log_softmax(logits.float(), dim=-1)
            loss = divergence(log_q, target, head, half) if arguments.adapter else group.cross_entropy(log_q)
            loss = loss / positions
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        times.append(time.perf_counter() - start)
        processor.append(time.process_time())
        losses.append(total)
    common.emit(
        "step",
        common.Timing(
            float(np.median(times[1:])), len(times) - 1, (processor[-1] - processor[0]) / (len(times) - 1)
        ),
        rank=arguments.rank,
        dtype=arguments.dtype,
        groups=arguments.groups,
        threads=arguments.threads,
        padded_tokens=sum(group.ids.numel() for group in groups),
        losses=losses,
        peak_loading=loaded,
    )


main()
