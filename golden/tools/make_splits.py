"""Rows that choose and rows that judge, carved from the demo data that is here.

    make_splits.py            writes golden/data/*/dev.jsonl and the test lines 501 to 1,000 of the two small tasks
    make_splits.py check      says whether the files here are what it would write, and whether any text is on two sides

Of a training file the first FIT rows are for calibration and training; `dev.jsonl` are the first DEV rows behind them
whose text is in none of those, in no test file of the task and not a second time among themselves. The lines 501 and on
of `clinc-pairs/test.jsonl` and `banking-topics/test.jsonl` are made like the first 500 (train_adapters.py) of source test
rows that none of those 500 uses, that are not among the first 500 of the source's own test file and whose text is in no
training file. golden/data/SPLITS.md says what each has served for.
"""

import json
import os
import random
import sys

import cases
from topics import TOPICS, topic

SEED = 20261129
OLD_TEST, NEW_TEST = 500, 500
# Task: rows for training, rows of dev.jsonl.
TASKS = {
    "clinc-domains": (14_000, 256),
    "banking77": (9_000, 256),
    "clinc-pairs": (2_600, 256),
    "banking-topics": (2_600, 256),
}
SOURCES = {"clinc-pairs": "clinc-domains", "banking-topics": "banking77"}


def path(task: str, split: str) -> str:
    return os.path.join(cases.GOLDEN, "data", task, f"{split}.jsonl")


def rows(task: str, split: str) -> list[dict]:
    with open(path(task, split), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def lines(made: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)


def messages(row: dict) -> list[str]:
    """The texts of people in a row, without the words around them: two in clinc-pairs, else one."""
    body = row["prompt"].rsplit("\n", 1)[0]
    return [part.split(": ", 1)[1] for part in body.split("\n")]


def texts(made: list[dict]) -> set[str]:
    return {message.lower() for row in made for message in messages(row)}


def dev(task: str) -> list[dict]:
    fit, count = TASKS[task]
    training = rows(task, "train")
    taken = texts(training[:fit]) | texts(rows(task, "test"))
    chosen: list[dict] = []
    for row in training[fit:]:
        own = {message.lower() for message in messages(row)}
        if own & taken:
            continue
        taken |= own
        chosen.append(row)
    return chosen[:count]


def free_rows(task: str) -> list[dict]:
    """Source test rows for new test lines of a small task, in a drawn order."""
    source = SOURCES[task]
    testing = rows(source, "test")
    taken = texts(rows(source, "train")) | texts(rows(task, "train")) | texts(testing[:OLD_TEST])
    taken |= texts(rows(task, "test")[:OLD_TEST])
    free = []
    for row in testing[OLD_TEST:]:
        message = messages(row)[0].lower()
        if message not in taken:
            taken.add(message)
            free.append(row)
    random.Random(f"{SEED} {task}").shuffle(free)
    return free


def new_clinc_pairs() -> list[dict]:
    free = free_rows("clinc-pairs")[: 2 * NEW_TEST]
    made = []
    for first, second in zip(free[::2], free[1::2]):
        domains = [row["choices"][row["answer"]].strip() for row in (first, second)]
        answer = json.dumps({"first": domains[0], "second": domains[1]})
        prompt = f"First: {messages(first)[0]}\nSecond: {messages(second)[0]}\nJSON:"
        made.append({"prompt": prompt, "completion": f" {answer}\n"})
    return made


def new_banking_topics() -> list[dict]:
    return [
        {
            "prompt": f"Customer: {messages(row)[0]}\nTopic:",
            "choices": TOPICS,
            "answer": TOPICS.index(topic(row["completion"].strip())),
        }
        for row in free_rows("banking-topics")[:NEW_TEST]
    ]


def files() -> dict[str, str]:
    """Every file and what it holds, tests of the small tasks first: dev rows keep away from those."""
    made = {}
    for task, new in (("clinc-pairs", new_clinc_pairs()), ("banking-topics", new_banking_topics())):
        with open(path(task, "test"), encoding="utf-8") as file:
            old = "".join(file.readlines()[:OLD_TEST])
        made[path(task, "test")] = old + lines(new)
    for task in TASKS:
        made[path(task, "dev")] = lines(dev(task))
    return made


def check() -> None:
    for name, text in files().items():
        with open(name, encoding="utf-8") as file:
            assert file.read() == text, f"{name} is not what make_splits.py writes"
    for task, (fit, count) in TASKS.items():
        chosen, testing = rows(task, "dev"), rows(task, "test")
        assert len(chosen) == count
        assert not texts(chosen) & texts(rows(task, "train")[:fit]), f"{task}: dev and training"
        assert not texts(chosen) & texts(testing), f"{task}: dev and test"
        old, new = texts(testing[:OLD_TEST]), texts(testing[OLD_TEST:])
        both = old & new
        known = texts(rows(task, "train")) & new
        print(f"{task}: {len(testing) - OLD_TEST} untouched rows, {len(both)} texts also in the first 500, "
              f"{len(known)} also in the training file")


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    else:
        # Twice: what dev rows keep away from is written by then.
        for _ in range(2):
            for name, text in files().items():
                with open(name, "w", encoding="utf-8") as file:
                    file.write(text)
        check()
