"""``hanota build``: an application and the agent's updatable half, packed."""

from pathlib import Path

import click

from tools import files, romfs


@click.command("build")
@click.argument("app_dir", metavar="APP_DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="APP.romfs",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The ROMFS image to write.",
)
def command(app_dir: Path, output: Path) -> None:
    """Pack the application in APP_DIR, and the part of the agent that updates with it, into a ROMFS image
    of compiled modules: what `hanota sign` signs. The same sources give the same bytes.

    APP_DIR is a package with an app.py, or holds one.

    \b
    Example:
      hanota build my_display -o v2.romfs
    """
    image = romfs.build(app_dir)
    files.write(output, image)
    click.echo(f"{output}  {len(image)} bytes")
