"""Names of SAGE's engine that a few scripts import: there to be imported, subclassed and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sage_runtime.api.jobs import JobManager
from sage_runtime.api.transformations import BaseTransformation


class BaseOperator:
    """What SAGE's operators derive from. Here functions are run directly, and no operator object exists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take and ignore everything."""


class CompiledActorGraph:
    """A pipeline that `PipelineCompiler` was given; `submit` runs its environment."""

    def __init__(self, pipeline: Sequence[BaseTransformation]) -> None:
        self.pipeline = list(pipeline)
        self.source_transformations = [step for step in self.pipeline if step.is_spout]

    def submit(self, autostop: bool = False) -> str | None:
        """Submit the environment that the pipeline belongs to; None if it is empty. Raises what its `submit` raises."""
        return JobManager().submit_job(self.pipeline[0].env, autostop) if self.pipeline else None


class PipelineCompiler:
    """Takes a pipeline as SAGE's compiler does."""

    def compile(self, pipeline: Sequence[BaseTransformation], adapter: Any = None) -> CompiledActorGraph:
        """What can be submitted."""
        return CompiledActorGraph(pipeline)
