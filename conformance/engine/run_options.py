"""The options of a run as plain data, for pytest's command line, its ini file and the command `run`.

Must import neither pytest nor click: whoever adds the options to a parser reads them here.
"""

from dataclasses import dataclass

from conformance.evidence.run_folder import DEFAULT_FOLDER
from conformance.model.case import SUITE_KINDS
from conformance.target.policy import BUILT_IN, LOCAL

_DASHES = "--"


@dataclass(frozen=True, slots=True)
class RunOption:
    """One option of a run.

    `value_type` is that of one value, bool for a flag; `default` is shown in the help and holds where nothing is given;
    `minimum` is the smallest whole number; `parameter` is the name that a function has for it, where that is another
    than the option's own; `is_path` marks a value that names a file or a folder.
    """

    name: str
    help: str
    value_type: type[str | int | bool] = str
    default: str = ""
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    parameter: str | None = None
    minimum: int | None = None
    repeatable: bool = False
    is_path: bool = False
    pytests_own: bool = False

    @property
    def key(self) -> str:
        """Return the ini key of the option, which is also its place in pytest's namespace: `ehealth_target`."""
        return f"ehealth_{self.name.removeprefix(_DASHES).replace('-', '_')}"

    @property
    def takes_value(self) -> bool:
        """Tell whether a value follows the option on the command line."""
        return self.value_type is not bool

    @property
    def full_help(self) -> str:
        """Return the help with the default."""
        return f"{self.help}  [default: {self.default}]" if self.default else self.help


TARGET = RunOption(
    "--target",
    f"Target file, or one of {', '.join(BUILT_IN)}.",
    default=LOCAL,
    is_path=True,
)
SERVICE = RunOption(
    "--service", "Test this service only (repeatable).", metavar="ID", repeatable=True
)
OUT = RunOption(
    "--out",
    "Folder in which run folders are made.",
    default=DEFAULT_FOLDER,
    is_path=True,
)
SEED = RunOption(
    "--seed", "Seed of all random choices.", value_type=int, default="1", minimum=0
)
EXAMPLES = RunOption(
    "--examples",
    "Examples that a property draws.",
    value_type=int,
    default="20 on local, else 8",
    minimum=1,
)
KIND = RunOption(
    "--kind",
    "Run cases of this kind only (repeatable).",
    choices=tuple(kind.value for kind in SUITE_KINDS),
    parameter="kinds",
    repeatable=True,
)
REQUIREMENT = RunOption(
    "--requirement",
    "Run the cases of this requirement only (repeatable); takes wildcards, in quotes, and sections.",
    metavar="ID",
    parameter="requirements",
    repeatable=True,
)
CASE = RunOption(
    "--case",
    "Run this case only (repeatable); takes wildcards, in quotes ('SERVICE/7.2/*'), and sections (7.2).",
    metavar="ID",
    parameter="cases",
    repeatable=True,
)
EXCLUDE = RunOption(
    "--exclude",
    "Leave out this case, or the cases of this requirement (repeatable); takes wildcards, in quotes, and sections.",
    metavar="ID",
    parameter="excluded",
    repeatable=True,
)
FAILED = RunOption(
    "--failed",
    "Run only the cases that failed, erred or stayed inconclusive in this run: a folder, an id, or `latest`.",
    metavar="RUN",
)
MAX_FAILURES = RunOption(
    "--max-failures",
    "Begin no other case once this many have failed or erred.",
    value_type=int,
    metavar="N",
    minimum=1,
)
JUNITXML = RunOption(
    "--junitxml",
    "Write junit.xml to this file too.",
    metavar="FILE",
    is_path=True,
    pytests_own=True,
)
RUN_DIR = RunOption(
    "--run-dir",
    "Write the run into this folder, which is new or empty, instead of a new one below --out.",
    metavar="DIR",
    is_path=True,
)
KNOWN = RunOption(
    "--known",
    "File of known failures: case, requirement, reason, expires.",
    is_path=True,
)
THOROUGH = RunOption(
    "--thorough",
    "Run also the cases on documented limits that take thousands of requests; on local targets only.",
    value_type=bool,
)
NO_COUNTEREXAMPLES = RunOption(
    "--no-counterexamples",
    "Neither try the counterexamples of earlier runs first nor keep new ones.",
    value_type=bool,
)
DISCLOSE_SECURITY = RunOption(
    "--disclose-security",
    "Show security findings of other people's services on the terminal and in junit.xml too.",
    value_type=bool,
)

RUN_OPTIONS = (
    TARGET,
    SERVICE,
    OUT,
    SEED,
    EXAMPLES,
    KIND,
    REQUIREMENT,
    CASE,
    EXCLUDE,
    FAILED,
    MAX_FAILURES,
    KNOWN,
    JUNITXML,
    RUN_DIR,
    THOROUGH,
    NO_COUNTEREXAMPLES,
    DISCLOSE_SECURITY,
)
"""All options of a run. The command `run` takes services as arguments instead of by --service."""
