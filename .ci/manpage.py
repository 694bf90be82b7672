#!/usr/bin/env python3
"""Writes xspress.1 from `xspress --experimental-dump-help`, the parser's own description of itself."""

import json
import subprocess
import sys

# Options that every command has; described once.
COMMON = {"threads", "memory", "cache-dir", "cache-limit", "log", "quiet"}


def roff(text):
    """Text safe in a roff line: backslashes and hyphens escaped, no leading control character."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def option_line(argument):
    names = [
        ("-" if name["kind"] == "short" else "--") + name["name"]
        for name in argument.get("names", [])
    ]
    value = argument.get("valueName", "value")
    if argument["kind"] == "positional":
        return f"\\fI{roff(value)}\\fR"
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in names)
    return names if argument["kind"] == "flag" else f"{names} \\fI{roff(value)}\\fR"


def discussion(command, heading):
    """Prints the paragraphs of a command's discussion; its examples verbatim under `heading`."""
    for paragraph in (command.get("discussion") or "").split("\n\n"):
        title, _, body = paragraph.partition("\n")
        if title == "EXAMPLES":
            print(f"{heading}\n.nf\n{roff(body)}\n.fi")
        elif title and title != "EXIT CODES":  # Those have a section of their own.
            print(f".PP\n{roff(paragraph)}")


def arguments(command, leave_out):
    shown = [a for a in command.get("arguments", []) if a.get("shouldDisplay", True)]
    for argument in shown:
        if any(name["name"] in leave_out for name in argument.get("names") or []):
            continue
        print(".TP")
        print(option_line(argument))
        text = argument.get("abstract", "")
        if argument.get("allValues") and len(argument["allValues"]) > 1:
            text += f" ({', '.join(argument['allValues'])})"
        if argument.get("defaultValue"):
            text += f" (default: {argument['defaultValue']})"
        print(roff(text.strip()) or "\\&")


def main():
    dump = subprocess.run(
        [sys.argv[1], "--experimental-dump-help"], check=True, capture_output=True, text=True
    ).stdout
    root = json.loads(dump)["command"]
    print('.TH XSPRESS 1 "" "XSPress" "User Commands"')
    print(f".SH NAME\nxspress \\- {roff(root.get('abstract', ''))}")
    print(".SH SYNOPSIS\n.B xspress\n\\fIcommand\\fR [\\fIoptions\\fR]")
    print(".SH DESCRIPTION")
    discussion(root, ".SH EXAMPLES")
    print(".SH COMMANDS")
    commands = [
        command
        for command in root.get("subcommands", [])
        if command["commandName"] != "help" and command.get("shouldDisplay", True)
    ]
    for command in commands:
        print(f".SS xspress {roff(command['commandName'])}")
        print(roff(command.get("abstract", "")))
        discussion(command, ".PP\nExamples:")
        arguments(command, COMMON | {"help", "version"})
        for child in command.get("subcommands", []):
            print(f".TP\n\\fB{roff(child['commandName'])}\\fR\n{roff(child.get('abstract', ''))}")
    print(".SH OPTIONS OF EVERY COMMAND")
    everywhere = [
        argument
        for argument in commands[0].get("arguments", [])
        if any(name["name"] in COMMON for name in argument.get("names") or [])
    ]
    arguments({"arguments": everywhere}, set())
    print(".SH EXIT STATUS")
    for code, meaning in [
        (0, "done"),
        (64, "the command line makes no sense"),
        (65, "an input is damaged, or a check did not pass"),
        (66, "an input is missing or unreadable"),
        (69, "an input uses something this version does not support"),
        (70, "a broken invariant of the program"),
        (71, "the work would exceed the memory or descriptor budget"),
        (73, "the output cannot be created"),
        (74, "reading or writing failed"),
        (75, "temporary: disk full, lock held, input changed; try again"),
    ]:
        print(f".TP\n.B {code}\n{meaning}")
    print(
        ".SH FILES\n.TP\n.I $XDG_CACHE_HOME/xspress\nBases, second moments and teacher's states, by content "
        "digest, at most \\fB\\-\\-cache\\-limit\\fR; \\fBxspress cache prune\\fR empties it."
    )


if __name__ == "__main__":
    main()
