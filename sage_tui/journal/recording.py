"""Opening what `sage-tui FILE` may be given to replay: a packed file, a session's folder, or the folder of one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sage_tui.journal.archive import ArchiveSegments, RecordingError, read_archive
from sage_tui.journal.journal_reader import JournalReader
from sage_tui.journal.marker import is_live
from sage_tui.journal.segments import RUN_NAME, SEGMENT_NAME, JournalError, SegmentFolder, Segments


class Recording:
    """The runs of a recorded session, or of one that another process is still running.

    `damage` is what whoever reads for it finds out, now or later.

    `refresh` finds runs that have begun since; journals are opened when they are asked for. One thread uses it.
    """

    def __init__(
        self,
        path: Path,
        find: Callable[[], dict[int, Segments]],
        live: Callable[[], bool],
        damage: Sequence[str] = (),
    ) -> None:
        self.path = path
        self._find = find
        self._live = live
        self._segments = find()
        self._readers: dict[int, JournalReader] = {}
        self._found_damage = damage
        self._damage: list[str] = []

    @property
    def runs(self) -> tuple[int, ...]:
        """The numbers of the runs that it holds."""
        return tuple(sorted(self._segments))

    def live(self) -> bool:
        """Whether its session still runs."""
        return self._live()

    def refresh(self) -> None:
        """Look for runs that have begun since."""
        for run, segments in self._find().items():
            self._segments.setdefault(run, segments)

    def run(self, number: int) -> JournalReader:
        """The journal of a run.

        Raises:
            JournalError: nothing of it can be read.
        """
        reader = self._readers.get(number)
        if reader is None:
            if number not in self._segments:
                raise JournalError(f"{self.path} holds no run {number}")
            reader = self._readers[number] = JournalReader(self._segments[number])
        return reader

    def forget(self, number: int) -> None:
        """Let go of a run's index; it is made anew when somebody asks."""
        self._readers.pop(number, None)

    def note(self, message: str) -> None:
        """Add to `damage`."""
        if message not in self._damage:
            self._damage.append(message)

    @property
    def damage(self) -> tuple[str, ...]:
        """What could not be read, in sentences; more may turn up while reading."""
        found = [*self._damage, *self._found_damage]
        live = self.live()
        for reader in self._readers.values():
            found += reader.damage
            unfinished = None if live else reader.unfinished()
            if unfinished is not None:
                found.append(unfinished)
        return tuple(dict.fromkeys(found))


def is_recording(path: Path) -> bool:
    """Whether a path looks like something to replay, without reading much of it."""
    if path.is_dir():
        return any(RUN_NAME.fullmatch(found.name) or SEGMENT_NAME.fullmatch(found.name) for found in path.iterdir())
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def _never() -> bool:
    return False


def _session_runs(folder: Path) -> dict[int, Segments]:
    runs: dict[int, Segments] = {}
    for path in folder.iterdir():
        found = RUN_NAME.fullmatch(path.name)
        if found and path.is_dir() and not path.is_symlink():
            segments = SegmentFolder(path)
            if segments.numbers():
                runs[int(found[1])] = segments
    return runs


def open_recording(path: Path) -> Recording:
    """The recording at `path`.

    Raises:
        RecordingError: there is none, or nothing of it can be read; the message says why.
    """
    try:
        if path.is_dir():
            if any(RUN_NAME.fullmatch(found.name) for found in path.iterdir()):
                return _checked(Recording(path, lambda: _session_runs(path), lambda: is_live(path)))
            segments = SegmentFolder(path)
            if not segments.numbers():
                raise RecordingError(f"{path} is neither the folder of a session nor of a run")
            found = RUN_NAME.fullmatch(path.name)
            number = int(found[1]) if found else 1
            return _checked(Recording(path, lambda: {number: segments}, lambda: is_live(path.parent)))
        archive = read_archive(path)
    except OSError as error:
        raise RecordingError(f"{path} can't be read: {error.strerror or error}") from None
    runs: dict[int, Segments] = {run: ArchiveSegments(archive, run) for run in archive.members}
    return _checked(Recording(path, lambda: dict(runs), _never, archive.damage))


def _checked(recording: Recording) -> Recording:
    """The recording, if at least one of its runs can be opened."""
    if not recording.runs and not recording.live():
        raise RecordingError(f"{recording.path} holds no run")
    problems: list[str] = []
    for run in reversed(recording.runs):
        try:
            recording.run(run)
        except JournalError as error:
            problems.append(str(error))
        else:
            for problem in problems:
                recording.note(problem)
            return recording
    if problems and not recording.live():
        raise RecordingError(f"nothing of {recording.path} can be read: {'; '.join(problems)}")
    return recording
