"""``python -m yigong.portal``: the command without its script."""

import sys

from yigong.portal.cli import main

sys.exit(main())
