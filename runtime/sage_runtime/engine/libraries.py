"""Where this Python keeps its libraries: frames in files there are not the user's own."""

from __future__ import annotations

import sysconfig

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
