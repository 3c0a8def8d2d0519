"""A compiler launcher that takes an object from a build that has it, where it was compiled by the same command, and
compiles what is left.

    reuse_object.py BUILD COMPILER ARGUMENT...

BUILD is the build folder with the objects and compile_commands.json. Commands are the same when they differ only in where
the object and the list of what it depends on go, and in the build folder's name in debug information.
"""
import json
import os
import pathlib
import shlex
import shutil
import sys

PLACES = ("-o", "-MT", "-MF")


def essence(words):
    """A command without what may differ."""
    skipped = {at + 1 for at, word in enumerate(words) if word in PLACES}
    return [word for at, word in enumerate(words)
            if at not in skipped and word not in (*PLACES, "-MD") and not word.startswith("-fdebug-prefix-map=")]


def value(words, option):
    return words[words.index(option) + 1] if option in words else None


def object_of(build, words):
    """The object that the same command made, if it is younger than its source."""
    source = value(words, "-c")
    database = build / "compile_commands.json"
    if source is None or value(words, "-o") is None or not database.exists():
        return None
    for entry in json.loads(database.read_text()):
        if entry["file"] == source:
            theirs = shlex.split(entry["command"])
            made = pathlib.Path(entry["directory"]) / value(theirs, "-o")
            if essence(theirs) == essence(words) and made.exists() and made.stat().st_mtime >= os.stat(source).st_mtime:
                return made
    return None


def main():
    build, words = pathlib.Path(sys.argv[1]), sys.argv[2:]
    made = object_of(build, words)
    if made is None:
        os.execvp(words[0], words)
    output, source = value(words, "-o"), value(words, "-c")
    shutil.copyfile(made, output)
    if value(words, "-MF") is not None:
        pathlib.Path(value(words, "-MF")).write_text(f"{output}: {source}\n")


if __name__ == "__main__":
    main()
