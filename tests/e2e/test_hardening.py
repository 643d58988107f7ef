"""What a serving runhook has given up, as the kernel tells it; and what it does all the same. Then
what the build has put into the program and the library."""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from standins.certificates import Certificates
from standins.faults import Delay
from standins.program import server_context

from .support.deliveries import workflow_job
from .test_cgi import DISPATCH, CgiProcess

PROJECT = Path(__file__).resolve().parents[2]


def status_of(pid):
    """{thread id: {field: text}} of /proc/PID/task/*/status."""
    threads = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        threads[task.name] = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
    return threads


def assert_given_up(pid, seccomp):
    threads = status_of(pid)
    assert {thread["NoNewPrivs"] for thread in threads.values()} == {"1"}
    assert {thread["Seccomp"] for thread in threads.values()} == {seccomp}
    # Of a process that may not be dumped, this belongs to root: seen where the tests are another's.
    assert Path(f"/proc/{pid}/mem").stat().st_uid == 0
    (core,) = (line for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
               if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    return threads


def may_filter(site):
    if "\nfilter   on: " not in site.run("check").stdout:
        pytest.skip("this build, or this kernel, has no filter")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


class TestServing:
    @pytest.mark.parametrize("nomad", ["http", "name", "https", "unix"])
    def test_every_thread_is_filtered_and_jobs_get_their_runners(self, make_site, certificates,
                                                                 nomad):
        with TemporaryDirectory(prefix="nomad-") as folder:
            options = {}
            if nomad == "https":
                options["tls"] = server_context(certificates.server_cert, certificates.server_key,
                                                certificates.ca)
            elif nomad == "unix":
                options.update(unix_path=f"{folder}/api.sock", task_api=True)
            site = make_site(nomad=options)
            may_filter(site)
            if nomad == "name":
                site.configure("nomad", address=site.nomad.url.replace("127.0.0.1", "localhost"))
            if nomad == "https":
                site.configure("nomad", ca_cert=certificates.ca,
                               client_cert=certificates.client_cert,
                               client_key=certificates.client_key)
            front = site.serve("nginx")
            assert site.wait_for_event(event="listening")["syscall_filter"] == "on"
            before = assert_given_up(front.backend.pid, seccomp="2")
            assert len(before) >= 1 + 4 + 4
            delivery = workflow_job()
            assert front.post(delivery).status == 202
            site.wait_for_dispatch(delivery)
            site.reload()
            delivery = workflow_job()
            assert front.post(delivery).status == 202
            site.wait_for_dispatch(delivery)
            assert_given_up(front.backend.pid, seccomp="2")
            assert front.backend.stop() == 0
            assert site.events(level="warning") == []

    def test_what_is_switched_off(self, site):
        site.configure("server", syscall_filter="no")
        process = site.serve_socket()
        assert site.wait_for_event(event="listening")["syscall_filter"] == "off"
        assert_given_up(process.pid, seccomp="0")
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)

    def test_a_change_needs_a_restart(self, site):
        may_filter(site)
        process = site.serve_socket()
        site.configure("server", syscall_filter="no")
        site.reload(process)
        (line,) = site.events(event="reload", key="[server] syscall_filter")
        assert "needs a restart" in line["message"]
        assert_given_up(process.pid, seccomp="2")

    def test_cgi(self, site):
        may_filter(site)
        fault = Delay()
        site.nomad.faults.add(fault, **DISPATCH)
        delivery = workflow_job()
        process = CgiProcess(site, delivery)
        assert process.answer().status == 202
        site.nomad.server.wait_for_arrival(1, **DISPATCH)
        assert_given_up(process.popen.pid, seccomp="2")
        fault.release()
        assert process.wait() == 0
        assert process.stderr == b""
        assert [child.json()["job_id"] for child in site.nomad.dispatches] == [delivery.id]

    def test_within_the_filter_of_the_service(self, site, tmp_path):
        """systemd's @system-service has no `seccomp`: the unit has to name it."""
        may_filter(site)
        (tmp_path / "permitted").write_text("".join(f"{name}\n" for name in permitted_by_the_unit()))
        launcher = compiled(tmp_path, WITH_THESE_ALONE)
        process = site.serve_socket(launcher=[launcher, tmp_path / "permitted"])
        assert site.events(event="syscall_filter") == []
        assert_given_up(process.pid, seccomp="2")
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)

    def test_where_the_kernel_takes_no_filter_it_serves_without_and_says_so(self, site, tmp_path):
        """As in a container whose own filter refuses to have another one put on it."""
        may_filter(site)
        launcher = compiled(tmp_path, WITHOUT_SECCOMP)
        process = site.serve_socket(launcher=[launcher])
        assert site.wait_for_event(event="listening")["syscall_filter"] == "off"
        (line,) = site.events(event="syscall_filter")
        assert line["level"] == "warning" and "no seccomp filter" in line["message"]
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)


def permitted_by_the_unit():
    """The names in its SystemCallFilter, which systemd takes in turn: groups are expanded, and what
    stands behind a ~ is taken out again."""
    def names(entry):
        if not entry.startswith("@"):
            return {entry}
        lines = tool("systemd-analyze", "syscall-filter", "--no-pager", entry).splitlines()[1:]
        inner = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        return set().union(*map(names, inner))

    permitted = set()
    unit = (PROJECT / "packaging/systemd/runhook.service.in").read_text()
    for sign, entries in re.findall(r"^SystemCallFilter=(~?)(.*)$", unit, re.MULTILINE):
        listed = set().union(*map(names, entries.split()))
        permitted = permitted - listed if sign else permitted | listed
    # systemd adds those that it needs to start the program itself.
    return sorted(permitted | names("@default") | {"execve"})


WITH_THESE_ALONE = r"""
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    FILE *names = fopen(argv[1], "re");
    char name[64];
    (void)argc;
    while (fgets(name, sizeof name, names) != NULL) {
        int call;
        name[strcspn(name, "\n")] = '\0';
        call = seccomp_syscall_resolve_name(name);
        if (call != __NR_SCMP_ERROR)
            (void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    if (seccomp_load(filter) != 0)
        return 1;
    execv(argv[2], argv + 2);
    return 1;
}
"""

WITHOUT_SECCOMP = r"""
#include <errno.h>
#include <seccomp.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    (void)argc;
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0) != 0 ||
        seccomp_load(filter) != 0)
        return 1;
    execv(argv[1], argv + 1);
    return 1;
}
"""


def compiled(folder, source):
    program = folder / "launcher"
    (folder / "launcher.c").write_text(source)
    subprocess.run(["cc", "-o", program, folder / "launcher.c", "-lseccomp"], check=True,
                   capture_output=True, text=True)
    return program


class TestCheck:
    def test_says_whether_there_will_be_a_filter(self, site):
        done = site.run("check")
        assert done.code == 0
        assert re.search(r"^filter   (on: |not possible: )", done.stdout, re.MULTILINE), done

    def test_says_that_it_is_switched_off(self, site):
        site.configure("server", syscall_filter="no")
        assert "filter   off: syscall_filter = no\n" in site.run("check").stdout


# -- the build ------------------------------------------------------------------------------------


def tool(*command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed: tests/install-packages test")
    return subprocess.run([str(part) for part in command], check=True, capture_output=True,
                          text=True, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}).stdout


@pytest.fixture(scope="module")
def build(runhook_path):
    """The folder of a build that is hardened and optimized."""
    folder = runhook_path.parent.parent
    cache = folder / "CMakeCache.txt"
    if not cache.is_file():
        pytest.skip(f"{runhook_path} is not in a build folder")
    text = cache.read_text()
    if "RUNHOOK_HARDENING:BOOL=ON" not in text:
        pytest.skip("built for a sanitizer, which brings its own checks (RUNHOOK_HARDENING=OFF)")
    if "CMAKE_BUILD_TYPE:STRING=Rel" not in text:
        pytest.skip("not optimized: without that there is no _FORTIFY_SOURCE")
    return folder


@pytest.fixture(scope="module", params=["program", "library"])
def binary(request, build, runhook_path):
    return runhook_path if request.param == "program" else build / "lib/librunhook.so"


class TestBuild:
    def test_relocations_are_done_and_locked_before_main(self, binary):
        assert "GNU_RELRO" in tool("readelf", "-lW", binary)
        dynamic = tool("readelf", "-dW", binary)
        assert re.search(r"\(FLAGS\).*BIND_NOW", dynamic)
        assert re.search(r"\(FLAGS_1\).*NOW", dynamic)
        assert "TEXTREL" not in dynamic

    def test_it_is_loaded_anywhere(self, binary):
        assert re.search(r"Type: +DYN ", tool("readelf", "-hW", binary))
        if binary.suffix != ".so":
            assert re.search(r"\(FLAGS_1\).*PIE", tool("readelf", "-dW", binary))

    def test_no_memory_is_written_and_run(self, binary):
        segments = re.findall(r"^  (\w+) .* ([R ][W ][E ]) 0x", tool("readelf", "-lW", binary),
                              re.MULTILINE)
        assert ("GNU_STACK", "RW ") in segments
        assert {name for name, flags in segments if "W" in flags and "E" in flags} == set()

    def test_the_stack_and_the_buffers_are_watched(self, binary):
        symbols = tool("nm", "-D", "--undefined-only", binary)
        for name in ("__stack_chk_fail", "__snprintf_chk", "__memcpy_chk"):
            assert re.search(rf"\b{name}\b", symbols), f"{name} is not used"

    def test_jumps_land_where_they_are_meant_to(self, build, binary):
        """The functions that pointers lead to begin with the mark that says so. (The note in the
        file, which asks a processor to insist on it, is there only if the C library's start files
        have one; Debian's have not.)"""
        cache = (build / "CMakeCache.txt").read_text()
        if "runhook_has_cf_protection:INTERNAL=1" in cache:
            mark = "endbr64"
        elif "runhook_has_branch_protection:INTERNAL=1" in cache:
            mark = "(bti|paciasp)"
        else:
            pytest.skip("this compiler, or this processor, has no branch protection")
        code = tool("objdump", "-d", "--no-show-raw-insn", binary)
        firsts = dict(re.findall(r"^[0-9a-f]+ <(\w+)>:\n +[0-9a-f]+:\t(\S+)", code, re.MULTILINE))
        names = (["main", "command_serve", "command_jobs"] if binary.suffix != ".so" else
                 re.findall(r" T (rh_\w+)", tool("nm", "-D", "--defined-only", binary)))
        assert len(names) >= 3
        assert [name for name in names if not re.fullmatch(mark, firsts[name])] == []
