"""What llama.cpp makes of texts: tokens, chats and −ln p of completions. In a process of its own: it aborts on what it does
not take.

    llama_cpp_score.py MODEL      reads one request from stdin, writes one answer, both JSON

Request: {"tokenize": [text], "special": bool}, {"chat": [messages]} or {"score": [{"prompt": ids, "completion": ids}]}.
"""

import json
import sys
import urllib.request

import xllamacpp

import llama_cpp_run


def post(server, path: str, body: dict) -> dict:
    request = urllib.request.Request(
        server.listening_address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def losses(server, prompt: list[int], completion: list[int]) -> list[float]:
    found = []
    for place, token in enumerate(completion):
        # The bias makes it the token that is drawn; its log-probability is that before any sampling.
        answer = server.handle_completions({
            "prompt": prompt + completion[:place], "n_predict": 1, "n_probs": 1, "cache_prompt": True, "seed": 1,
            "logit_bias": [[token, 1000]], "temperature": 0,
        })
        drawn = answer["choices"][0]["logprobs"]["content"][0]
        assert drawn["id"] == token, (drawn["id"], token)
        found.append(-drawn["logprob"])
    return found


def main() -> None:
    request = json.load(sys.stdin)
    server = xllamacpp.Server(llama_cpp_run.parameters(sys.argv[1], context=2048))
    if "tokenize" in request:
        found = [
            post(server, "/tokenize", {"content": text, "add_special": request["special"], "parse_special": True})["tokens"]
            for text in request["tokenize"]]
    elif "chat" in request:
        found = [post(server, "/apply-template", {"messages": messages})["prompt"] for messages in request["chat"]]
    else:
        found = [losses(server, row["prompt"], row["completion"]) for row in request["score"]]
    print("ANSWER " + json.dumps(found))


if __name__ == "__main__":
    main()
