"""``python -m yigong.edge``, and ``yigong-edge`` of the small installation."""

import sys

from yigong.edge.command import main

sys.exit(main())
