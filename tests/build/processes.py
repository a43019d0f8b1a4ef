"""Supervised processes from one table of what differs."""

from __future__ import annotations

from typing import Any

from attrs import fields_dict

from daprdockr.process.supervised import Hooks, Program, SupervisedProcess


def supervised(**settings: Any) -> SupervisedProcess:
    """One of these settings, each by its name in ``Program``, ``Hooks`` or ``SupervisedProcess``."""
    program, hooks = (
        {name: settings.pop(name) for name in fields_dict(group) if name in settings} for group in (Program, Hooks)
    )
    return SupervisedProcess(program=Program(**program), hooks=Hooks(**hooks), **settings)
