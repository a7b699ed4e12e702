"""Programs that are loaded once and forked for each run (fork_server.c)."""

import os
import pathlib
import shutil
import socket
import struct
import subprocess

SOURCE = pathlib.Path(__file__).with_suffix(".c")


def build(folder):
    """The library to preload; None where there is no C compiler."""
    compiler = shutil.which("cc")
    library = folder / "fork_server.so"
    if compiler is None or subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE],
            check=False).returncode != 0:
        return None
    return library


class ForkServer:
    """One program, waiting for command lines."""

    def __init__(self, library, program, environment):
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [program], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            env=dict(environment, LD_PRELOAD=str(library), OPENBLAS_NUM_THREADS="1",
                     COMQ_FORK_SERVER=str(theirs.fileno())))
        theirs.close()

    def _receive(self):
        return struct.unpack("<qq", self._socket.recv(16, socket.MSG_WAITALL))

    def start(self, folder, out, err, arguments):
        """Returns the process id; wait() has to follow."""
        words = b"".join(os.fsencode(str(word)) + b"\0" for word in [folder, out, err, *arguments])
        self._socket.sendall(struct.pack("<I", len(words)) + words)
        return self._receive()[0]

    def wait(self):
        """Its wait status, and its peak of resident memory in kB."""
        return self._receive()

    def end(self):
        """Ends the program, which must not be at anything."""
        self._socket.close()
        self._process.wait()
