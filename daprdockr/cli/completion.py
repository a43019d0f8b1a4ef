"""
Completion of command lines in a shell, made from the declarations of commands and flags.

The scripts know words and flags, and are read once, when a shell starts. Names of services, nodes and others they get
from ``daprdockrcmd names`` when one is asked for, and do without after a second: no key may hang a shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from attrs import frozen

from daprdockr.cli.command import ACTIONS, WORDS, load, spoken
from daprdockr.cli.flags import ALL, EVERYWHERE, REACH, Flag
from daprdockr.cli.manual import about

SHELLS = ("bash", "zsh", "fish")


@frozen
class Form:
    """
    A command as it is typed: one word, or a flag with its dash.

    :ivar flags: the flags that may stand beside it.
    :ivar words: the words that may stand behind it.
    :ivar kinds: the kinds of things whose names may stand there.
    :ivar behind: by one of ``words``, the kind of things whose names may stand behind it.
    """

    typed: str
    about: str
    flags: tuple[Flag, ...]
    words: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    behind: Mapping[str, str] = {}


def script(shell: str) -> str:
    """
    Return the completion script of a shell.

    :param shell: one of ``SHELLS``.
    """
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


@cache
def forms() -> tuple[Form, ...]:
    """Return every command and every action."""
    return tuple(_form(name) for name in (*WORDS, *ACTIONS))


def _form(name: str) -> Form:
    command = load(name)
    typed = name if name in WORDS else f"-{name}"
    lines = [line for form, line in command.usage if typed in spoken(form)]
    taken = tuple(flag for flag in ALL if flag.name in command.flags and flag.name != name)
    return Form(typed, lines[0], (*taken, *EVERYWHERE, *REACH), command.choices, _kinds(command.word), command.kinds)


def _kinds(word: str) -> tuple[str, ...]:
    """Return the kinds of the names that a command takes first, by its declaration."""
    found = {"SERVICE": "services", "INSTANCE": "instances", "NODE": "nodes"}
    return tuple(found[part] for part in re.findall("[A-Z]+", word.split(" ")[0]) if part in found)


def _actions() -> list[Form]:
    return [form for form in forms() if form.typed.startswith("-")]


def _commands() -> list[Form]:
    return [form for form in forms() if not form.typed.startswith("-")]


def _flags() -> list[Flag]:
    """Return the flags that are no actions."""
    return [flag for flag in ALL if flag.name not in ACTIONS]


def _choices(flag: Flag) -> tuple[str, ...]:
    return tuple(flag.value.split("|")) if "|" in flag.value else ()


def _names(flags: Iterable[Flag], separator: str = " ") -> str:
    return separator.join(flag.name for flag in flags)


def _filled(text: str, **parts: str) -> str:
    """Return the text with each ``@NAME@`` replaced."""
    for name, part in parts.items():
        text = text.replace(f"@{name.upper()}@", part)
    return text


def _patterns() -> dict[str, str]:
    return {
        "actions": "|".join(ACTIONS),
        "valued": _names((flag for flag in _flags() if flag.value), "|"),
        "files": _names((flag for flag in _flags() if flag.value == "FILE"), "|"),
    }


_BASH = """\
# Completes daprdockrcmd in bash. Made by: daprdockrcmd completion bash
_daprdockrcmd_names() {
    [[ ! $* ]] || timeout 1 daprdockrcmd names "$@" 2>/dev/null </dev/null
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


def _bash() -> str:
    choices = [f'        {flag.name}) words="{" ".join(_choices(flag))}" ;;' for flag in _flags() if _choices(flag)]
    arms = [f'        {form.typed}) flags="{_names(form.flags)}" {_bash_words(form)} ;;' for form in forms()]
    return _filled(
        _BASH,
        **_patterns(),
        choices="\n".join(choices),
        forms="\n".join(arms),
        all=" ".join((*ACTIONS, _names(_flags()))),
        commands=" ".join(WORDS),
        behind="\n".join(f"            '{place}') kinds={kind} ;;" for place, kind in _behind()),
    )


def _behind() -> Iterator[tuple[str, str]]:
    """Yield a command with its first word, and the kind of the names that may stand behind them."""
    return ((f"{form.typed} {word}", kind) for form in forms() for word, kind in form.behind.items())


def _bash_words(form: Form) -> str:
    return f'words="{" ".join(form.words)}" kinds="{" ".join(form.kinds)}"'


_ZSH = """\
#compdef daprdockrcmd
# Completes daprdockrcmd in zsh. Made by: daprdockrcmd completion zsh
_daprdockrcmd_names() {
    (( ! $# )) || timeout 1 daprdockrcmd names "$@" 2>/dev/null </dev/null
}
_daprdockrcmd() {
    local command flag given more word name dash i
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
                (@ACTIONS@) command=-$name ;;
                (@VALUED@) [[ $word == *=* ]] || flag=$name ;;
            esac
        elif [[ -n $command ]]; then
            more=$given
            given=${given:-$word}
        else
            command=$word
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
    elif [[ -z $given ]]; then
        arguments+=(${(f)"$(_daprdockrcmd_names $kinds)"})
        _describe argument arguments
    elif [[ -z $more ]]; then
        case "$command $given" in
@BEHIND@
        esac
    fi
}
compdef _daprdockrcmd daprdockrcmd
[[ $funcstack[1] != _daprdockrcmd ]] || _daprdockrcmd
"""


def _zsh() -> str:
    lines = {form.typed[1:]: form.about for form in _actions()} | {flag.name: about(flag) for flag in _flags()}
    choices = [f"        ({f.name}) compadd -- {' '.join(_choices(f))}; return ;;" for f in _flags() if _choices(f)]
    arms = [
        f"        ({form.typed}) flags=({_names(form.flags)}) arguments=({' '.join(form.words)})"
        f" kinds=({' '.join(form.kinds)}) ;;"
        for form in forms()
    ]
    return _filled(
        _ZSH,
        **_patterns(),
        about="\n".join(f"        {name} {shlex.quote(line)}" for name, line in lines.items()),
        choices="\n".join(choices),
        forms="\n".join(arms),
        all=" ".join(lines),
        behind="\n".join(
            f"            ('{place}') compadd -- ${{(f)\"$(_daprdockrcmd_names {kind})\"}} ;;"
            for place, kind in _behind()
        ),
        commands="\n".join(f"                {shlex.quote(f'{form.typed}:{form.about}')}" for form in _commands()),
    )


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
function __daprdockrcmd_names
    timeout 1 daprdockrcmd names $argv 2>/dev/null </dev/null
end
complete -c daprdockrcmd -f
"""


def _fish() -> str:
    patterns = {name: part.replace("|", " ") for name, part in _patterns().items()}
    return _filled(_FISH, **patterns) + "\n".join(_fish_lines()) + "\n"


def _fish_lines() -> Iterator[str]:
    for form in _commands():
        yield _fish_line(["none"], f"-a {form.typed}", form.about)
        for word in form.words:
            yield _fish_line([form.typed], f"-a {word}", test="behind")
        for word, kind in form.behind.items():
            yield _fish_line([form.typed, word], f"-a '(__daprdockrcmd_names {kind})'", test="behind")
        if form.kinds:
            yield _fish_line([form.typed], f"-a '(__daprdockrcmd_names {' '.join(form.kinds)})'", test="behind")
    for form in _actions():
        takers = [taker.typed for taker in forms() if form.typed[1:] in {flag.name for flag in taker.flags}]
        yield _fish_line(["none", *takers], _fish_flag(form.typed[1:]), form.about)
    for flag in _flags():
        takers = [form.typed for form in forms() if flag in form.flags]
        value = {"": "", "FILE": " -r -F", "SERVICE": " -x -a '(__daprdockrcmd_names services)'"}.get(
            flag.value, f" -x -a '{' '.join(_choices(flag))}'"
        )
        yield _fish_line(["none", *takers], _fish_flag(flag.name) + value, about(flag))


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
