# -*- test-case-name: tests.unit.cli.test_completion,tests.functional.test_completion -*-
"""Completion in zsh, with what each word and flag means."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from daprdockr.cli.completion_forms import (
    choices_of,
    filled,
    flag_names,
    forms,
    names_behind,
    names_behind_name,
    patterns,
    plain_flags,
    typed_actions,
    typed_commands,
)
from daprdockr.cli.manual import about

_ZSH = """\
#compdef daprdockrcmd
# Completes daprdockrcmd in zsh. Made by: daprdockrcmd completion zsh
_daprdockrcmd_names() {
    (( ! $# )) || timeout @SECONDS@ daprdockrcmd names "$@" 2>/dev/null </dev/null
}
_daprdockrcmd() {
    local command flag last typed before word name dash i
    local -a flags arguments described kinds
    local -A about=(
@ABOUT@
    )
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i]
        if [[ -n $flag ]]; then
            flag=
        elif [[ $word == -* ]]; then
            name=${${${word%%=*}#-}#-}
            case $name in
                (@ACTIONS@) command=-$name typed=-$name before= ;;
                (@VALUED@) [[ $word == *=* ]] || flag=$name ;;
            esac
        elif [[ -n $command ]]; then
            before=$typed typed="$typed $word" last=$word
        else
            command=$word typed=$word
        fi
    done
    if [[ -z $flag && $PREFIX == -*=* ]]; then
        flag=${${${PREFIX%%=*}#-}#-}
        compset -P '*='
    fi
    case $flag in
@CHOICES@
        (svc) compadd -- ${(f)"$(_daprdockrcmd_names services)"}; return ;;
        (@FILES@) _files; return ;;
        (?*) return 1 ;;
    esac
    case $command in
@FORMS@
        ('')
            flags=(@ALL@)
            arguments=(
@COMMANDS@
            )
            ;;
    esac
    if [[ $PREFIX == -* ]]; then
        [[ $PREFIX == --* ]] && dash=-- || dash=-
        for name in $flags; do described+=("$dash$name:$about[$name]"); done
        _describe -o flag described
    elif [[ -z $before ]]; then
        arguments+=(${(f)"$(_daprdockrcmd_names $kinds)"})
        _describe argument arguments
    else
        case $typed in
@BEHIND@
        esac
        case $before in
@OF_NAME@
        esac
    fi
}
compdef _daprdockrcmd daprdockrcmd
[[ $funcstack[1] != _daprdockrcmd ]] || _daprdockrcmd
"""


def zsh_script() -> str:
    lines = {form.typed[1:]: form.about for form in typed_actions()} | {
        flag.name: about(flag) for flag in plain_flags()
    }
    choices = [
        f"        ({f.name}) compadd -- {' '.join(choices_of(f))}; return ;;" for f in plain_flags() if choices_of(f)
    ]
    arms = [
        f"        ({form.typed}) flags=({flag_names(form.flags)}) arguments=({' '.join(form.words)})"
        f" kinds=({' '.join(form.kinds)}) ;;"
        for form in forms()
    ]
    return filled(
        _ZSH,
        **patterns(),
        about="\n".join(f"        {name} {shlex.quote(line)}" for name, line in lines.items()),
        choices="\n".join(choices),
        forms="\n".join(arms),
        all=" ".join(lines),
        behind=_zsh_places(names_behind()),
        of_name=_zsh_places(names_behind_name("$last")),
        commands="\n".join(f"                {shlex.quote(f'{form.typed}:{form.about}')}" for form in typed_commands()),
    )


def _zsh_places(places: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        f"            ('{words}') compadd -- ${{(f)\"$(_daprdockrcmd_names {asked})\"}} ;;" for words, asked in places
    )
