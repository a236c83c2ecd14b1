#!/usr/bin/env python3
"""Reads every #include of the tree and fails on one that ARCHITECTURE.md forbids. In the layers of the core it
also looks for calls that reach the world (clock, randomness, environment) without an include of its own.

usage: layers.py [ROOT [TABLE]]

The arrows are in tools/layers.txt. A finding is one line: file, line, the include, the arrow. The exit code is 0
when there is none, 1 when there are some, 2 when the table itself cannot be used.
"""

import fnmatch
import os
import re
import sys

SUFFIXES = (".h", ".cc", ".hpp", ".cpp", ".c", ".m", ".mm", ".inc")
FOLDERS = ("include", "src", "apps", "bindings", "tests", "fuzz", "bench", "examples", "tools", "cmake")
SKIPPED = {"build", "node_modules", "fixtures", "prefix"}

INCLUDE = re.compile(r'^\s*#\s*(?:include|import)\s*([<"])([^>"]+)[>"]')

# What an included name belongs to; the first that fits decides. Standard headers that bring what a core folder
# must never know (threads, files, randomness) are families as well.
FAMILIES = (
    ("protobuf", r"google/protobuf/|.*\.pb\.h$"),
    ("boost", r"boost/"),
    ("crypto", r"openssl/(evp|hmac|sha|rand|crypto|kdf|params|core_names|err|bio|pem|x509)\w*\.h$"),
    ("openssl", r"openssl/"),
    ("sqlite", r"sqlite3(ext)?\.h$"),
    ("rocksdb", r"rocksdb/"),
    ("spdlog", r"spdlog/"),
    ("fmt", r"fmt/"),
    ("toml", r"toml\+\+/|toml\.hpp$"),
    ("cli11", r"CLI/"),
    ("json", r"nlohmann/"),
    ("gtest", r"g(test|mock)/"),
    ("benchmark", r"benchmark/"),
    ("apple", r"(Foundation|UIKit|Cocoa|objc|GNUstepBase)/"),
    ("threads", r"(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|pthread\.h)$"),
    ("random", r"random$"),
    ("files", r"(fstream|filesystem)$"),
    ("posix", r"(sys|netinet|arpa|net|linux)/.*|(unistd|fcntl|poll|signal|termios|dirent|netdb|pwd|grp|syslog|dlfcn|spawn|execinfo|getopt|ifaddrs|fnmatch|glob)\.h$"),
)
# What brings the world in without an include of its own.
WORLD = re.compile(r"_clock::now\b|\bthis_thread\b|\bthread_local\b|\b(std::)?s?rand\(|\bgettimeofday\(|\bclock_gettime\(|\bgetrandom\(|\bgetenv\(")
STANDARD = re.compile(r"[a-z0-9_]+$|(?:assert|ctype|errno|float|inttypes|limits|locale|math|setjmp|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|strings|time|wchar)\.h$")


def fail(message):
    print(message, file=sys.stderr)
    raise SystemExit(2)


class Layer:
    def __init__(self, name, files, uses, third):
        self.name, self.files, self.uses, self.third = name, files, uses, third

    def owns(self, path):
        return any(fnmatch.fnmatchcase(path, glob) for glob in self.files)

    def may_use_family(self, family, path):
        name = os.path.basename(path)
        for allowed in self.third:
            wanted, _, glob = allowed.partition("@")
            # libssl brings libcrypto.
            fits = wanted == "*" or wanted == family or (wanted == "openssl" and family == "crypto")
            if fits and (not glob or fnmatch.fnmatchcase(name, glob)):
                return True
        return family in ("gtest", "benchmark") and is_test(path)

    def is_core(self):
        """Whether time, randomness and threads come to this layer through ports only."""
        return not ({"*", "threads", "posix"} & set(self.third))


def is_test(path):
    return path.endswith("_test.cc") or path.endswith("_bench.cc") or "/testing/" in path


def read_table(path):
    layers = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            fields = [field.split() for field in line.split("|")]
            if len(fields) != 4 or len(fields[0]) != 2 or fields[0][0] != "layer" or not fields[1]:
                fail(f"{path}:{number}: expected 'layer NAME | files | layers | third party'")
            layers.append(Layer(fields[0][1], *fields[1:]))
    names = {layer.name for layer in layers} | {"*"}
    for layer in layers:
        for used in layer.uses:
            if used not in names:
                fail(f"{path}: layer {layer.name} uses {used}, which does not exist")
    return layers


def source_files(root):
    for folder in FOLDERS:
        for where, folders, files in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("."))
            for name in sorted(files):
                if name.endswith(SUFFIXES):
                    yield os.path.relpath(os.path.join(where, name), root).replace(os.sep, "/")


def owner(layers, path):
    return next((layer for layer in layers if layer.owns(path)), None)


def resolve(root, path, name):
    """The file of the tree that this include means, or None for one from outside."""
    # A program with folders of its own names its files from its root.
    program = "/".join(path.split("/")[:2])
    for candidate in (os.path.join(os.path.dirname(path), name), f"{program}/{name}", f"src/{name}",
                      f"include/{name}", name):
        candidate = os.path.normpath(candidate).replace(os.sep, "/")
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    return None


def check_include(root, layers, layer, path, bracket, name):
    """Why this include is not allowed, or None."""
    family = next((f for f, pattern in FAMILIES if re.match(pattern, name)), None)
    if family:
        if not layer.may_use_family(family, path):
            return f"{layer.name} may not use {family}"
        return None
    target = resolve(root, path, name)
    if target:
        to = owner(layers, target)
        if to is None:
            return f"{target} is in no layer"
        if to is not layer and to.name not in layer.uses and "*" not in layer.uses:
            return f"{layer.name} -> {to.name} is not an arrow"
        return None
    if bracket == "<" and STANDARD.match(name):
        return None
    if "*" in layer.third:
        return None
    if bracket == '"':
        return "no such file in src, include or beside the file"
    return "of no known library; tools/layers.py lists the families"


def main(arguments):
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    table = arguments[1] if len(arguments) > 1 else os.path.join(root, "tools", "layers.txt")
    layers = read_table(table)
    files = includes = 0
    findings = []
    for path in source_files(root):
        layer = owner(layers, path)
        if layer is None:
            if not path.startswith("cmake/"):
                findings.append(f"{path}:1: is in no layer; add one to tools/layers.txt")
            continue
        files += 1
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if not match:
                    world = WORLD.search(line.split("//")[0]) if layer.is_core() else None
                    if world:
                        findings.append(f"{path}:{number}: {world[0]}: {layer.name} reaches the world through ports only")
                    continue
                includes += 1
                why = check_include(root, layers, layer, path, *match.groups())
                if why:
                    findings.append(f"{path}:{number}: {line.strip()}: {why}")
    for finding in findings:
        print(finding)
    print(f"{files} files, {includes} includes, {len(findings)} forbidden")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
