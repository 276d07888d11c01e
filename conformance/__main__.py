"""Entry point of the command and of `python -m conformance`; everything else lives in `conformance.cli`."""

import gc

gc.disable()  # nothing of what is loaded now is garbage, and looking for some takes a tenth of the time

from conformance.cli import main  # noqa: E402

gc.enable()

if __name__ == "__main__":
    main()
