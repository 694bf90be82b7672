"""Conversations by chat templates of published models, as Transformers renders them.

    LLAMA_CPP=FOLDER make_chat.py      writes golden/tokenizer/chat/cases.json

The templates are other people's and are not kept, only the SHA-256 of each text (without a last line end): those of
models/templates and tests/test-chat-template.cpp in llama.cpp's source (fetched as the Makefile says), and the demo base's.
"""

import hashlib
import json
import os
import re

import gguf
from transformers.utils.chat_template_utils import render_jinja_template

import cases

FILES = {
    "Qwen2.5": "Qwen-Qwen2.5-7B-Instruct", "Qwen3": "Qwen-Qwen3-0.6B", "Gemma 2": "google-gemma-2-2b-it",
    "Phi-3.5-mini": "microsoft-Phi-3.5-mini-instruct", "Llama 3.1": "meta-llama-Llama-3.1-8B-Instruct",
}
QUOTED = {
    "ChatML": "teknium/OpenHermes-2.5-Mistral-7B", "Mistral 7B v0.2": "mistralai/Mistral-7B-Instruct-v0.2 (NOTE: Old pre-v1",
    "Gemma": "google/gemma-7b-it", "Llama 3": "Llama-3", "Phi-3-mini": "Phi-3-mini", "Phi-3-medium": "Phi-3-medium",
    "Phi-4": "phi-4", "Granite 3.0": "ibm-granite/granite-3.0-8b-instruct",
}
TEXTS = ["Hello", "  spaces \n\n", "Ünïcödé 日本語 🦙", "<|im_end|>", "a\u0301\u0327b", "line\nline", "{{ x }}", "\x1c\u00a0odd\u3000",
         "<think>\nI see.\n</think>\n\nYes.", "</think>\n\u0301No", "<think>a</think>b</think>c", "", "<tool_response>\nx\n</tool_response>"]


def templates() -> dict[str, str]:
    source = os.environ["LLAMA_CPP"]
    reader = gguf.GGUFReader(os.path.join(cases.ROOT, cases.DEMO_BASE))
    found = {"SmolLM2": reader.fields["tokenizer.chat_template"].contents()}
    reader = gguf.GGUFReader(os.path.join(source, "models", "ggml-vocab-qwen35.gguf"))
    found["Qwen2"] = reader.fields["tokenizer.chat_template"].contents()
    for name, file in FILES.items():
        with open(os.path.join(source, "models", "templates", f"{file}.jinja"), encoding="utf-8", newline="") as text:
            found[name] = text.read()
    with open(os.path.join(source, "tests", "test-chat-template.cpp"), encoding="utf-8") as file:
        code = file.read()
    for name, title in QUOTED.items():
        pattern = r'name= \*/ "' + re.escape(title) + r'[^\n]*\n\s*/\* .template_str= \*/ ("(?:[^"\\]|\\.)*")'
        # A string of C is one of JSON where it has no other escapes.
        found[name] = json.loads(re.search(pattern, code).group(1))
    return found


def conversations() -> list[list[dict]]:
    found = []
    for index in range(len(TEXTS)):
        texts = TEXTS[index:] + TEXTS[:index]
        turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
        system = {"role": "system", "content": TEXTS[(index * 5) % len(TEXTS)]}
        for count in (1, 2, 3, 4):
            found.append(turns[:count])
            if index % 3 == 0:
                found.append([system] + turns[:count])
    found.append([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
    found.append([{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}])
    found.append([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}])
    found.append([{"role": "system", "content": "b"}])
    return found


def main() -> None:
    folder = os.path.join(cases.output, "tokenizer", "chat")
    os.makedirs(folder, exist_ok=True)
    all_ = conversations()
    answers = []
    for name, text in templates().items():
        rows = []
        for messages in all_:
            for prompt in (False, True):
                try:
                    rendered, _ = render_jinja_template(
                        [messages], chat_template=text, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>")
                    rows.append(hashlib.sha256(rendered[0].encode()).hexdigest()[:16])
                except Exception:
                    rows.append(None)
        key = text[:-1] if text.endswith("\n") else text
        answers.append({"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "texts": rows})
    with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as file:
        json.dump({
            "title": "Conversations by chat templates: the first 16 digits of the SHA-256 of each text, null where the "
                     "template refuses; of each conversation without and with the prompt for an answer",
            "generator": "golden/tools/make_chat.py", "libraries": cases.libraries("gguf", "jinja2", "transformers"),
            "conversations": all_, "templates": answers,
        }, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
