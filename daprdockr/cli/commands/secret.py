"""``secret``: values that are stored sealed, and the key that opens them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from daprdockr.cli.action_words import ActionWords, check_action, say_done
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.given_value import STDIN, read_value
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import show
from daprdockr.model.names import check_value_name
from daprdockr.model.seams import Store
from daprdockr.model.stored.sealed import MAX_VALUE

if TYPE_CHECKING:
    from daprdockr.cli.secrets import Secrets

_NAME, _FILE = "the name of a secret", "the name of a file"
_WORDS = {
    "key": ActionWords(_FILE, 1, 1, sure=True),
    "set": ActionWords(_NAME, 1, 2, "give the value on stdin, or in a file"),
    "ls": ActionWords(),
    "rm": ActionWords(_NAME, 1, 1, sure=True),
    "rotate-key": ActionWords(_FILE, 1, 1, sure=True),
}


def secret(request: Request, store: Store, console: Console) -> None:
    """
    :raises BadInput: the value or the key's file cannot be used.
    :raises NotFound: there is no such secret.
    :raises NoClusterKey: there is nothing to seal to.
    :raises ValueInUse: it cannot be deleted.
    """
    from daprdockr.cli.secrets import Secrets  # loads the cryptography, which no other command needs

    secrets, (action, *words) = Secrets(request, store, time.time), request.words
    if action == "key":
        _key(secrets, Path(words[0]), request, store, console)
    elif action == "rotate-key":
        _rotate(Path(words[0]), request, store, console)
    elif action == "set":
        value = read_value(words[1] if len(words) > 1 else STDIN, console, MAX_VALUE)
        record = secrets.put(words[0], value)
        announce(request, store, f"set by {record.by}, revision {record.revision}", f"secret {words[0]}")
        line = f"secret {words[0]} is set, revision {record.revision}"
        say_done(request, console, line, Name=words[0], Revision=record.revision)
    elif action == "rm":
        secrets.delete(words[0])
        announce(request, store, "deleted", f"secret {words[0]}")
        say_done(request, console, f"secret {words[0]} is deleted", Name=words[0], Deleted=True)
    else:
        from daprdockr.picture.secrets import secret_table

        show(request, console, secret_table(secrets.known(), secrets.users()))


def _key(secrets: Secrets, path: Path, request: Request, store: Store, console: Console) -> None:
    done = secrets.make_key(path)
    if done.former:
        announce(request, store, f"{done.former} was lost, and is replaced by {author(request)}", "cluster key")
    if request.json:
        console.print_json({"Key": done.public.id, "File": str(path), "New": done.made, "Former": done.former})
        return
    console.say(f"{path} {'now is' if done.made else 'is'} the key of this cluster, {done.public.id}")
    if done.former:
        console.say("nothing opens what was stored before: set each secret, and each certificate that you added, again")
    console.say("copy it to each node as cluster.key in the agent's state directory, or to where --cluster-key says")
    console.say("keep a copy elsewhere: without it nobody can read the secrets, and each has to be set again")


def _rotate(path: Path, request: Request, store: Store, console: Console) -> None:
    from daprdockr.cli.rotation import KeyRotation

    done = KeyRotation(request, store, path).run()
    if request.json:
        outcome = {"Added": done.added, "Sealed": done.sealed, "Done": done.done}
        console.print_json({"Key": done.key.id, "File": str(path), **outcome})
    elif not done.done:
        console.say(
            f"the cluster uses key {done.key.id}, the newest in {path}, and no secret needs another: all is done"
        )
        console.say("to replace this one too, delete the older keys from the file first, or add -yes")
    elif done.added:
        console.say(f"{path} has a new key, {done.key.id}, which the cluster does not use yet")
        console.say(f"copy the file to all nodes, and run this again: daprdockrcmd secret rotate-key {path}")
    else:
        announce(request, store, f"replaced by {author(request)}, now {done.key.id}", "cluster key")
        values = "1 value was" if done.sealed == 1 else f"{done.sealed} values were"
        console.say(f"the cluster uses key {done.key.id}, {values} sealed to it again")
        console.say("the older keys in the file open nothing but backups of etcd from before")


def _check(request: Request) -> None:
    check_action(request, _WORDS)
    if request.words[0] in ("set", "rm"):
        check_value_name(request.words[1], "secret")


COMMAND = Command(
    name="secret",
    usage=(
        ("secret key FILE", "make the cluster key, which opens secrets: copy FILE to all nodes"),
        ("secret set NAME [FILE]", "store a value sealed, from FILE or stdin, 64 KiB at most"),
        ("secret ls", "secrets: revision, size, by whom, which services use it, never the value"),
        ("secret rotate-key FILE", "replace the cluster key: run it, copy FILE to all nodes, run it again"),
        ("secret rm NAME", "delete a secret; one that services use only with -yes"),
    ),
    run=secret,
    flags=("yes", "o"),
    word="ACTION ...",
    choices=tuple(_WORDS),
    kinds=dict.fromkeys(("set", "rm"), ("secrets",)),
    check=_check,
    reference=(
        "make the cluster key in a new file that only its owner can read, and put the public half into etcd. If FILE is"
        " there already, it becomes the cluster's key unless there is another. With ``-yes`` it replaces one that no"
        " node has any more; each secret has to be set again then. ``docs/design/secrets.rst`` has more",
        "seal the content of FILE, or of stdin, with the cluster key and store it, byte by byte as it is: at most"
        " 64 KiB. What was set before is replaced",
        "secrets: how often each was set, when and by whom, the size of the value, the key that it is sealed to, and"
        " the services that use it, also of a secret that is not set. Nothing prints a value",
        "replace the cluster key. The first run adds a new key to FILE, which you then copy to all nodes; the second"
        " has the cluster use it and seals all secrets again, unless a node does not have it (``-yes`` ignores that)."
        " No container is replaced. Once more it does nothing, unless ``-yes`` asks for another rotation. FILE has 16"
        " keys at most: another one is refused until the oldest, in the last line, is deleted",
        "delete a secret. If services use it, only with ``-yes``: their containers run on, and no other one can be"
        " created until the secret is set again",
    ),
)
