"""What a session still knows of its earlier runs."""

from __future__ import annotations

from collections.abc import Callable

from support.heard import Heard

from sage_tui.session import Session

Start = Callable[..., tuple[Session, Heard]]


def test_every_run_of_the_session_has_charts(start: Start) -> None:
    session, heard = start("w.say('x')")
    heard.finished(1)
    for run in range(2, 5):
        session.reload()
        heard.finished(run)
    for run in range(1, 5):
        charts = session.run_charts(run, None, "whole")
        assert charts is not None
        assert charts.rate.step == 1.0
        assert session.run_charts(run, "no/body", "whole") is None
    assert session.run_charts(1, None, "minute") == session.run_charts(1, None, "minute")
    assert session.run_charts(9, None, "whole") is None
