"""Carrying out a step: by the transactions of etcd, or by the calls to the Engine."""

from __future__ import annotations

from attrs import frozen

from daprdockr.agent.reconcile.claim_steps import ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps
from daprdockr.planning.steps import OnClaim, Step


@frozen
class CarryOut:
    """Call it with a step. :raises EtcdError, EngineError, ClaimLost: when the step failed."""

    claims: ClaimSteps
    containers: ContainerSteps

    async def __call__(self, step: Step) -> None:
        if isinstance(step, OnClaim):
            await self.claims(step)
        else:
            await self.containers(step)
