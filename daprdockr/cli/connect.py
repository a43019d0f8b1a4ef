# -*- test-case-name: tests.unit.cli.test_main -*-
"""The connection to etcd of a command that runs once."""

from __future__ import annotations

import logging
import os
import sys
import time
from functools import partial

from daprdockr.cli.patient import PatientStore
from daprdockr.cli.slow_calls import SlowCalls, say_on_terminal
from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.seams import Store


def connect(access: Access) -> Store:
    # Warnings would otherwise go to stderr, beside the one line about the error.
    logging.getLogger("daprdockr").addHandler(logging.NullHandler())
    slow_calls = SlowCalls(partial(say_on_terminal, sys.stderr), f"waiting for etcd at {access}")
    return PatientStore(EtcdStore(access, failover=Failover(os.getpid())), time.monotonic, time.sleep, slow_calls)
