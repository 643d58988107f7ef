/*
 * The system calls that are refused.
 * SPDX-License-Identifier: MIT
 */
#include "harden/refused.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

const char *const refused_calls[] = {
    /* Other programs. */
    "execve", "execveat", "uselib",
    /* Other processes: their memory, registers and descriptors. */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    /* Other users, and capabilities. */
    "setuid", "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid", "setregid32",
    "setresuid", "setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32", "setfsgid",
    "setfsgid32", "setgroups", "setgroups32", "capset",
    /* Namespaces. `clone` has them among its flags: see below. */
    "unshare", "setns",
    /* Mounts, and files by other ways than their paths. */
    "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "pivot_root", "chroot", "open_by_handle_at",
    "fanotify_init", "quotactl", "quotactl_fd", "swapon", "swapoff", "acct", "mknod", "mknodat",
    /* The kernel itself: its code, its log, its clock, its name, its end. */
    "init_module", "finit_module", "delete_module", "create_module", "get_kernel_syms",
    "query_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open", "lookup_dcookie",
    "syslog", "_sysctl", "settimeofday", "clock_settime", "clock_settime64", "stime", "adjtimex",
    "clock_adjtime", "clock_adjtime64", "sethostname", "setdomainname", "reboot", "nfsservctl",
    "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "personality", "pciconfig_read",
    "pciconfig_write", "pciconfig_iobase", "s390_pci_mmio_read", "s390_pci_mmio_write",
    /* Keys of the kernel's. */
    "add_key", "request_key", "keyctl",
    /* io_uring does what the filter does not see; userfaultfd makes races of the kernel's easy to
     * win; vmsplice has no use here and a history. */
    "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "vmsplice", NULL};

/* s390 has the first two arguments of clone the other way round. */
#if defined __s390__ || defined __s390x__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

#define ALL_OF(bits) (bits), (bits)
#define COMMAND UINT64_C(0xffffffff) /* the kernel takes 32 bits of an ioctl's second argument */

const struct refused_argument refused_arguments[] = {
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWNS)},
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWCGROUP)},
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWUTS)},
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWIPC)},
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWUSER)},
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWPID)},
    {"clone", CLONE_FLAGS, ALL_OF(CLONE_NEWNET)},
    /* Keys pressed for whoever sits at the terminal that runhook was started from. */
    {"ioctl", 1, COMMAND, TIOCSTI},
    {"ioctl", 1, COMMAND, TIOCLINUX},
    /* Memory that is written and then run. To load a library, as NSS does, needs neither; but for
     * ld.so on aarch64, which marks a library's code as checked (BTI) by mprotect. */
    {"mmap", 2, ALL_OF(PROT_WRITE | PROT_EXEC)},
    {"mmap2", 2, ALL_OF(PROT_WRITE | PROT_EXEC)},
    {"mprotect", 2, ALL_OF(PROT_WRITE | PROT_EXEC)},
    {"pkey_mprotect", 2, ALL_OF(PROT_WRITE | PROT_EXEC)},
#ifdef __x86_64__
    {"mprotect", 2, ALL_OF(PROT_EXEC)},
    {"pkey_mprotect", 2, ALL_OF(PROT_EXEC)},
#endif
};
const size_t refused_arguments_len = sizeof refused_arguments / sizeof refused_arguments[0];

/* GitHub and Nomad; the web server, and the resolver's helpers; the resolver's look at the
 * addresses that this machine has. */
const int permitted_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
const size_t permitted_families_len = sizeof permitted_families / sizeof permitted_families[0];
