#!/usr/bin/env python3
"""Checks what reads badly: long files, long functions, a missing first sentence, leftover words.

A file over 500 lines, a source file that does not open with a comment, or a word that marks
unfinished work is an error; tables (.def) may be as long as what they list. A function over 60 lines is a warning, unless the comment above it
holds a sentence that begins with "Long:" and says why.
"""
import pathlib
import re
import subprocess
import sys

FILE_LIMIT, FUNCTION_LIMIT = 500, 60
# In two parts, so that this file does not find itself.
LEFTOVERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
SOURCE = {".c", ".h", ".S", ".py", ".sh", ".mk", ".def", ".ld"}
OPENING = re.compile(r"/\*|//|#[^!]|\"\"\"")


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        path = pathlib.Path(name)
        if path.is_file() and not path.is_symlink():
            yield path


def long_functions(lines):
    """(line number, length) of each function of a C file that is too long and does not say why.

    The format makes this easy: a body begins and ends with a brace in the first column.
    """
    start, why, begins = None, False, 0
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start - 1 > FUNCTION_LIMIT and not why:
                yield start, number - start - 1
            start, why = None, False
        elif start is None and "Long:" in line:
            why, begins = True, number
        elif start is None and not line.strip() and number > begins + 20:
            why = False


def opens_with_comment(lines):
    for line in lines[:2]:
        if OPENING.match(line):
            return True
        if not line.startswith("#!"):
            return False
    return False


def examine(path):
    """Yields (is an error, sentence)."""
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        return
    if path.suffix in SOURCE or path.name == "Makefile":
        if len(lines) > FILE_LIMIT and path.suffix != ".def":
            yield True, f"{path}: {len(lines)} lines; the limit is {FILE_LIMIT}"
        if lines and path.name != "module.mk" and not opens_with_comment(lines):
            yield True, f"{path}: does not open with a sentence that says what it is for"
    for number, line in enumerate(lines, 1):
        if m := LEFTOVERS.search(line):
            yield True, f"{path}:{number}: leftover '{m[1]}'"
    if path.suffix in (".c", ".h"):
        for number, length in long_functions(lines):
            yield False, f"{path}:{number}: a function of {length} lines; say why (\"Long: ...\")"


def main():
    errors = 0
    for path in tracked():
        for is_error, sentence in examine(path):
            errors += is_error
            print(("" if is_error else "warning: ") + sentence)
    if not errors:
        print("text: files under 500 lines, each opens with its purpose, nothing left over")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
