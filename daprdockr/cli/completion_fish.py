# -*- test-case-name: tests.unit.cli.test_completion,tests.functional.test_completion -*-
"""Completion in fish: a line for each word and flag, with the condition under which it is offered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daprdockr.cli.completion_forms import (
    choices_of,
    filled,
    forms,
    names_behind,
    names_behind_name,
    patterns,
    plain_flags,
    typed_actions,
    typed_commands,
)
from daprdockr.cli.manual import about

_FISH = """\
# Completes daprdockrcmd in fish. Made by: daprdockrcmd completion fish
function __daprdockrcmd_typed
    # Prints the command that was typed, "none" for no command, and the words behind it.
    set -l command none
    set -l given
    set -l flag
    for word in (commandline -opc)[2..]
        set -l name (string replace -r '^--?' '' -- $word)
        if test -n "$flag"
            set flag
        else if not string match -q -- '-*' $word
            if test $command = none
                set command $word
            else
                set -a given $word
            end
        else if contains -- $name @ACTIONS@
            set command -$name
        else if contains -- $name @VALUED@
            set flag 1
        end
    end
    printf '%s\\n' $command $given
end
function __daprdockrcmd_is
    # Whether the command that was typed is one of these.
    contains -- (__daprdockrcmd_typed)[1] $argv
end
function __daprdockrcmd_behind
    # Whether these words, and no more, were typed.
    test (string join ' ' -- (__daprdockrcmd_typed)) = "$argv"
end
function __daprdockrcmd_behind_name
    # Whether these words, one more, and no others were typed.
    set -l typed (__daprdockrcmd_typed)
    test (count $typed) -gt (count $argv); and test (string join ' ' -- $typed[1..-2]) = "$argv"
end
function __daprdockrcmd_last
    # Prints the last of the words that were typed.
    set -l typed (__daprdockrcmd_typed)
    echo $typed[-1]
end
function __daprdockrcmd_names
    timeout @SECONDS@ daprdockrcmd names $argv 2>/dev/null </dev/null
end
complete -c daprdockrcmd -f
"""


def fish_script() -> str:
    listed = {name: part.replace("|", " ") for name, part in patterns().items()}
    return filled(_FISH, **listed) + "\n".join(_fish_lines()) + "\n"


def _fish_lines() -> Iterator[str]:
    for form in typed_commands():
        yield _fish_line(["none"], f"-a {form.typed}", form.about)
        for word in form.words:
            yield _fish_line([form.typed], f"-a {word}", test="behind")
        if form.kinds:
            yield _fish_names(form.typed, " ".join(form.kinds))
    for words, asked in names_behind():
        yield _fish_names(words, asked)
    for words, asked in names_behind_name("(__daprdockrcmd_last)"):
        yield _fish_names(words, asked, test="behind_name")
    for form in typed_actions():
        takers = [taker.typed for taker in forms() if form.typed[1:] in {flag.name for flag in taker.flags}]
        yield _fish_line(["none", *takers], _fish_flag(form.typed[1:]), form.about)
    for flag in plain_flags():
        takers = [form.typed for form in forms() if flag in form.flags]
        value = {"": "", "FILE": " -r -F", "SERVICE": " -x -a '(__daprdockrcmd_names services)'"}.get(
            flag.value, f" -x -a '{' '.join(choices_of(flag))}'"
        )
        yield _fish_line(["none", *takers], _fish_flag(flag.name) + value, about(flag))


def _fish_names(words: str, asked: str, test: str = "behind") -> str:
    return _fish_line([words], f"-a '(__daprdockrcmd_names {asked})'", test=test)


def _fish_flag(name: str) -> str:
    """
    Return a flag with one dash and two. In fish a short option's value could follow without a space, which we do not
    accept.
    """
    return f"-o {name} -l {name}"


def _fish_line(commands: Sequence[str], what: str, line: str = "", test: str = "is") -> str:
    quoted = line.replace("\\", "\\\\").replace("'", "\\'")
    described = f" -d '{quoted}'" if line else ""
    return f"complete -c daprdockrcmd -n '__daprdockrcmd_{test} {' '.join(commands)}' {what}{described}"
