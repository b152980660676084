# SPDX-License-Identifier: Apache-2.0
"""`muniment doctor`: what is wrong with this installation, and how to mend it."""

import click

from archive.cli.session import json_option, print_json


@click.command("doctor")
@click.option("--quiet", is_flag=True, help="Print nothing of what is in order, as for cron.")
@json_option
@click.pass_context
def command(ctx: click.Context, *, quiet: bool, as_json: bool) -> None:
    """Look at settings, store, catalogue, keys, clock and disk; change nothing.

    Each line says what was found and how to mend it. Exit 0 nothing is wrong (there may be
    warnings), 1 something is, 2 something could not be told.
    """
    from archive.bootstrap import diagnose
    from archive.services.doctor.diagnosis import State
    from archive.services.doctor.examine import exit_code

    diagnoses = diagnose(*ctx.find_root().obj)
    code = exit_code(diagnoses)
    shown = [item for item in diagnoses if not quiet or item.state is not State.OK]
    if as_json:
        print_json({"exit_code": code, "diagnoses": [item.to_json() for item in shown]})
    else:
        for item in shown:
            click.echo(f"{item.state.value:<8} {item.check:<22} {item.found}")
            if item.mend:
                click.echo(f"{'':<8} {'to mend it':<22} {item.mend}")
    ctx.exit(code)
