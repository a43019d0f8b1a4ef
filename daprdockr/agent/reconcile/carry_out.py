"""Carrying out a step: each family of steps has a module of its own, and a step of no family is refused."""

from __future__ import annotations

from typing import assert_never

from attrs import frozen

from daprdockr.agent.reconcile.claim_steps import ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps
from daprdockr.agent.reconcile.rollout_steps import RolloutSteps
from daprdockr.agent.reconcile.run_steps import RunSteps
from daprdockr.agent.reconcile.slot_steps import SlotSteps
from daprdockr.agent.reconcile.volume_steps import VolumeSteps
from daprdockr.planning.claim_steps import OnClaim
from daprdockr.planning.container_steps import OnContainer, PullImage
from daprdockr.planning.outcome import StepOutcome
from daprdockr.planning.rollout_steps import OnRollout, OnSlot
from daprdockr.planning.run_steps import OnRun
from daprdockr.planning.steps import Step
from daprdockr.planning.volume_steps import OnVolumes


@frozen
class CarryOut:
    """Call it with a step; it returns the step's outcome."""

    claims: ClaimSteps
    slots: SlotSteps
    rollouts: RolloutSteps
    runs: RunSteps
    volumes: VolumeSteps
    containers: ContainerSteps

    async def __call__(self, step: Step) -> StepOutcome:
        match step:
            case OnClaim():
                return await self.claims(step)
            case OnSlot():
                return await self.slots(step)
            case OnRollout():
                return await self.rollouts(step)
            case OnRun():
                return await self.runs(step)
            case OnVolumes():
                return await self.volumes(step)
            case PullImage() | OnContainer():
                return await self.containers(step)
            case _:
                assert_never(step)
