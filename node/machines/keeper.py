"""What keeps a process's lease: a thread that renews it, takes over from others, and ends the process that lost it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from node.errors import Permanent
from node.machines.leases import Lease
from pipelines.contract import Reason

_log = structlog.get_logger(__name__)


class LeaseKeeper:
    """Keeps a lease that was taken.

    Parameters
    ----------
    lease
        The process's own.
    on_loss
        Called with the reason when the process may take no more jobs; it must end the process at once.
    """

    def __init__(self, lease: Lease, on_loss: Callable[[Reason], None]) -> None:
        self._lease = lease
        self._on_loss = on_loss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and give the lease back; where the database does not answer it expires by itself."""
        self._stop.set()
        self._thread.join()
        try:
            self._lease.give_back()
        except Exception:
            _log.exception("lease not given back")

    def _keep(self) -> None:
        while not self._stop.wait(self._lease.renew_every_s):
            try:
                self._lease.renew()
                self._lease.take_over()
            except Permanent as why:
                _log.error("lease lost", reason=why.reason.code)
                self._on_loss(why.reason)
                return
            except Exception:
                # The database did not answer; it is asked again, and nobody is taken for dead in between.
                _log.exception("lease not renewed")
