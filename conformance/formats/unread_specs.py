"""Specs that somebody may be editing while another copy is read: those of a clone beside an installed package.

Must load nothing heavy where there are none.
"""

from pathlib import Path

_SPECS = "specs"
_MARK = Path("formats", "service.schema.json")
"""What folders of specs of this project have, and hardly anything else."""


def unread_specs_note() -> str:
    """Return a sentence where the present folder has specs that commands do not read, "" where it has none."""
    own = Path(_SPECS)
    if not (own / _MARK).is_file():
        return ""
    from conformance.formats.schemas import specs_root  # noqa: PLC0415 - loads what reads them

    read = specs_root()
    if read.exists() and own.samefile(read):
        return ""
    remedy = "name it to `lint`, or work where the package is installed from it"
    if Path("conformance", "__main__.py").is_file():
        remedy = "run `python -m conformance` here, or install this clone with `pip install -e .`"
    return f"./{_SPECS} is not read: commands read {read}, that of the installed package; to have yours read, {remedy}"
