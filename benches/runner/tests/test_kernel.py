"""What the kernel is asked of a process."""
import subprocess
import sys
import unittest

from runner import kernel

# A thread works and ends; the process says so and stays.
WORKS_AND_STAYS = """
import sys, threading, time
def work():
    while time.thread_time() < 0.1:
        pass
worker = threading.Thread(target=work)
worker.start()
worker.join()
print("done", flush=True)
sys.stdin.read()
"""


class OnCpu(unittest.TestCase):
    def test_the_time_of_threads_that_have_ended_is_not_lost(self):
        with subprocess.Popen([sys.executable, "-c", WORKS_AND_STAYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            self.assertEqual(process.stdout.readline(), b"done\n")
            self.assertGreaterEqual(kernel.on_cpu_ns(process.pid), 100_000_000)
            process.stdin.close()
            process.wait()


class Stolen(unittest.TestCase):
    def test_what_the_host_took_never_falls(self):
        before = kernel.stolen_seconds()
        self.assertGreaterEqual(before, 0)
        self.assertGreaterEqual(kernel.stolen_seconds(), before)


if __name__ == "__main__":
    unittest.main()
