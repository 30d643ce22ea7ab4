"""The commands of `gpuready`, for `gpuready.cli`, which turns what they raise into lines and exit codes."""

import getpass
import os
import shlex
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from gpuready import bundle, codes, contract, installers, listing, newest, newlab, plain, project, table, terminal
from gpuready.bundle_command import bundle_command
from gpuready.errors import GpureadyError, Interrupted, NothingToDoError, StoppedError
from gpuready.inventory import TABLES, resolve
from gpuready.lab import Lab, explain
from gpuready.lock_command import lock_command
from gpuready.options import (
    Adapter,
    AskPass,
    Check,
    CheckedInventory,
    Environment,
    Experience,
    Extra,
    Forks,
    Inventory,
    Json,
    JudgedInventory,
    LabDir,
    Library,
    Limit,
    Only,
    Prefer,
    Redact,
    RehearsedInventory,
    ReportDir,
    Resume,
    SaveCopy,
    Stack,
    Vault,
    Verbose,
    folder,
)
from gpuready.progress import Progress
from gpuready.results import LabResult

_PCS = "0 every PC as asked, 2 some PC is not, 1 it could not run, 130 stopped."


def _after(example: str, codes: str = _PCS) -> str:
    """What stands below the options of a help."""
    return f"\b\nExample:     {example}\nExit codes:  {codes}"


# The base of all complaints about options, wherever this version of typer keeps it.
UsageError: Any = next(one for one in reversed(typer.BadParameter.__mro__) if hasattr(one, "format_message"))


app = typer.Typer(
    help="Turns a lab of Windows PCs into PCs that train machine-learning models on their GPUs, and proves it.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_after("gpuready plan -i lab --ask-pass", "those of each command: gpuready COMMAND -h"),
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Say the version.")] = False
) -> None:
    """Options of the program itself; without a command it says what there is."""
    if version:
        typer.echo(f"gpuready {project.version()}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


_CODES = {
    "facts": "0 every PC gave its facts, 2 some did not, 1 it could not run, 130 stopped.",
    "plan": "0 every PC has a stack and nothing in its way, 2 some have not, 1 it could not run, 130 stopped.",
    "provision": "0 every PC is ready or was skipped, 2 some are not, 1 it could not run, 130 stopped.",
    "verify": "0 every PC is ready or was skipped, 2 some are not, 1 it could not run, 130 stopped.",
    "report": "0 every PC is ready, 2 some are not, 1 it could not run, 130 stopped.",
}


_WITH_BUNDLE = ("provision", "plan")


def _command(action: str, about: str) -> None:
    """Make the command of an action; they all take the same options, facts and provision one more each."""
    cluster_option = typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Share the PCs among a Dask scheduler's workers.",
        hidden=action != "provision",
    )
    about_save = "Folder that gets each PC's evidence."
    hidden = action != "facts"
    save_option = typer.Option("--save", metavar="DIR", help=about_save, hidden=hidden, parser=folder)

    bundle_option = typer.Option(
        "--bundle",
        metavar="DIR",
        help="A folder that gpuready bundle made, as the one source.",
        hidden=action not in _WITH_BUNDLE,
        parser=folder,
    )
    short_option = typer.Option("--short", help="A line a PC, no reasons.", hidden=action != "plan")
    example = f"gpuready {action} -i lab --ask-pass"

    @app.command(action, help=about, epilog=_after(example, _CODES.get(action, _PCS)))
    def command(
        inventory: Inventory = None,
        limit: Limit = None,
        only: Only = None,
        resume: Resume = False,
        report: ReportDir = None,
        lab_dir: LabDir = None,
        check: Check = False,
        redact: Redact = False,
        stack: Stack = None,
        experience: Experience = None,
        library: Library = None,
        environment: Environment = None,
        adapter: Adapter = None,
        prefer: Prefer = None,
        save: Annotated[Path | None, save_option] = None,
        cluster: Annotated[str | None, cluster_option] = None,
        bundle_dir: Annotated[Path | None, bundle_option] = None,
        forks: Forks = None,
        ask_pass: AskPass = False,
        vault_password_file: Vault = None,
        extra_vars: Extra = None,
        short: Annotated[bool, short_option] = False,
        as_json: Json = False,
        verbose: Verbose = 0,
    ) -> None:
        if short and action != "plan":
            raise GpureadyError("--short belongs to gpuready plan")
        if save and action != "facts":
            raise GpureadyError("--save belongs to gpuready facts")
        if cluster is not None and action != "provision":
            raise GpureadyError("--cluster belongs to gpuready provision")
        if bundle_dir and action not in _WITH_BUNDLE:
            raise GpureadyError(f"--bundle belongs to gpuready {' and '.join(_WITH_BUNDLE)}")

        more: dict[str, Any] = {"save": save} if save else {}
        more |= {} if cluster is None else {"cluster": cluster}
        more |= {"check": check, "report_dir": report, "lab_dir": lab_dir, "redact": redact}
        if only is not None and resume:
            raise GpureadyError("--only and --resume exclude each other")
        more |= {"resume": resume, "only": None if only is None else _words(only)}
        asked = {"limit": limit, "forks": forks, "vault_password_file": vault_password_file}
        lab = _lab(
            inventory,
            extra_vars,
            ask_pass,
            asked,
            lambda: _wishes(stack, experience, library, environment, adapter, prefer),
            bundle.variable(bundle_dir) if bundle_dir else {},
        )

        def work(progress: Progress) -> LabResult:
            method: Callable[..., LabResult] = getattr(lab(), action)
            return method(on_event=progress, verbosity=max(verbose - 1, 0), **more)

        _finish(work, as_json, verbose, short=short, check=check, unnamed=not inventory)


_command("provision", "Look, plan, build the stack, train, judge, report.")
_command("facts", "Look at every PC.")
_command("plan", "Look, and say what would become of every PC and why. Changes nothing.")
_command("verify", "Train on what is installed, and judge. Installs nothing.")
_command("report", "Judge every PC by what it is now and by its last pass. Trains nothing.")


@app.command(
    "remove",
    short_help="Take a stack, or everything, away from the PCs.",
    help="Take a stack away from the PCs, or with --all everything that gpuready brought.",
    epilog=_after(
        "gpuready remove cuda -i lab --ask-pass",
        "0 nothing went wrong on any PC, 2 something did, 1 it could not run, 130 stopped.",
    ),
)
def remove_command(
    stack: Annotated[
        str | None, typer.Argument(help="The stack that goes, with its environments and its pass.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that gpuready brought.")] = False,
    inventory: Inventory = None,
    limit: Limit = None,
    report: ReportDir = None,
    lab_dir: LabDir = None,
    check: Check = False,
    redact: Redact = False,
    forks: Forks = None,
    ask_pass: AskPass = False,
    vault_password_file: Vault = None,
    extra_vars: Extra = None,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Nothing goes that was not named: a stack, or --all."""
    if (stack is None) is not everything:
        raise GpureadyError("remove: name the stack that shall go, or give --all: one of the two")
    more: dict[str, Any] = {"check": check, "report_dir": report, "lab_dir": lab_dir, "redact": redact}
    asked = {"limit": limit, "forks": forks, "vault_password_file": vault_password_file}
    lab = _lab(inventory, extra_vars, ask_pass, asked)

    def work(progress: Progress) -> LabResult:
        return lab().remove(stack, on_event=progress, verbosity=max(verbose - 1, 0), **more)

    _finish(work, as_json, verbose, check=check, unnamed=not inventory)


@app.command(
    "init",
    help="Make the folder of a lab's inventory, from a table of its PCs.",
    epilog=_after("gpuready init pcs.csv --reach workgroup", "0 the folder was made, 1 it was not."),
)
def init_command(
    given: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TABLE|FOLDER]",
            help="CSV with the columns name, address, room, gpu and others of the wishes; all but name may lack. "
            "Or the new folder, for the commented example.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="The new folder (lab).", show_default=False, parser=folder, metavar="DIR"),
    ] = None,
    reach: Annotated[
        str | None,
        typer.Option("--reach", help="domain (Kerberos), workgroup (NTLM) or https: how the PCs are reached."),
    ] = None,
    domain: Annotated[str, typer.Option("--domain", help="The domain's full name, lab.example.org.")] = "",
    user: Annotated[str, typer.Option("--user", help="Who logs on to the PCs: an administrator there.")] = "",
) -> None:
    """No password is asked for, and none is written."""
    pcs = given if given and (given.is_file() or given.suffix.lower() in TABLES) else None
    if given and not pcs and to:
        raise GpureadyError(f"init: {given} is no table, and --to names the folder: name one of them")
    target = to or (given if given and not pcs else Path("lab"))
    base = project.root()
    found = table.read(pcs, contract.load(base), project.stacks(base), taken=newlab.WAYS) if pcs else []
    if reach is None:
        # The example has all the ways.
        way = "domain" if domain else "workgroup" if not pcs else ""
        reach = way or _asked("How are the PCs reached: domain, workgroup or https?", "--reach", newlab.WAYS)
    if reach == "domain" and not domain:
        domain = _asked("The domain's full name (lab.example.org):", "--domain")
    made = newlab.make(target, reach.strip().lower(), found, source=pcs.name if pcs else "", domain=domain, user=user)
    many = f"{len(found)} PC{'' if len(found) == 1 else 's'}" if found else "no PC yet: fill in hosts.yml"
    name = shlex.quote(str(made))
    typer.echo(f"{made}: {many}. See what would become of them: gpuready plan -i {name} --ask-pass")
    typer.echo(f"What is still missing: gpuready doctor -i {name} --offline")
    typer.echo(f"Each PC needs once: {project.collection(base) / 'scripts/enable-remoting.ps1'} (docs/remoting.md)")


@app.command(
    "doctor",
    short_help="What is in the way of a run, with the fix for each.",
    help="Is this controller able, is the inventory meant so, is each PC reachable; and the fix.",
    epilog=_after(
        "gpuready doctor -i lab --ask-pass", "0 nothing is to be mended, 2 something is, 1 it could not run."
    ),
)
def doctor_command(
    inventory: CheckedInventory = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no PC.")] = False,
    ask_pass: AskPass = False,
    vault_password_file: Vault = None,
    as_json: Json = False,
) -> None:
    """Changes nothing. 0 when nothing is to be mended, 2 otherwise."""
    from gpuready import doctor  # what it looks with, no other command needs

    if vault_password_file and not vault_password_file.is_file():
        raise GpureadyError(f"{vault_password_file}: there is no such vault password file: name one")
    password = _password() if ask_pass else None
    found = list(doctor.examine(inventory or [], offline=offline, password=password, vault=vault_password_file))
    if as_json:
        typer.echo(plain.to_json({"schema_version": 1, "findings": [asdict(one) for one in found]}, indent=1))
    else:
        for line in doctor.lines(found):
            typer.echo(line)
    raise typer.Exit(2 if any(one.state == "wrong" for one in found) else 0)


@app.command(
    "list",
    help="The newest verdict of each PC, by the lab's state. Reaches no PC.",
    epilog=_after("gpuready list --only failed,stale", "0 every PC is ready, 2 some are not, 1 it could not be read."),
)
def list_command(
    inventory: JudgedInventory = None, lab_dir: LabDir = None, only: Only = None, as_json: Json = False
) -> None:
    """Without an inventory, of the lab that was judged last. 0 when every PC is ready, 2 otherwise."""
    base = project.root()
    sources = [resolve(one) for one in inventory or []]
    found = newest.verdicts(lab_dir or project.reports(base), sources, None if only is None else _words(only))
    ready = contract.load(base).ready
    if as_json:
        typer.echo(plain.to_json({"schema_version": 1, "hosts": [asdict(one) for one in found]}, indent=1))
    else:
        for line in listing.lines(found, ready):
            typer.echo(line)
    raise typer.Exit(0 if all(one.state in ready for one in found) else 2)


@app.command(
    "drivers",
    short_help="Make or check the list of a lab's drivers.",
    help="Make or check drivers.yml, the list of a lab's installers of drivers (docs/drivers.md).",
    epilog=_after("gpuready drivers installers", "0 the lab can use it, 1 something is to be mended."),
)
def drivers_command(
    where: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|FILE",
            help="A folder of installers, for which entries are written; or a drivers.yml to check.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; drivers.yml in the folder unless given.")
    ] = None,
) -> None:
    """What stands in the file already stays. 0 when the lab can use it, 1 when something in it is to be mended."""
    if output is not None and not where.is_dir():
        raise GpureadyError(f"{where}: this is no folder of installers, for which -o names a file")
    wrong: list[str] = []
    file = where
    if where.is_dir():
        done = installers.write(where, output, lambda line: typer.echo(plain.clean(line)))
        file, wrong = done.file, list(done.changed)
        typer.echo(f"{plain.clean(file)}: {len(done.added)} added, {done.kept} there already.")
    wrong += installers.check(file)
    for line in wrong:
        typer.echo(plain.clean(line))
    if wrong:
        typer.echo(f"{plain.clean(file)}: mend these {len(wrong)}, then run gpuready drivers {shlex.quote(str(file))}")
        raise typer.Exit(1)
    typer.echo(f"{plain.clean(file)}: all of it can be used: name it in the inventory as gpuready_drivers.")


app.command(
    "lock",
    short_help="A lab's own lock: a stack's, with more packages.",
    help="Make a lab's own lock: that of a stack, with more packages for students. The framework's stay as they are.",
    epilog=_after(
        "gpuready lock STACK --target windows --add jupyterlab --add matplotlib --lab lab",
        "0 the lock is there, 1 it could not be made, 130 stopped.",
    ),
)(lock_command)


app.command(
    "bundle",
    short_help="All that a lab needs without internet, in a folder.",
    help="Bring all that a lab's stacks need without internet into a folder: wheels, uv, Python, WSL, guest, drivers.",
    epilog=_after(
        "gpuready bundle -i lab BUNDLE",
        "0 all of it is there, 2 something is missing (each a line), 1 it could not run, 130 stopped.",
    ),
)(bundle_command)


def _asked(question: str, option: str, answers: Collection[str] = ()) -> str:
    """What somebody answers, once it is one of `answers`, where there are some."""
    if not sys.stdin.isatty():
        raise GpureadyError(f"init: there is nobody to ask: give {option}")
    try:
        while True:
            said = str(typer.prompt(question, prompt_suffix=" ", err=True)).strip()
            if not answers or said.lower() in answers:
                return said
    except (typer.Abort, EOFError):
        raise StoppedError("stopped, nothing was made") from None


@app.command(
    "explain",
    short_help="What a code means; facts and plan from a saved file.",
    help="What a code means and what to do; or facts, plan and reasons from a saved evidence file.",
    epilog=_after(
        "gpuready explain DISK_FULL", "0 told, and nothing is in the way; 2 something is; 1 it could not be read."
    ),
)
def explain_command(
    evidence: Annotated[Path, typer.Argument(help="A code (DISK_FULL), or what `gpuready facts --save` wrote.")],
    stack: Stack = None,
    experience: Experience = None,
    library: Library = None,
    environment: Environment = None,
    adapter: Adapter = None,
    prefer: Prefer = None,
    report: ReportDir = None,
    save: SaveCopy = None,
    redact: Redact = False,
    extra_vars: Extra = None,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """`--json` prints the record of this one PC. No PC is reached."""
    if codes.is_code(str(evidence)):
        code = codes.find(str(evidence))
        typer.echo(plain.to_json({"schema_version": 1, **code.as_dict()}) if as_json else code.text)
        raise typer.Exit

    def work(progress: Progress) -> LabResult:
        return explain(
            evidence,
            wishes=_wishes(stack, experience, library, environment, adapter, prefer),
            extra_vars=_extra_vars(extra_vars or []),
            report_dir=report,
            save=save,
            redact=redact,
            on_event=progress if verbose else None,
            verbosity=max(verbose - 1, 0),
        )

    _finish(work, as_json, verbose, only_host=True)


@app.command(
    "demo",
    short_help="Look and plan over simulated PCs.",
    help="Facts and plan over a simulated lab, to see a run before it touches a real PC.",
    epilog=_after("gpuready demo --provision", "0 every PC ended as it must, 1 otherwise, 130 stopped."),
)
def demo_command(
    provision: Annotated[
        bool, typer.Option("--provision", help="Install, train and judge too: all simulated.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Folder of the report (reports/demo).", parser=folder)
    ] = None,
    lab: Annotated[
        Path | None, typer.Option("--lab", metavar="FILE", help="Another lab (inventories/simulated/lab.yml).")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port of the simulated PCs, or the next.")] = 15985,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """What it runs over is no real PC."""
    from gpuready import demo  # the simulated lab, which no other command needs

    raise typer.Exit(demo.command(report, lab, port, provision=provision, as_json=as_json, verbose=verbose > 0))


@app.command(
    "rehearse",
    short_help="A whole run over simulated PCs of your lab's names.",
    help="A whole run over simulated PCs with the names and wishes of your lab's. No real PC is reached.",
    epilog=_after("gpuready rehearse -i lab --fault pc03=off --fault pc07=used", _CODES["provision"]),
)
def rehearse_command(
    inventory: RehearsedInventory = None,
    limit: Limit = None,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="PC=FAULT", help="What goes wrong on a PC: off, used, basic, ...; repeatable."),
    ] = None,
    lab_dir: LabDir = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="DIR", help="Folder of the report (reports/rehearsal).", parser=folder),
    ] = None,
    check: Check = False,
    vault_password_file: Vault = None,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """The lab's state stays as it is; it says which GPUs the PCs have."""
    from gpuready import rehearsal  # the simulated lab

    if not inventory:
        raise GpureadyError("rehearse: name the inventory of your lab (-i); a lab of made-up PCs is gpuready demo")
    base = project.root()
    sources = [resolve(one) for one in inventory]
    options: dict[str, Any] = {"lab_dir": lab_dir or project.reports(base), "limit": limit, "faults": fault or []}
    with rehearsal.lab(sources, vault_password_file=vault_password_file, **options) as made:
        typer.echo("These PCs are SIMULATED: they have your PCs' names, and none of yours is reached.", err=True)
        for line in rehearsal.about(made):
            typer.echo(line, err=True)

        def work(progress: Progress) -> LabResult:
            given: dict[str, Any] = {"report_dir": report or project.reports(base) / "rehearsal", "lab_dir": ""}
            return Lab(made.inventory).provision(on_event=progress, check=check, **given)

        _finish(work, as_json, verbose, check=check)


def _lab(
    inventory: list[str] | None,
    extra_vars: list[str] | None,
    ask_pass: bool,
    asked: Mapping[str, Any],
    wishes: Callable[[], dict[str, Any]] = dict,
    variables: Mapping[str, Any] | None = None,
) -> Callable[[], Lab]:
    """How the lab of a command's options is made; a password is asked for now, before anything is shown."""
    password = _password() if ask_pass else None
    return lambda: Lab(
        list(inventory or []),
        wishes=wishes(),
        extra_vars=_extra_vars(extra_vars or []) | dict(variables or {}),
        connection_password=password,
        **asked,
    )


def _finish(
    work: Callable[[Progress], LabResult],
    as_json: bool,
    verbose: int,
    *,
    only_host: bool = False,
    short: bool = False,
    check: bool = False,
    unnamed: bool = False,
) -> None:
    try:
        with Progress(Console(stderr=True), verbose=verbose > 0, check=check, unnamed=unnamed) as progress:
            result = work(progress)
    except NothingToDoError as nothing:
        typer.echo(plain.to_json({"schema_version": 1, "hosts": []}) if as_json else f"gpuready: {nothing}")
        raise typer.Exit from None
    except KeyboardInterrupt as stop:  # typer ends the program on this one without a word
        raise StoppedError(_stopped(stop)) from None
    raise typer.Exit(terminal.show(result, as_json=as_json, only_host=only_host, verbose=verbose > 0, short=short))


def _wishes(
    stack: str | None,
    experience: str | None,
    library: str | None,
    environment: str | None,
    adapter: str | None,
    prefer: str | None,
) -> dict[str, Any]:
    named = {"stack": stack, "experience": experience, "library": library, "environment": environment}
    wishes = {**named, "adapter": adapter, "prefer": prefer}
    for name, value in wishes.items():
        if value is not None and not value.strip():
            raise GpureadyError(f"--{name} is empty: give a value, or leave it out")
    return wishes


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip().lower())]


def _extra_vars(given: list[str]) -> dict[str, Any]:
    """What Ansible takes after -e: `k=v k2=v2`, an object in JSON or YAML, or @FILE."""
    variables: dict[str, Any] = {}
    for text in given:
        if text.startswith("@") or text.lstrip().startswith("{"):
            variables.update(_mapping(text))
            continue
        try:
            parts = shlex.split(text)
        except ValueError as error:
            raise GpureadyError(f"-e {text}: {error}") from None
        for part in parts:
            name, sign, value = part.partition("=")
            if not sign or not name.isidentifier():
                raise GpureadyError(f"-e {part}: give name=value, an object in JSON, or @FILE")
            variables[name] = value
    return variables


def _mapping(text: str) -> dict[str, Any]:
    shown = text if text.startswith("@") else "-e"
    try:
        content = Path(text[1:]).expanduser().read_text("utf-8") if text.startswith("@") else text
        value = yaml.safe_load(content)
    except OSError as error:
        raise GpureadyError(f"-e {text}: cannot be read: {error.strerror}: name a file of YAML or JSON") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        raise GpureadyError(f"{shown}:{where} this is not YAML or JSON") from None
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise GpureadyError(f"{shown}: this is not an object of variables")
    return value


def _password() -> str:
    try:
        given = getpass.getpass("Password of the PCs: ", stream=sys.stderr) if _terminal() else input()
    except EOFError:
        raise GpureadyError("--ask-pass: there is nobody to ask: no terminal") from None
    except KeyboardInterrupt:
        raise StoppedError("stopped, nothing was run") from None
    if not given:
        raise GpureadyError("--ask-pass: the password is empty, and would be shown to every PC")
    return given


def _terminal() -> bool:
    """Whether there is one to ask at; without, a password may come by a pipe."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin.isatty()
    return True


def _stopped(stop: KeyboardInterrupt) -> str:
    if not isinstance(stop, Interrupted):
        return "stopped, no report was written"
    if stop.report and stop.whole:
        return f"stopped at the end of the run; its report was written before: {stop.report}"
    done = ", ".join(f"{host} {state}" for host, state in sorted(stop.finished.items()))
    rest = ", ".join(stop.unfinished[:5]) + (", ..." if len(stop.unfinished) > 5 else "")
    report = f"the report of what was finished: {stop.report}" if stop.report else stop.note or "no report was written"
    return f"stopped, {report}; finished: {done or 'no PC'}; not finished: {rest or 'no PC'}; run again to go on"
