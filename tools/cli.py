"""The command line, ``hanota``: names the commands, and imports one only when it is called."""

import importlib

import click

# In the usual order of use, which is the order of the help. Each module of tools.commands has a `command`.
COMMANDS = {
    "keygen": "Make a P-256 key pair for signing.",
    "build": "Pack an application and the agent into a ROMFS image.",
    "sign": "Wrap a payload in a signed envelope and an upgrade file.",
    "inspect": "Show what is in upgrade files and judge them.",
    "provision": "Make an emulated device at the factory.",
    "emulate": "Run an emulated device on real MicroPython.",
    "serve": "Run a hub that updates one device.",
    "slots": "Show or dump an emulated device's slots.",
    "powercut": "Kill updating devices on real MicroPython, again and again.",
    "simulate": "Cut the power everywhere in simulated updates.",
    "rig": "Drive boards on benches: updates, cuts, losses, hostile hubs.",
    "status": "Show how a device is, by its console.",
    "log": "Follow what a device tells on its console.",
    "shell": "Open a device's REPL on its console.",
    "board": "Try a board's promises to the agent, on the device itself.",
    "demo": "Run the whole story: update, power cut, attacks.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported on use, so that --help needs none of their libraries."""

    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"tools.commands.{cmd_name}").command

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hanota", prog_name="hanota")
def main():
    """Firmware updates over ZigBee for in-home energy devices (IHD, PPMID, HCALCS): make keys and signed
    images on this machine, and watch an emulated device on real MicroPython take them from a hub.

    The usual order, from nothing to an updated device:

    \b
      hanota keygen --out keys
      hanota build my_display -o v2.romfs
      hanota sign v2.romfs -o v2.ota --key keys/private.pem --device ppmid \\
          --manufacturer-code 0x1234 --file-version 0x00020000 --layout elements
      hanota inspect v2.ota --trust keys/public.pem
      hanota emulate --state device --factory v1.ota --trust keys/public.pem \\
          --listen 127.0.0.1:7000
      hanota serve v2.ota --connect 127.0.0.1:7000

    `hanota demo` does all of it by itself, with a power cut and three attacks. Each command has its
    own --help. Exit status: 0 done or accepted, 1 refused or failed, 2 unusable arguments.
    """


if __name__ == "__main__":
    main()
