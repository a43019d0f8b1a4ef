# -*- test-case-name: tests.unit.planning.test_plan,tests.unit.planning.test_succession -*-
"""
The steps a plan is made of. Each is a value that says what to do, to which object, and why; each prints as one line.

Steps of one lane are carried out one after another; different lanes run side by side. An instance has a lane for its
claim and one for each generation of its container, so that a restart waits neither for etcd nor for the end of another
copy.
"""

from __future__ import annotations

from daprdockr.planning.claim_steps import ClaimStep
from daprdockr.planning.container_steps import ContainerStep
from daprdockr.planning.rollout_steps import RolloutStep, SlotStep
from daprdockr.planning.run_steps import RunStep
from daprdockr.planning.volume_steps import VolumeStep

Step = ClaimStep | SlotStep | RolloutStep | RunStep | VolumeStep | ContainerStep
