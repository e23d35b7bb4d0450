"""Serving a machine's ports while a test talks to it by other ways."""
import contextlib
import threading


@contextlib.contextmanager
def pumping(machine):
    """Serves the ports in a thread as long as the block runs."""
    over = threading.Event()

    def pump():
        while not over.is_set() and machine.pump():
            pass

    pumper = threading.Thread(target=pump)
    pumper.start()
    try:
        yield
    finally:
        over.set()
        pumper.join()


def is_over(machine):
    """Has it ended, by itself or not?"""
    return machine.panic is not None or machine.guest_status is not None or machine.process.poll() is not None
