# -*- test-case-name: tests.unit.cli.test_completion,tests.functional.test_completion -*-
"""Completion in bash, which needs no library for it."""

from __future__ import annotations

from collections.abc import Iterable

from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.completion_forms import (
    Form,
    choices_of,
    filled,
    flag_names,
    forms,
    names_behind,
    names_behind_name,
    patterns,
    plain_flags,
)

_BASH = """\
# Completes daprdockrcmd in bash. Made by: daprdockrcmd completion bash
_daprdockrcmd_names() {
    [[ ! $* ]] || timeout @SECONDS@ daprdockrcmd names "$@" 2>/dev/null </dev/null
}
_daprdockrcmd() {
    local current=${COMP_WORDS[COMP_CWORD]} command= flag= glued= last= flags= words= kinds= word name dash i
    local typed= before= # the command and the words behind it, and the same without the last of them
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word =~ ^[:=]+$ ]]; then
            glued=1 # bash divides words there, and what follows belongs to the one before
        elif [[ $glued || $flag ]]; then
            glued= flag=
        elif [[ $word == -* ]]; then
            name=${word#-} name=${name#-}
            case $name in
                @ACTIONS@) command=-$name typed=-$name before= ;;
                @VALUED@) flag=$name ;;
            esac
        elif [[ $command ]]; then
            before=$typed typed="$typed $word" last=$word
        else
            command=$word typed=$word
        fi
    done
    if [[ $current =~ ^[:=]+$ ]]; then
        glued=1 current=
    fi
    case $flag in
@CHOICES@
        svc) words=$(_daprdockrcmd_names services) ;;
        @FILES@)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
    esac
    if [[ $flag || $glued ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    case $command in
@FORMS@
        '')
            flags="@ALL@"
            words="@COMMANDS@"
            ;;
    esac
    if [[ $current == -* ]]; then
        [[ $current == --* ]] && dash=-- || dash=-
        COMPREPLY=($(compgen -P "$dash" -W "$flags" -- "${current#"$dash"}"))
    elif [[ ! $before ]]; then
        COMPREPLY=($(compgen -W "$words $(_daprdockrcmd_names $kinds)" -- "$current"))
    else
        kinds=
        case $typed in
@BEHIND@
        esac
        case $before in
@OF_NAME@
        esac
        COMPREPLY=($(compgen -W "$(_daprdockrcmd_names $kinds)" -- "$current"))
    fi
}
complete -F _daprdockrcmd daprdockrcmd
"""


def bash_script() -> str:
    choices = [
        f'        {flag.name}) words="{" ".join(choices_of(flag))}" ;;' for flag in plain_flags() if choices_of(flag)
    ]
    arms = [f'        {form.typed}) flags="{flag_names(form.flags)}" {_bash_words(form)} ;;' for form in forms()]
    return filled(
        _BASH,
        **patterns(),
        choices="\n".join(choices),
        forms="\n".join(arms),
        all=" ".join((*ACTIONS, flag_names(plain_flags()))),
        commands=" ".join(WORDS),
        behind=_bash_places(names_behind()),
        of_name=_bash_places(names_behind_name("$last")),
    )


def _bash_places(places: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"            '{words}') kinds={asked} ;;" for words, asked in places)


def _bash_words(form: Form) -> str:
    return f'words="{" ".join(form.words)}" kinds="{" ".join(form.kinds)}"'
