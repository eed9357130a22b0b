"""What is said in a corner of the screen, and what it leaves behind."""

from __future__ import annotations

from textual.app import App
from textual.notifications import SeverityLevel


class Toasts(App[None]):
    """An app whose toasts are gone once they are over."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show `message` as a toast, as Textual does."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)
        self.call_later(self._drop_spent)

    def _drop_spent(self) -> None:
        """Remove the holders whose toast is gone.

        A toast that is over when the next one comes is removed by Textual's rack without its holder, which would stay
        for as long as we run, and with it all that was ever cached of drawing the toast.
        """
        for holder in self.screen.query("ToastHolder"):
            if holder.is_mounted and not holder.children:
                holder.remove()
