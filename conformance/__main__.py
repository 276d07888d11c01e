"""Entry point of the command and of `python -m conformance`; everything else lives in `conformance.cli`."""

from conformance.cli import main

if __name__ == "__main__":
    main()
