"""Calibration in PyTorch: C = E[x x^T] and G = E[g g^T] of every linear module of the LoRA model, by hooks.

Labels are drawn from the model's own predictions. Modules that share an input share its sum, as ours do. The batch may
be cut into groups of like length, which saves padding; padding is left out of the sums.
"""

import argparse
import json

import common

parser = argparse.ArgumentParser()
parser.add_argument("--tokens", required=True)
parser.add_argument("--adapter", required=True)
parser.add_argument("--traces", required=True)
parser.add_argument("--dtype", choices=["float32", "autocast"], default="float32")
parser.add_argument("--groups", type=int, default=1)
parser.add_argument("--threads", type=int, required=True)
arguments = parser.parse_args()
common.set_threads(arguments.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402

models = common.transformers_models(arguments.threads)
OWNERS = {"k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}

with open(arguments.tokens) as file:
    examples = json.load(file)
rows = [example["prompt"] + example["completion"][:-1] for example in examples]
places = [
    [len(example["prompt"]) - 1 + offset for offset in range(len(example["completion"]))] for example in examples
]
model = models.with_adapter(models.demo_base(torch.float32), arguments.adapter)
inner = model.base_model.model.model
head = model.base_model.model.lm_head.weight.detach()
names = models.module_names(models.demo_config())
modules = {name: dict(inner.named_modules())[name.removeprefix("model.")] for name in names}
half = arguments.dtype != "float32"
keep = None  # which tokens of the padded batch count
sums = {}


def add(key, values):
    values = values.detach().reshape(-1, values.shape[-1])[keep]
    if half:
        values = values.bfloat16()
    product = (values.T @ values).float()
    sums[key] = product if key not in sums else sums[key].add_(product)


def watch(name, module):
    leaf = name.rsplit(".", 1)[1]
    if leaf not in OWNERS:
        module.register_forward_pre_hook(lambda _, inputs: add((name, "C"), inputs[0]))
    module.register_full_backward_hook(lambda _, __, outputs: add((name, "G"), outputs[0]))


for name, module in modules.items():
    watch(name, module)
for parameter in model.parameters():
    parameter.requires_grad_(False)


def pass_over(indices):
    """Forward and backward over the examples, in groups of like length."""
    global keep
    generator = torch.Generator().manual_seed(0)
    order = sorted(indices, key=lambda index: len(rows[index]))
    size = -(-len(order) // arguments.groups)
    for start in range(0, len(order), size):
        group = order[start : start + size]
        width = max(len(rows[index]) for index in group)
        ids = torch.tensor([rows[index] + [0] * (width - len(rows[index])) for index in group])
        mask = torch.tensor([[1] * len(rows[index]) + [0] * (width - len(rows[index])) for index in group])
        keep = mask.reshape(-1).bool()
        where = [(place, column) for place, index in enumerate(group) for column in places[index]]
        first, second = (torch.tensor(part) for part in zip(*where))
        embedded = inner.embed_tokens(ids).requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            states = inner(inputs_embeds=embedded, attention_mask=mask, use_cache=False).last_hidden_state
            logits = torch.nn.functional.linear(states[first, second], head)
        log_p = torch.log_softmax(logits.float(), dim=-1)
        drawn = torch.multinomial(log_p.detach().exp(), 1, generator=generator)
        (-log_p.gather(1, drawn).sum()).backward()


def body():
    sums.clear()
    pass_over(range(len(rows)))


pass_over(range(2))
timing = common.measure(body)
tokens = sum(map(len, rows))
traces = []
for name in names:
    stem, leaf = name.rsplit(".", 1)
    owner = f"{stem}.{OWNERS.get(leaf, leaf)}"
    traces += [float(sums[owner, "C"].trace()) / tokens, float(sums[name, "G"].trace()) / tokens]
np.array(traces, np.float32).tofile(arguments.traces)
common.emit(
    "calibration", timing, dtype=arguments.dtype, groups=arguments.groups, threads=arguments.threads,
    examples=len(rows),
)
