# -*- test-case-name: tests.unit.cli.test_main -*-
"""The connection to etcd of a command that runs once."""

from __future__ import annotations

import logging
import os
import time

from daprdockr.cli.patient import PatientStore
from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.seams import Store


def connect(access: Access) -> Store:
    # Warnings would otherwise go to stderr, beside the one line about the error.
    logging.getLogger("daprdockr").addHandler(logging.NullHandler())
    return PatientStore(EtcdStore(access, failover=Failover(os.getpid())), time.monotonic, time.sleep)
