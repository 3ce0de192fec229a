"""Runs a model where it was decided to run; and, once that graphics device is gone, somewhere else."""

import logging
import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crbl_runtime.contract import ModelContract
from crbl_runtime.errors import DeviceRemovedError, UnavailableError
from crbl_runtime.execution_provider import Provider
from crbl_runtime.model_sessions import ModelSessions
from crbl_runtime.provider_choice import ProviderReport, run_self_test

logger = logging.getLogger("crbl_runtime")


class Inference:
    """The sessions of a model file and where they run. Thread-safe.

    A device that was removed or reset (887A0005, 887A0006, 887A0007, 887A0020) gets a new session once, in case that
    it is back. Where it is not, or is lost again, the CPU goes on. Both are logged, and stand in `report`.
    """

    def __init__(self, sessions: ModelSessions, contract: ModelContract, report: ProviderReport) -> None:
        self.sessions = sessions
        self.report = report
        self._contract = contract
        self._recovering = threading.Lock()

    def run(
        self, images: NDArray[np.uint8], threads: int | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], ProviderReport]:
        """uint8 [N, size, size, 3] -> all outputs by name, and where they were computed.

        Args:
            threads: of the CPU for this call alone, None for what the provider says.

        Raises:
            UnavailableError: the provider has stopped working. UsageError: the sessions were closed.
        """
        while True:
            report = self.report
            provider = report.provider
            if threads is not None and provider.kind == "cpu":
                provider = replace(provider, threads=threads)
            try:
                return self.sessions.run(provider, images), report
            except DeviceRemovedError as error:
                self._recover(report, error)

    def _recover(self, lost: ProviderReport, error: DeviceRemovedError) -> None:
        """Decide where to run from now on; of several threads that lost the device, the first one does."""
        with self._recovering:
            if self.report is not lost:
                return
            self.sessions.close_all()
            self.report = self._with_new_session(lost, error) or self._on_cpu(lost, error)
            logger.warning("%s", self.report.removed[-1])

    def _with_new_session(self, lost: ProviderReport, error: DeviceRemovedError) -> ProviderReport | None:
        if lost.removed:
            return None
        try:
            run_self_test(lost.provider, self.sessions, self._contract)
        except UnavailableError:
            # It is still gone: the first error, which is reported, says why.
            self.sessions.close_all()
            return None
        return replace(lost, removed=(f"{error} The model was loaded there once more.",))

    def _on_cpu(self, lost: ProviderReport, error: DeviceRemovedError) -> ProviderReport:
        cpu = Provider("cpu")
        run_self_test(cpu, self.sessions, self._contract)
        removed = f"{error} The CPU is used from now on."
        return replace(lost, provider=cpu, rejected=(*lost.rejected, str(error)), removed=(*lost.removed, removed))
