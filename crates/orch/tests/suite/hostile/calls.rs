//! System calls on other processes, on the machine and on the run's own rights, one kind a row.

use super::{PLAIN, Row};

pub const ROWS: &[Row] = &[
    Row {
        name: "pages of another process are moved",
        attack: r#"my $pid = $ENV{ATTACK_PID} + 0; my $mask = pack('Q', 1);
            try 'move_pages', sub { call('move_pages', $pid, 0, 0, 0, 0, 0) };
            try 'migrate_pages', sub { call('migrate_pages', $pid, 1, $mask, $mask) };"#,
        tries: 2,
        l3: "ESRCH|ENOSYS",
        l2: Some("EPERM|ENOSYS|EACCES"),
        l2_open: "EPERM|ENOSYS|EACCES",
        ..PLAIN
    },
    Row {
        name: "a process of its own account is signalled by a descriptor",
        attack: r#"try 'signal', sub { my $fd = syscall($NUMBER{pidfd_open}[(POSIX::uname())[4] eq 'aarch64' ? 1 : 0], $ENV{ATTACK_PID} + 0, 0);
                return if $fd < 0; call('pidfd_send_signal', $fd, 9, 0, 0) };"#,
        l3: "ESRCH",
        l2: Some("EPERM"),
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "signals with words, and to one thread",
        attack: r#"my $pid = $ENV{ATTACK_PID} + 0; my $info = pack('iiii', 9, 0, -1, 0) . "\0" x 112;
            try 'rt_sigqueueinfo', sub { call('rt_sigqueueinfo', $pid, 9, $info) };
            try 'tgkill', sub { call('tgkill', $pid, $pid, 9) };
            try 'tkill', sub { call('tkill', $pid, 9) };"#,
        tries: 3,
        l3: "ESRCH",
        l2: Some("EPERM"),
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "memory of another process is written, advised on and reaped",
        attack: r#"my $pid = $ENV{ATTACK_PID} + 0; my $room = "\0" x 64; my $v = pack('QQ', unpack('J', pack('p', $room)), 64);
            try 'process_vm_writev', sub { call('process_vm_writev', $pid, $v, 1, $v, 1, 0) };
            my $fd = syscall($NUMBER{pidfd_open}[(POSIX::uname())[4] eq 'aarch64' ? 1 : 0], $pid, 0);
            try 'process_madvise', sub { call('process_madvise', $fd, $v, 1, 4, 0) };
            try 'process_mrelease', sub { call('process_mrelease', $fd, 0) };"#,
        tries: 3,
        l3: "EPERM, EPERM, EBADF",
        l2: Some("EPERM, EPERM, EINVAL|EPERM|ESRCH"),
        l2_open: "EPERM, EPERM, EINVAL|EPERM|ESRCH",
        ..PLAIN
    },
    Row {
        name: "hardware is spoken to",
        attack: r#"try 'iopl', sub { (POSIX::uname())[4] eq 'aarch64' ? do { $! = 1; undef } : (syscall(172, 3) == 0 && 'DONE') };
            try 'ioperm', sub { (POSIX::uname())[4] eq 'aarch64' ? do { $! = 1; undef } : (syscall(173, 0x70, 2, 1) == 0 && 'DONE') };"#,
        tries: 2,
        l3: "EPERM|ENOSYS",
        l2_open: "EPERM|ENOSYS",
        ..PLAIN
    },
    Row {
        name: "the kernel itself is replaced",
        attack: r#"my $name = 'ext4'; my $none = '';
            try 'delete_module', sub { call('delete_module', $name, 0) };
            try 'finit_module', sub { call('finit_module', 0, $none, 0) };
            try 'kexec_file_load', sub { call('kexec_file_load', 0, 0, 0, $none, 0) };
            try 'reboot', sub { call('reboot', 0xfee1dead, 672274793, 0, 0) };"#,
        tries: 4,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "it mounts by the newer calls",
        attack: r#"my ($t, $e, $d) = ('tmpfs', '', '.'); my $room = "\0" x 64;
            try 'fspick', sub { call('fspick', -100, $d, 0) };
            try 'fsconfig', sub { call('fsconfig', 0, 6, 0, 0, 0) };
            try 'fsmount', sub { call('fsmount', 0, 0, 0) };
            try 'move_mount', sub { call('move_mount', -100, $d, -100, $d, 0) };
            try 'mount_setattr', sub { call('mount_setattr', -100, $d, 0, $room, 32) };
            try 'open_tree_attr', sub { call('open_tree_attr', -100, $d, 1, $room, 32) };"#,
        tries: 6,
        l3: "EPERM, EPERM, EPERM, EPERM, EPERM, EPERM|ENOSYS",
        l2_open: "EPERM, EPERM, EPERM, EPERM, EPERM, EPERM|ENOSYS",
        ..PLAIN
    },
    Row {
        name: "the clock and the domain are set",
        attack: r#"my $name = 'owned'; my $time = pack('qq', 1, 0); my $adjust = pack('I', 1) . "\0" x 252;
            try 'settimeofday', sub { call('settimeofday', $time, 0) };
            try 'clock_adjtime', sub { call('clock_adjtime', 0, $adjust) };
            try 'adjtimex', sub { call('adjtimex', $adjust) };
            try 'setdomainname', sub { call('setdomainname', $name, 5) };"#,
        tries: 4,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "quotas are asked for by a descriptor",
        attack: r#"sysopen(my $f, '.', O_RDONLY); my $room = "\0" x 128;
            try 'quotactl_fd', sub { call('quotactl_fd', fileno($f), 0x800007 << 8, 0, $room) };"#,
        l3: "EPERM|ESRCH|ENOSYS|EINVAL|ENOTSUP|EOPNOTSUPP",
        l2_open: "EPERM|ESRCH|ENOSYS|EINVAL|ENOTSUP|EOPNOTSUPP",
        ..PLAIN
    },
    Row {
        name: "keys of the session are asked for",
        attack: r#"my ($t, $d) = ('user', 'secret');
            try 'request_key', sub { call('request_key', $t, $d, 0, 0) };
            try 'a session of its own', sub { call('keyctl', 1, 0, 0, 0, 0) };
            try 'persistent', sub { call('keyctl', 22, $<, -3, 0, 0) };"#,
        tries: 3,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "rings around the filter are entered",
        attack: r#"my $room = "\0" x 64;
            try 'io_uring_enter', sub { call('io_uring_enter', 0, 1, 0, 0, 0, 0) };
            try 'io_uring_register', sub { call('io_uring_register', 0, 0, $room, 1) };"#,
        tries: 2,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "it gives itself rights",
        attack: r#"my $head = pack('Ii', 0x20080522, 0); my $all = pack('I6', (0xffffffff) x 6);
            try 'capset', sub { call('capset', $head, $all) };
            try 'securebits', sub { call('prctl', 28, 0x2f, 0, 0, 0) };
            try 'ambient', sub { call('prctl', 47, 2, 21, 0, 0) };
            try 'bounding', sub { call('prctl', 24, 21, 0, 0, 0) };"#,
        tries: 4,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "it takes other accounts and groups",
        attack: r#"my $group = pack('I', 0);
            try 'setgroups', sub { call('setgroups', 1, $group) };
            try 'setresuid', sub { call('setresuid', 0, 0, 0) };
            try 'setresgid', sub { call('setresgid', 0, 0, 0) };
            try 'setfsuid', sub { call('setfsuid', 0); (syscall($NUMBER{setfsuid}[(POSIX::uname())[4] eq 'aarch64' ? 1 : 0], -1) == $<) ? 'STILL ITSELF' : 'ROOT' };"#,
        tries: 4,
        l3: "EPERM|EINVAL, EPERM|EINVAL, EPERM|EINVAL, STILL ITSELF",
        l2_open: "EPERM|EINVAL, EPERM|EINVAL, EPERM|EINVAL, STILL ITSELF",
        ..PLAIN
    },
    Row {
        name: "its limits are raised again",
        attack: r#"my $most = pack('QQ', ~0, ~0);
            try "limit $_", sub { call('prlimit64', 0, $_, $most, 0) } for 1, 4;"#,
        tries: 2,
        l3: "EPERM",
        l2_open: "EPERM",
        limits: |limits| limits.file_bytes = Some(50_000_000),
        ..PLAIN
    },
    Row {
        name: "it makes itself urgent",
        attack: r#"my $order = pack('i', 50); my $attr = pack('IIQiIQQQ', 48, 6, 0, 0, 0, 10_000_000, 20_000_000, 20_000_000);
            try 'real time', sub { call('sched_setscheduler', 0, 1, $order) };
            try 'deadline', sub { call('sched_setattr', 0, $attr, 0) };
            try 'nice', sub { call('setpriority', 0, 0, -20) };
            try 'disk', sub { call('ioprio_set', 1, 0, 1 << 13) };"#,
        tries: 4,
        l3: "EPERM|EACCES",
        l2_open: "EPERM|EACCES",
        ..PLAIN
    },
    Row {
        name: "the terminal of the service is hung up",
        attack: r#"try 'vhangup', sub { call('vhangup') };
            try 'TIOCSCTTY', sub { ioctl(STDIN, 0x540E, 1) };"#,
        tries: 2,
        l3: "EPERM, ENOTTY|EPERM",
        l2_open: "EPERM, ENOTTY|EPERM",
        ..PLAIN
    },
    Row {
        name: "switches of the kernel are set",
        attack: r#"try $_, sub { put("/proc/sys/$_") } for 'kernel/yama/ptrace_scope', 'kernel/modprobe', 'kernel/randomize_va_space',
                'vm/overcommit_memory', 'net/ipv4/ip_forward', 'fs/suid_dumpable', 'user/max_user_namespaces', 'kernel/hostname';"#,
        tries: 8,
        l3: "EACCES|EROFS|EPERM|ENOENT",
        l2_open: "EACCES|EROFS|EPERM|ENOENT",
        ..PLAIN
    },
    Row {
        name: "devices and groups are set through files of the kernel",
        attack: r#"try $_, sub { put("/sys/$_") } for 'power/state', 'kernel/uevent_helper', 'kernel/mm/transparent_hugepage/enabled',
                'fs/cgroup/cgroup.procs', 'fs/cgroup/cgroup.subtree_control', 'module/new';"#,
        tries: 6,
        l3: "EACCES|EROFS|EPERM|ENOENT",
        l2_open: "EACCES|EROFS|EPERM|ENOENT",
        ..PLAIN
    },
    Row {
        name: "somebody else is named to be killed when memory is short",
        attack: r#"try $_, sub { put("/proc/$_/oom_score_adj") } for $ENV{ATTACK_PID}, $ENV{ATTACK_SERVICE};
            try 'own', sub { sysopen(my $f, '/proc/self/oom_score_adj', O_WRONLY) or return; defined syswrite($f, "-1000") && 'SAFE' };"#,
        tries: 3,
        l3: "ENOENT, ENOENT, EACCES|EPERM|EROFS",
        l2: Some("EACCES|EROFS|EPERM"),
        l2_open: "EACCES|EPERM",
        ..PLAIN
    },
    Row {
        name: "maps of its account are rewritten",
        attack: r#"try $_, sub { put("/proc/self/$_") } for 'uid_map', 'gid_map', 'setgroups';"#,
        tries: 3,
        l3: "EPERM|EACCES|EROFS|EINVAL",
        l2_open: "EPERM|EACCES|EROFS|EINVAL",
        ..PLAIN
    },
];
