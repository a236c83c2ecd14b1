"""Reads what callgrind writes: the cost of each function by itself, and with all that it calls.

The format is that of valgrind's manual, "Callgrind Format Specification"; only what callgrind 3.19 writes with one event and line
numbers is understood.
"""

import os
import re

NAME = re.compile(r"^(c?)(ob|fn)=\((\d+)\)(?: (.*))?$")
COST = re.compile(r"^[+\-*\d][\d]* (\d+)$")


class FormatError(Exception):
    """One line: the file and what is wrong in it."""


class Profile:
    """Instructions by function: `own` what it did itself, `whole` with what it called (once where it calls itself)."""

    def __init__(self):
        self.own = {}
        self.whole = {}
        self.total = 0

    def top(self, costs, most):
        return sorted(costs.items(), key=lambda item: (-item[1], item[0]))[:most]


def read_profile(path):
    """Errors: FormatError, OSError."""
    profile, names, current, called = Profile(), {"ob": {}, "fn": {}}, {"ob": "", "fn": ""}, ""
    summary = None
    with open(path, encoding="utf-8", errors="replace") as lines:
        inclusive = False
        for line in lines:
            line = line.rstrip("\n")
            if named := NAME.match(line):
                of_callee, kind, number, name = named.groups()
                name = names[kind].setdefault(number, name)
                if kind == "fn" and name and name.startswith("0x"):
                    name = f"a function of {os.path.basename(current['ob'])}"
                if not of_callee:
                    current[kind] = name
                elif kind == "fn":
                    called = name
            elif line.startswith("calls="):
                inclusive = True
            elif cost := COST.match(line):
                add(profile, current["fn"], called if inclusive else None, int(cost[1]))
                inclusive = False
            elif line.startswith("summary:"):
                summary = int(line.split()[1])
    if summary is None:
        raise FormatError(f"{path}: no line 'summary:': it is not callgrind's, or it was cut off")
    profile.total = summary
    return profile


def add(profile, function, called, cost):
    function = function_name(function)
    if called is None:
        profile.own[function] = profile.own.get(function, 0) + cost
        profile.whole[function] = profile.whole.get(function, 0) + cost
    elif function_name(called) != function:
        profile.whole[function] = profile.whole.get(function, 0) + cost


def function_name(name):
    """Without the mark of a recursion's level, and without the words that the standard library's types take."""
    name = re.sub(r"'\d+$", "", name)
    name = name.replace("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string")
    name = name.replace("std::basic_string_view<char, std::char_traits<char> >", "std::string_view")
    return name.replace("(anonymous namespace)::", "")
