/* Takes something away from a command, as containers and other kernels do:
     narrow [loopback] [no-landlock] [no-namespaces] -- COMMAND
   `loopback` only raises the network's own interface. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

static void refuse(long call, int answer) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof lines / sizeof *lines, lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        _exit(125);
    }
}

static void raise_loopback(void) {
    struct ifreq request = {0};
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (any < 0 || ioctl(any, SIOCSIFFLAGS, &request)) {
        perror("loopback");
        _exit(125);
    }
    close(any);
}

int main(int count, char **words) {
    int at = 1;
    for (; at < count && strcmp(words[at], "--"); at++) {
        if (!strcmp(words[at], "loopback")) {
            raise_loopback();
        } else if (!strcmp(words[at], "no-landlock")) {
            refuse(SYS_landlock_create_ruleset, ENOSYS);
        } else if (!strcmp(words[at], "no-namespaces")) {
            long calls[] = {SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_open_tree};
            for (size_t n = 0; n < sizeof calls / sizeof *calls; n++) refuse(calls[n], EPERM);
        } else {
            return 125;
        }
    }
    execvp(words[at + 1], words + at + 1);
    perror(words[at + 1]);
    return 127;
}
