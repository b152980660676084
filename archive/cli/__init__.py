# SPDX-License-Identifier: Apache-2.0
"""The command line. A command is a file in `commands/`, named as it is called.

Commands import what they need when they run: `muniment --help` loads click and nothing else.
"""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

import click

from archive import __version__
from archive.cli.terminal import one_line
from archive.errors import InputError, MunimentError, NotFound, PartRedacted, RecordWithdrawn

# 0 to 3 are the answers of `verify`; what kept a command from answering has codes of its own.
EXIT_NO = 1
EXIT_BAD_INPUT = 3
EXIT_COULD_NOT = 4
EXIT_USAGE = 64
EXIT_INTERRUPTED = 130


class CommandFolder(click.Group):
    """A group whose commands are the modules of the `commands` folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the files."""
        folder = str(Path(__file__).parent / "commands")
        return sorted(info.name for info in pkgutil.iter_modules([folder]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command in the file of that name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"archive.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command


@click.group(cls=CommandFolder)
@click.version_option(__version__)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (TOML); default MUNIMENT_CONFIG.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data folder; default MUNIMENT_DATA, else ./muniment-data.",
)
@click.option(
    "--log-json", is_flag=True, help="Log to stderr as JSON lines, one for the command itself."
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None, data: Path | None, *, log_json: bool) -> None:
    """Capture web documents, sign what was seen, and let anyone check a citation."""
    ctx.obj = (config, data)
    if log_json:
        from archive.cli import logs

        logs.log_json()
        logs.command_began(ctx.invoked_subcommand or "")


def main() -> None:
    """Run the command line; errors are one line on stderr, and every exit code is honest."""
    try:
        code = cli.main(prog_name="muniment", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("muniment: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except click.UsageError as error:
        error.show()
        code = EXIT_USAGE
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except MunimentError as error:
        click.echo(f"muniment: {one_line(error)} [{error.code}]", err=True)
        code = _exit_code(error)
    except BrokenPipeError:
        # The reader went away (`| head`); what Python would flush at exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    code = code if isinstance(code, int) else 0
    if (logs := sys.modules.get("archive.cli.logs")) is not None:
        logs.command_ended(code)
    sys.exit(code)


def _exit_code(error: MunimentError) -> int:
    if isinstance(error, InputError):
        return EXIT_BAD_INPUT
    return (
        EXIT_NO if isinstance(error, NotFound | PartRedacted | RecordWithdrawn) else EXIT_COULD_NOT
    )
