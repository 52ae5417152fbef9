"""Starts carnet-verify from its archive. Compiled parts can't be loaded from there, so it is unpacked for the run.

It is unpacked into a fresh folder that only its owner can enter, and the folder is removed at the end. So no file stays
behind, and no file that somebody else put into a well-known place is ever loaded.
"""

import os
import sys
import sysconfig
import tempfile
import zipfile

PYTHON, PLATFORM = "@PYTHON@", "@PLATFORM@"
"""What this archive was built for."""


def start():
    """Check the machine, unpack, run."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}", sysconfig.get_platform()
    if here != (PYTHON, PLATFORM) or sys.implementation.name != "cpython":
        print(
            f"carnet-verify: this file was built for CPython {PYTHON} on {PLATFORM}, and this is "
            f"{sys.implementation.name} {here[0]} on {here[1]}; get the one for this machine, or build it with "
            "`make pyz` [platform]",
            file=sys.stderr,
        )
        return 2
    archive = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory(prefix="carnet-verify-") as folder:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder, [name for name in packed.namelist() if name.startswith("site/")])
        sys.dont_write_bytecode = True
        sys.path.insert(0, os.path.join(folder, "site"))
        from verifier.__main__ import main

        return main()


if __name__ == "__main__":
    sys.exit(start())
