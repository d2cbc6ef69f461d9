"""A filter of system calls: what decoding needs is allowed, everything else answers "not permitted".

An allow-list, so that calls nobody thought of (io_uring, new ones) are refused as well. No call that names a file, a
socket or another process is in it. Memory can never become executable. Threads are allowed, processes are not:
the HEIC decoder starts a thread even when told to use one only.
"""

import ctypes
import platform
import struct

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | 1  # SECCOMP_RET_ERRNO with EPERM: Python raises PermissionError and lives on
UNKNOWN = 0x00050000 | 38  # with ENOSYS
KILL = 0x80000000
PROT_EXEC = 4
CLONE_THREAD = 0x10000

# Offsets in struct seccomp_data: nr, arch, instruction pointer, then six 64-bit arguments (little endian).
NR, ARCH, FIRST_ARGUMENT, THIRD_ARGUMENT = 0, 4, 16, 16 + 2 * 8
LOAD, EQUAL, AT_LEAST, HAS_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

# fmt: off
CALLS: dict[str, tuple[int, dict[str, int]]] = {  # machine: (AUDIT_ARCH, name -> number)
    "x86_64": (0xC000003E, {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
        "madvise": 28, "nanosleep": 35, "getpid": 39, "clone": 56, "exit": 60, "gettimeofday": 96, "getrusage": 98,
        "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
        "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231, "set_robust_list": 273, "getrandom": 318,
        "rseq": 334,
    }),
    "aarch64": (0xC00000B7, {
        "read": 63, "write": 64, "close": 57, "fstat": 80, "ppoll": 73, "lseek": 62, "mmap": 222, "mprotect": 226,
        "munmap": 215, "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_yield": 124,
        "mremap": 216, "madvise": 233, "nanosleep": 101, "getpid": 172, "exit": 93, "gettimeofday": 169,
        "getrusage": 165, "sigaltstack": 132, "gettid": 178, "futex": 98, "sched_getaffinity": 123,
        "restart_syscall": 128, "clock_gettime": 113, "clock_nanosleep": 115, "exit_group": 94, "set_robust_list": 99,
        "getrandom": 278, "clone": 220, "rseq": 293,
    }),
}
# fmt: on
CLONE3 = 435  # on both; its flags lie in memory, where no filter can see them
# Allowed only if these bits of one argument are set, or are not.
ONLY_WITH = {"clone": (FIRST_ARGUMENT, CLONE_THREAD)}
ONLY_WITHOUT = {"mmap": (THIRD_ARGUMENT, PROT_EXEC), "mprotect": (THIRD_ARGUMENT, PROT_EXEC)}


def program(machine: str) -> bytes:
    """The filter for one kind of machine, as the kernel's bytecode. Raises KeyError for others than CALLS."""
    arch, calls = CALLS[machine]
    steps = [_step(LOAD, ARCH), _step(EQUAL, arch, yes=1), _step(RETURN, KILL), _step(LOAD, NR)]
    if machine == "x86_64":  # the x32 numbers are a second door to the same calls
        steps += [_step(AT_LEAST, 0x40000000, no=1), _step(RETURN, KILL)]
    for name, number in calls.items():
        if name in ONLY_WITH:
            steps += _if_called(number, _judged(*ONLY_WITH[name], if_set=ALLOW, otherwise=REFUSE))
        elif name in ONLY_WITHOUT:
            steps += _if_called(number, _judged(*ONLY_WITHOUT[name], if_set=REFUSE, otherwise=ALLOW))
        else:
            steps += _if_called(number, [_step(RETURN, ALLOW)])
    # To "unknown" the C library answers with the older call, which is judged above.
    steps += [*_if_called(CLONE3, [_step(RETURN, UNKNOWN)]), _step(RETURN, REFUSE)]
    return b"".join(steps)


def install() -> str:
    """Put the filter on this thread for ever; ``no_new_privs`` must be set. Returns what to tell the operator.

    Raises OSError where the kernel refuses or the machine is one we have no list of.
    """
    machine = platform.machine()
    if machine not in CALLS:
        raise OSError(f"no list of system calls for {machine}")
    code = program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    prog = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prog, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp was refused")
    return f"{len(CALLS[machine][1])} system calls allowed"


def _if_called(number: int, then: list[bytes]) -> list[bytes]:
    return [_step(EQUAL, number, no=len(then)), *then]


def _judged(argument: int, bits: int, *, if_set: int, otherwise: int) -> list[bytes]:
    return [_step(LOAD, argument), _step(HAS_BITS, bits, no=1), _step(RETURN, if_set), _step(RETURN, otherwise)]


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One BPF instruction; ``yes`` and ``no`` are how many instructions a test jumps over."""
    return struct.pack("HBBI", code, yes, no, value)
