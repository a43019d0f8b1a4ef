# -*- test-case-name: tests.unit.cli.test_completion,tests.functional.test_completion -*-
"""Completion in bash, which needs no library for it."""

from __future__ import annotations

from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.completion_forms import (
    Form,
    choices_of,
    filled,
    flag_names,
    forms,
    names_behind,
    patterns,
    plain_flags,
)

_BASH = """\
# Completes daprdockrcmd in bash. Made by: daprdockrcmd completion bash
_daprdockrcmd_names() {
    [[ ! $* ]] || timeout @SECONDS@ daprdockrcmd names "$@" 2>/dev/null </dev/null
}
_daprdockrcmd() {
    local current=${COMP_WORDS[COMP_CWORD]} command= flag= glued= given= more= flags= words= kinds= word name dash i
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
                @ACTIONS@) command=-$name ;;
                @VALUED@) flag=$name ;;
            esac
        elif [[ $command ]]; then
            more=$given
            given=${given:-$word}
        else
            command=$word
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
    elif [[ ! $given ]]; then
        COMPREPLY=($(compgen -W "$words $(_daprdockrcmd_names $kinds)" -- "$current"))
    elif [[ ! $more ]]; then
        kinds=
        case "$command $given" in
@BEHIND@
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
        behind="\n".join(f"            '{place}') kinds={kind} ;;" for place, kind in names_behind()),
    )


def _bash_words(form: Form) -> str:
    return f'words="{" ".join(form.words)}" kinds="{" ".join(form.kinds)}"'
