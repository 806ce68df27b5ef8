"""The ``reinforcesight`` command. A command's flags are the top-level fields of its configuration class.

Only the chosen command's modules are imported, so ``reinforcesight --help`` is fast.
"""

from __future__ import annotations

import enum
import signal
import sys
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal

import click

from reinforcesight import __version__
from reinforcesight.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ReinforceSightError, require_module
from reinforcesight.jobs.signals import Stopped, stop_on_signals
from reinforcesight.jobs.startup import settle_process

if TYPE_CHECKING:
    from pydantic import BaseModel

_CONTEXT: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda token: token.replace("-", "_"),
    "max_content_width": 100,
}


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """The configuration class and function of a command, as ``module:name``.

    Attributes:
        example: The command with arguments, as its help shows it.
        positional: Fields given as positional arguments, in order.
        trl_class: TRL class whose arguments also become flags; their values go into the section ``trainer``.
        preflight: Function that checks a configuration before the command starts.
    """

    config: str
    function: str
    help: str
    example: str
    positional: tuple[str, ...] = ()
    trl_class: str | None = None
    preflight: str | None = None


COMMANDS = {
    "generate": CommandSpec(
        "reinforcesight.data_gen.config:GenerateConfig",
        "reinforcesight.data_gen.pipeline:generate",
        "Make a balanced, verified data set of questions from pictures.",
        "reinforcesight generate --config rendered --num_samples 1000 --output data",
        preflight="reinforcesight.preflight:check_generate",
    ),
    "audit": CommandSpec(
        "reinforcesight.data_gen.audit.config:AuditConfig",
        "reinforcesight.eval.shortcuts.guessing:audit_any",
        "Check a data set: balance, labels, leakage, shortcuts; or how often text alone answers a benchmark.",
        "reinforcesight audit data --config audit.yaml --report audit.html",
        positional=("dataset",),
    ),
    "calibrate": CommandSpec(
        "reinforcesight.data_gen.calibration.config:CalibrateConfig",
        "reinforcesight.data_gen.calibration.run:calibrate",
        "Measure how often labels from estimated depth are wrong, on pictures with measured depth.",
        "reinforcesight calibrate --config calibrate.yaml --input rooms --output calibration.json",
    ),
    "sft": CommandSpec(
        "reinforcesight.sft.config:SftConfig",
        "reinforcesight.sft.trainer:train_sft",
        "Fine-tune a vision-language model on a data set (LoRA or full).",
        "reinforcesight sft --config sft_config --dataset data --output models/sft",
        trl_class="SFTConfig",
        preflight="reinforcesight.preflight:check_training",
    ),
    "grpo": CommandSpec(
        "reinforcesight.grpo.config:GrpoConfig",
        "reinforcesight.grpo.trainer:train_grpo",
        "Train a fine-tuned model with GRPO; rewards check its reasoning.",
        "reinforcesight grpo --config grpo_config --dataset data --model_path models/sft --output models/grpo",
        trl_class="GRPOConfig",
        preflight="reinforcesight.preflight:check_training",
    ),
    "evaluate": CommandSpec(
        "reinforcesight.eval.config:EvaluateConfig",
        "reinforcesight.eval.benchmarks.suite:evaluate_benchmarks",
        "Score a model on CV-Bench, other benchmarks or a data set, with confidence intervals and a report.",
        "reinforcesight evaluate --config eval_config --model_path models/grpo --benchmark cv-bench",
        preflight="reinforcesight.preflight:check_evaluate",
    ),
    "run": CommandSpec(
        "reinforcesight.story.config:RunConfig",
        "reinforcesight.story.run:run_story",
        "Run everything: generate, audit, SFT, GRPO, evaluate, report.",
        "reinforcesight run --config quickstart --output runs/quickstart",
        preflight="reinforcesight.story.check:check_run",
    ),
    "ask": CommandSpec(
        "reinforcesight.model.ask:AskConfig",
        "reinforcesight.model.ask:ask",
        "Ask a model a question about a picture.",
        "reinforcesight ask room.jpg 'Is the lamp left of the sofa?' --config ask.yaml --model_path models/grpo",
        positional=("image", "question"),
    ),
    "export": CommandSpec(
        "reinforcesight.export.command:ExportConfig",
        "reinforcesight.export.command:export",
        "Convert a data set or checkpoint for another tool.",
        "reinforcesight export --config export.yaml --to llama-factory --dataset data --output for_llama_factory",
    ),
    "browse": CommandSpec(
        "reinforcesight.data_gen.viewing.browse:BrowseConfig",
        "reinforcesight.data_gen.viewing.browse:browse",
        "Browse a data set on a local web page.",
        "reinforcesight browse data --config browse.yaml --port 8000",
        positional=("dataset",),
    ),
    "demo": CommandSpec(
        "reinforcesight.demo.config:DemoConfig",
        "reinforcesight.demo.app:demo",
        "Ask one or two models about pictures on a local web page.",
        "reinforcesight demo --config demo.yaml --model_path models/grpo",
    ),
    "review": CommandSpec(
        "reinforcesight.data_gen.review.config:ReviewConfig",
        "reinforcesight.data_gen.review.run:review",
        "Check a sample of a data set by eye on a local page, to bound the fraction of wrong labels.",
        "reinforcesight review data --config review.yaml --samples 300",
        positional=("dataset",),
    ),
    "doctor": CommandSpec(
        "reinforcesight.doctor:DoctorConfig",
        "reinforcesight.doctor:doctor",
        "Check Python, packages and devices, and show how to install what is missing.",
        "reinforcesight doctor --config doctor.yaml --plan grpo_config",
    ),
}


# A subclass comes before its base.
_CLICK_TYPES: dict[type, click.ParamType[Any]] = {
    bool: click.BOOL,
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: click.Path(path_type=Path),
}


class LazyGroup(click.Group):
    """Lists its commands without importing them; builds a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        spec = COMMANDS.get(cmd_name)
        return None if spec is None else build_command(cmd_name, spec)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, spec.help) for name, spec in COMMANDS.items()])


_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


class _Command(click.Command):
    """Accepts ``--flag false`` and ``--flag=false`` besides ``--no_flag``; lists arguments and sections."""

    arguments: Sequence[tuple[str, str]] = ()
    sections: Sequence[tuple[str, str]] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(self.arguments)
        super().format_options(ctx, formatter)
        if self.sections:
            with formatter.section("Sections, set by --config or --set section.key=value"):
                formatter.write_dl(self.sections)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        pairs = {p.opts[0]: p.secondary_opts[0] for p in self.params if p.secondary_opts}
        rest, plain = deque(args), []
        while rest:
            given = rest.popleft()
            flag, sign, text = given.partition("=")
            flag = flag.replace("-", "_").replace("__", "--", 1)
            if flag not in pairs:
                plain.append(given)
                continue
            if not sign and rest and rest[0].lower() in _TRUE | _FALSE:
                sign, text = "=", rest.popleft()
            if sign and text.lower() not in _TRUE | _FALSE:
                raise click.BadOptionUsage(flag, f"{flag} is true or false, not {text!r}", ctx)
            plain.append(pairs[flag] if sign and text.lower() in _FALSE else flag)
        return super().parse_args(ctx, plain)


def build_command(name: str, spec: CommandSpec) -> click.Command:
    config_class: type[BaseModel] = resolve_name(spec.config)
    params: list[click.Parameter] = [
        click.Option(
            ["--config", "config_file"],
            type=click.Path(path_type=Path),
            help="YAML file with any of these settings, or the name of a shipped recipe such as quickstart. "
            "A file may say 'extends: other.yaml'.",
        ),
        click.Option(
            ["--set", "overrides"],
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one key of the YAML file, with dots for nested keys (section.key=value); may be repeated.",
        ),
    ]
    if spec.preflight is not None:
        help_text = "Only check settings, packages, model, data, device and disk space; start nothing."
        params.append(click.Option(["--preflight"], is_flag=True, help=help_text))
    hints = typing.get_type_hints(config_class)
    # Name of the field to the flag's name, which may be a Python keyword.
    fields: dict[str, str] = {}
    arguments: list[tuple[str, str]] = []
    sections: list[tuple[str, str]] = []
    for field_name in sorted(config_class.model_fields, key=lambda n: n not in spec.positional):
        found = _click_type(hints[field_name])
        field = config_class.model_fields[field_name]
        if found is None:
            about = field.description or (getattr(hints[field_name], "__doc__", None) or "").partition("\n")[0]
            sections.append((field_name, about.replace("``", "").removesuffix(".")))
            continue
        kind: click.ParamType[Any] | None
        kind, many = found
        fields[field_name] = field.alias or field_name
        if field_name in spec.positional:
            # Not required here, since the value may come from the file; pydantic reports a missing value.
            params.append(click.Argument([field_name], type=kind, required=False))
            arguments.append((field_name.upper(), field.description or ""))
            continue
        help_text = field.description or ""
        if not field.is_required() and field.default not in (None, (), ""):
            default = field.get_default(call_default_factory=True, validated_data={})
            shown = default.value if isinstance(default, enum.Enum) else default
            help_text += f" [default: {shown}]"
        flag = f"--{fields[field_name]}"
        if kind is click.BOOL:
            flag, kind = f"{flag}/--no_{fields[field_name]}", None
        params.append(click.Option([flag, field_name], type=kind, default=None, multiple=many, help=help_text))

    @click.pass_context
    def callback(
        click_context: click.Context,
        /,
        config_file: Path | None,
        overrides: Sequence[str],
        preflight: bool = False,
        **values: Any,
    ) -> int:
        from reinforcesight.config import load_config

        flags = {key: list(v) or None if isinstance(v := values[n], tuple) else v for n, key in fields.items()}
        flags |= {f"trainer.{key}": value for key, value in _other_flags(click_context.args)}
        config = load_config(config_class, config_file, overrides, flags)
        function = _function(spec)
        if spec.trl_class is not None:  # only now, since importing TRL takes seconds
            config = load_config(config_class, config_file, overrides, flags, {"trl": True})
        # `run` checks in another process, to keep this process small.
        if spec.preflight is not None and (preflight or name != "run"):
            facts = resolve_name(spec.preflight)(config, thorough=preflight)
            if preflight:
                click.echo("\n".join([*facts, "all checks passed"]))
                return 0
        return int(getattr(function(config), "exit_code", 0) or 0)

    more = spec.trl_class is not None
    command = _Command(
        name,
        params=params,
        callback=callback,
        help=f"{spec.help}\n\n\b\nExample:\n  {spec.example}",
        epilog=f"Every argument of TRL's {spec.trl_class} is a flag too, such as --learning_rate 1e-4."
        if more
        else None,
        context_settings={**_CONTEXT, "ignore_unknown_options": more, "allow_extra_args": more},
    )
    command.arguments, command.sections = arguments, sections
    return command


def _other_flags(arguments: Sequence[str]) -> Iterator[tuple[str, object]]:
    """Yield name and value of flags without a field: ``--name value``, ``--name=value``, ``--name``, ``--no_name``."""
    from reinforcesight.config import parse_yaml

    rest = list(arguments)
    while rest:
        flag, sign, text = rest.pop(0).partition("=")
        if not flag.startswith("--"):
            raise click.UsageError(f"unexpected argument {flag!r}")
        name = flag[2:].replace("-", "_")
        if not sign and rest and not rest[0].startswith("--"):
            sign, text = "=", rest.pop(0)
        if not sign:
            yield name.removeprefix("no_"), not name.startswith("no_")
            continue
        try:
            yield name, parse_yaml(text)
        except ValueError:
            yield name, text


def _function(spec: CommandSpec) -> Callable[[Any], Any]:
    """Import the command's function. If its module needs a missing package, the error names the extra."""
    try:
        function: Callable[[Any], Any] = resolve_name(spec.function)
    except ModuleNotFoundError as error:
        from reinforcesight.doctor import EXTRAS

        absent = (error.name or "").partition(".")[0]
        for extra, (_, parts) in EXTRAS.items():
            if absent in parts:
                require_module(absent, extra=extra)
        raise
    return function


def _click_type(annotation: Any) -> tuple[click.ParamType[Any], bool] | None:
    """Return the click type of a field, and whether its flag may be repeated.

    ``None`` for a section, which only ``--config`` and ``--set`` can set.
    """
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _click_type(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        kinds = [_click_type(part) for part in typing.get_args(annotation) if part is not type(None)]
        known = [kind for kind in kinds if kind is not None]
        if len(kinds) == 1:
            return kinds[0]
        # A union, such as an integer or "auto", is passed as text, which pydantic parses.
        return (click.STRING, False) if known and len(known) == len(kinds) else None
    if origin is Literal:
        return click.Choice([str(part) for part in typing.get_args(annotation)]), False
    if origin in (tuple, list):
        inner = _click_type(typing.get_args(annotation)[0])
        return None if inner is None or inner[1] else (inner[0], True)
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, enum.Enum):
        return click.Choice([str(member.value) for member in annotation]), False
    kind = next((kind for plain, kind in _CLICK_TYPES.items() if issubclass(annotation, plain)), None)
    return None if kind is None else (kind, False)


@click.command(cls=LazyGroup, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="reinforcesight")
def cli() -> None:
    """Make verified spatial questions from pictures, fine-tune on them, and evaluate on CV-Bench.

    Every command takes --config FILE.yaml (or the name of a shipped recipe) and --set key=value. Flags are written with
    _ or -.
    """


def main(arguments: Sequence[str] | None = None) -> typing.NoReturn:
    """Run the command line and exit: 0 for success, 1 if the job failed, 2 for an error that the user can fix."""
    try:
        status = run(arguments)
    except KeyboardInterrupt:
        status = _interrupted(EXIT_INTERRUPTED)
    # Nothing is lost from here on; a late Ctrl-C would only print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


def run(arguments: Sequence[str] | None = None, command: click.Command | None = None) -> int:
    """Run the command line (or one command) and return the exit status."""
    settle_process()
    received: list[int] = []
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        with stop_on_signals() as received:
            result = (command or cli).main(args=given, standalone_mode=False)
    except ReinforceSightError as error:
        return _complain(str(error), error.exit_code)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context is not None else ""
        return _complain(f"{error.format_message()}{hint}")
    except (KeyboardInterrupt, click.Abort, Stopped) as stop:
        return _interrupted(stop.exit_code if isinstance(stop, Stopped) else EXIT_INTERRUPTED)
    except Exception as failure:
        if received:
            return _interrupted(128 + received[0])
        from reinforcesight.jobs.files import full_disk

        full = full_disk(failure, Path.cwd())
        if full is None:
            raise
        return _complain(str(full), full.exit_code)
    return result if isinstance(result, int) else 0


def _interrupted(exit_code: int) -> int:
    click.echo("interrupted; the same command continues where it stopped", err=True)
    return exit_code


def _complain(message: str, exit_code: int = EXIT_USER_ERROR) -> int:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return exit_code
