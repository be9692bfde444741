//! Ways out through the kernel: other rights, other views of the machine, doors that need no file.

use super::{PLAIN, Row};

pub const ROWS: &[Row] = &[
    Row {
        name: "it makes namespaces of its own",
        attack: r#"my %flag = (user => 0x10000000, mount => 0x20000, pid => 0x20000000, net => 0x40000000, ipc => 0x8000000);
            try "unshare $_", sub { call('unshare', $flag{$_}) } for sort keys %flag;
            try 'clone', sub { call('clone', $flag{user} | 17, 0, 0, 0, 0) };
            try 'clone3', sub { call('clone3', pack('Q8', $flag{user}, (0) x 7), 64) };
            try 'setns', sub { sysopen(my $f, '/proc/self/ns/user', O_RDONLY); call('setns', fileno($f), 0) };"#,
        tries: 8,
        l3: "EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, ENOSYS, EPERM",
        l2_open: "EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, ENOSYS, EPERM",
        ..PLAIN
    },
    Row {
        name: "it changes what is mounted, and its root",
        attack: r#"mkdir 'm'; my ($t, $m, $s) = ('tmpfs', 'm', "$P/state");
            try 'mount', sub { call('mount', $t, $m, $t, 0, 0) };
            try 'bind', sub { call('mount', $s, $m, 0, 4096, 0) };
            try 'umount', sub { my $root = '/usr'; call('umount2', $root, 2) };
            try 'remount', sub { my $root = '/'; call('mount', 0, $root, 0, 32, 0) };
            try 'pivot_root', sub { call('pivot_root', $m, $m) };
            try 'chroot', sub { call('chroot', $m) };
            try 'fsopen', sub { call('fsopen', $t, 0) };
            try 'open_tree', sub { call('open_tree', -100, $m, 1) };"#,
        tries: 8,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "files are opened by handle, past every folder",
        attack: r#"my $handle = pack('II', 128, 0) . "\0" x 128; my $id = pack('I', 0); my $name = '.';
            try 'name_to_handle_at', sub { call('name_to_handle_at', -100, $name, $handle, $id, 0) };
            try 'open_by_handle_at', sub { sysopen(my $f, '.', O_RDONLY); call('open_by_handle_at', fileno($f), $handle, 0) };"#,
        tries: 2,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "parts of the kernel that are known for holes are used",
        attack: r#"my $room = "\0" x 256;
            try 'bpf', sub { call('bpf', 0, $room, 72) };
            try 'keyctl', sub { call('keyctl', 0, -3, 0, 0, 0) };
            try 'add_key', sub { my ($t, $d) = ('user', 'x'); call('add_key', $t, $d, $room, 8, -3) };
            try 'userfaultfd', sub { call('userfaultfd', 1) };
            try 'perf_event_open', sub { call('perf_event_open', $room, 0, -1, -1, 0) };
            try 'io_uring', sub { call('io_uring_setup', 1, $room) };
            try 'init_module', sub { my $none = ''; call('init_module', $room, 256, $none) };
            try 'kexec', sub { call('kexec_load', 0, 0, 0, 0) };
            try 'fanotify', sub { call('fanotify_init', 0, 0) };
            try 'kcmp', sub { call('kcmp', $$, $$, 0, 0, 0) };"#,
        tries: 10,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "the machine is changed for everybody",
        attack: r#"my $name = 'owned';
            try 'host name', sub { call('sethostname', $name, 5) };
            try 'clock', sub { my $time = pack('qq', 0, 0); call('clock_settime', 0, $time) };
            try 'accounting', sub { my $file = 'acct'; call('acct', $file) };
            try 'swap', sub { call('swapon', $name, 0) };
            try 'kernel log', sub { my $room = "\0" x 64; call('syslog', 2, $room, 64) };
            try $_, sub { put("/proc/$_") } for 'sys/kernel/core_pattern', 'sysrq-trigger', 'sys/vm/drop_caches';"#,
        tries: 8,
        l3: "EPERM, EPERM, EPERM, EPERM, EPERM, EACCES|EROFS|EPERM, ENOENT|EACCES|EROFS|EPERM, EACCES|EROFS|EPERM",
        l2_open: "EPERM, EPERM, EPERM, EPERM, EPERM, EACCES, ENOENT|EACCES, EACCES",
        ..PLAIN
    },
    Row {
        name: "it becomes root again, or somebody through a setuid program",
        attack: r#"try 'setuid', sub { call('setuid', 0) };
            try 'rights', sub { open(my $f, '<', '/proc/self/status'); my $t = join '', <$f>;
                ($t =~ /CapEff:\s+0+\n/ && $t =~ /NoNewPrivs:\s+1/) ? 'NONE' : 'SOME' };
            try 'bits', sub { my $of = (stat '/usr/bin/su')[2] // 0; ($of & 04000) ? 'SETUID' : 'NO SUCH PROGRAM' };
            try 'a setuid program', sub { my $said = qx{/usr/bin/su -c id </dev/null 2>&1; id -u}; $said =~ /^0$/m ? 'ROOT' : 'NOT ROOT' };
            try 'own setuid program', sub { qx{cp /usr/bin/id mine && chmod 4755 mine}; qx{./mine -u} =~ /^0$/ ? 'ROOT' : 'NOT ROOT' };"#,
        tries: 5,
        l3: "EPERM|EINVAL, NONE, SETUID|NO SUCH PROGRAM, NOT ROOT, NOT ROOT",
        l2_open: "EPERM, NONE, SETUID|NO SUCH PROGRAM, NOT ROOT, NOT ROOT",
        ..PLAIN
    },
    Row {
        name: "it types into a terminal",
        attack: r#"my $letter = 'x';
            try 'TIOCSTI', sub { ioctl(STDIN, 0x5412, $letter) };
            try 'TIOCSTI with high bits', sub { syscall($^O eq 'linux' && (POSIX::uname())[4] eq 'aarch64' ? 29 : 16, 0, (1 << 32) + 0x5412, $letter) == 0 && 'TYPED' };
            try 'TIOCLINUX', sub { my $room = "\x02" . "\0" x 16; ioctl(STDIN, 0x541C, $room) };
            try '/dev/tty', sub { sysopen(my $f, '/dev/tty', O_RDWR) && 'OPENED' };"#,
        tries: 4,
        l3: "EPERM, EPERM, EPERM, ENXIO",
        l2_open: "EPERM, EPERM, EPERM, ENXIO",
        ..PLAIN
    },
    Row {
        name: "sockets that are no way to the internet are made",
        attack: r#"my %family = (packet => [17, 3, 0], raw => [2, 3, 1], raw6 => [10, 3, 58], vsock => [40, 1, 0], alg => [38, 5, 0],
                netfilter => [16, 3, 12], key => [15, 3, 2], bluetooth => [31, 3, 1], sctp => [2, 1, 132], ping => [2, 2, 1]);
            try $_, sub { call('socket', @{$family{$_}}) } for sort keys %family;"#,
        tries: 10,
        l3: "EPERM",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "a filter of its own takes the place of ours",
        attack: r#"try 'no new rights', sub { syscall((POSIX::uname())[4] eq 'aarch64' ? 167 : 157, 38, 0, 0, 0, 0) == 0 && 'TAKEN BACK' };
            try 'still refused', sub { call('unshare', 0x10000000) };
            try 'x32', sub { (POSIX::uname())[4] eq 'aarch64' ? do { $! = 1; undef } : (syscall(0x40000000 | 272, 0x10000000) == 0 && 'DONE') };"#,
        tries: 3,
        l3: "EINVAL, EPERM, EPERM|ENOSYS",
        l2_open: "EINVAL, EPERM, EPERM|ENOSYS",
        ..PLAIN
    },
    Row {
        name: "it talks to others through queues and shared memory of the kernel",
        attack: r#"my $name = 'attack';
            try 'keys of shared memory', sub { open(my $f, '<', '/proc/sysvipc/shm') or return; my @l = <$f>; @l > 1 ? 'SOME' : 'NONE' };"#,
        l3: "NONE",
        // At L2 the queues and segments are the host's; their modes keep them.
        l2_open: "NONE|SOME",
        ..PLAIN
    },
];
