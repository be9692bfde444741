//! Other processes of the machine.

use super::{PLAIN, Row};

pub const ROWS: &[Row] = &[
    Row {
        name: "memory, environment and files of a process of its own account are read through /proc",
        attack: r#"my $other = "/proc/$ENV{ATTACK_PID}";
            try 'environ', sub { get("$other/environ") };
            try 'mem', sub { get("$other/mem") };
            try 'root', sub { list("$other/root") };
            try 'fd', sub { list("$other/fd") };
            try 'cwd', sub { list("$other/cwd/") };"#,
        tries: 5,
        l3: "ENOENT",
        // Which descriptors a process has can be listed at L2 and none of them opened.
        l2: Some("EACCES, EACCES, EACCES, LISTED|EACCES, EACCES"),
        l2_open: "EACCES, EACCES, EACCES, LISTED|EACCES, EACCES",
        open: Some("READ, EIO, LISTED, LISTED, LISTED"),
        ..PLAIN
    },
    Row {
        name: "the service and its supervisor are read through /proc",
        attack: r#"for my $pid ($ENV{ATTACK_SERVICE}, getppid(), 1) {
                try "$pid $_", sub { my $got = get("/proc/$pid/$_"); $got && "GOT" } for 'environ', 'mem';
                try "$pid root", sub { list("/proc/$pid/root") };
            }"#,
        tries: 9,
        l3: "ENOENT|EACCES|EPERM",
        l2_open: "EACCES|EPERM",
        ..PLAIN
    },
    Row {
        // At L2 the list of processes is the host's.
        name: "command lines of other processes are read",
        attack: r#"try 'cmdline', sub { get("/proc/$ENV{ATTACK_PID}/cmdline") };
            try 'secrets in command lines', sub {
                my $secrets = grep { (get("$_/cmdline") // '') eq 'READ' } grep { $_ ne "/proc/$$" } glob('/proc/[0-9]*');
                return "$secrets FOUND"; };"#,
        tries: 2,
        l3: "ENOENT, 0 FOUND",
        l2: Some("OTHER, 0 FOUND"),
        l2_open: "OTHER, 0 FOUND",
        open: Some("OTHER, 0 FOUND"),
        ..PLAIN
    },
    Row {
        name: "processes of its own account are traced and their memory read",
        attack: r#"my $pid = $ENV{ATTACK_PID} + 0; my $room = "\0" x 64;
            try 'ptrace attach', sub { call('ptrace', 16, $pid, 0, 0) };
            try 'ptrace seize', sub { call('ptrace', 0x4206, $pid, 0, 0) };
            try 'process_vm_readv', sub { my $v = pack('QQ', unpack('J', pack('p', $room)), 64);
                call('process_vm_readv', $pid, $v, 1, $v, 1, 0) };
            try 'pidfd_getfd', sub { my $fd = syscall(434, $pid, 0); call('pidfd_getfd', $fd, 0, 0) };
            try 'mem for writing', sub { sysopen(my $f, "/proc/$pid/mem", O_RDWR) && 'OPENED' };"#,
        tries: 5,
        l3: "EPERM, EPERM, EPERM, EPERM, ENOENT",
        l2: Some("EPERM, EPERM, EPERM, EPERM, EROFS|EACCES"),
        l2_open: "EPERM, EPERM, EPERM, EPERM, EACCES",
        ..PLAIN
    },
    Row {
        name: "the supervisor, the service and processes of its own account are signalled",
        attack: r#"my @other = ($ENV{ATTACK_PID}, $ENV{ATTACK_SERVICE});
            for my $pid (@other) { try "$_ $pid", sub { kill($_, $pid) && 'SENT' } for 'STOP', 'KILL'; }
            try 'parent', sub { my $parent = getppid(); return 'EPERM' if $parent <= 1; kill('KILL', $parent) && 'SENT' };"#,
        tries: 5,
        l3: "ESRCH, ESRCH, ESRCH, ESRCH, EPERM",
        l2: Some("EPERM"),
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "limits and order of the service and of a process of its own account are changed",
        attack: r#"my $limit = pack('QQ', 0, 0); my $mask = pack('Q', 1); my $order = pack('i', 0);
            for my $pid ($ENV{ATTACK_PID} + 0, $ENV{ATTACK_SERVICE} + 0) {
                try "open files $pid", sub { call('prlimit64', $pid, 7, $limit, 0) };
                try "processor time $pid", sub { call('prlimit64', $pid, 0, $limit, 0) };
                try "affinity $pid", sub { call('sched_setaffinity', $pid, 8, $mask) };
                try "scheduler $pid", sub { call('sched_setscheduler', $pid, 5, $order) };
                try "parameters $pid", sub { call('sched_setparam', $pid, $order) };
                try "priority $pid", sub { call('setpriority', 0, $pid, 19) };
                try "disk $pid", sub { call('ioprio_set', 1, $pid, 3 << 13) };
            }
            try 'its own', sub { call('setpriority', 0, 0, 19) };
            try 'priority of the account', sub { call('setpriority', 2, $<, 19) };
            try 'disk of the account', sub { call('ioprio_set', 3, $<, 3 << 13) };"#,
        tries: 17,
        // In processes of its own there is nobody else of its account.
        l3: "ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, ESRCH, DONE, DONE|EPERM|ESRCH, DONE|EPERM|ESRCH",
        l2: Some(
            "EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, DONE, EPERM, EPERM",
        ),
        l2_open: "EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, DONE, EPERM, EPERM",
        ..PLAIN
    },
    Row {
        name: "everything of its account is killed at once",
        attack: r#"print "all: BEGUN\n"; my $child = fork() // die;
            if (!$child) { kill('KILL', -1); POSIX::_exit(0) }
            waitpid($child, 0); print "all: OUTLIVED\n";"#,
        // The order means the whole run, which is its own loss.
        l3: "BEGUN",
        l2_open: "BEGUN",
        end: "signal 9|exit code 137",
        ..PLAIN
    },
    Row {
        name: "it leaves its control group, and changes those of others",
        attack: r#"my @groups = grep { -e } map { "$_/cgroup.procs" } glob('/sys/fs/cgroup /sys/fs/cgroup/*');
            try 'groups', sub { for (@groups) { return 'WROTE' if defined put($_) } 'KEPT' };"#,
        l3: "KEPT",
        l2_open: "KEPT",
        ..PLAIN
    },
    Row {
        name: "a daemon outlives the run: two forks, a session and no environment",
        attack: r#"pipe(my $hear, my $tell);
            if (!(fork() // die)) {
                POSIX::setsid(); POSIX::_exit(0) if fork();
                $SIG{$_} = 'IGNORE' for 'HUP', 'TERM', 'INT'; %ENV = ();
                sysopen(my $lock, 'lock', O_RDWR | O_CREAT) or die; flock($lock, LOCK_EX) or die;
                fcntl($lock, F_SETFD, 0);
                syswrite($tell, "up\n"); close $tell; close STDOUT; close STDERR; close STDIN; chdir '/';
                $0 = 'kworker/0:1'; exec { '/usr/bin/perl' } 'kworker', '-e', 'sleep 100 while 1';
            }
            close $tell; try 'daemon', sub { my $up = <$hear>; $up && 'UP' };"#,
        l3: "UP",
        l2_open: "UP",
        after: |place, ran| assert!(place.is_free(ran, "lock"), "the daemon lives"),
        ..PLAIN
    },
    Row {
        name: "many daemons fork on while they are ended",
        attack: r#"pipe(my $hear, my $tell);
            for my $n (1 .. 2) {
                next if fork() // die;
                POSIX::setsid(); $SIG{$_} = 'IGNORE' for 'HUP', 'TERM', 'INT'; %ENV = ();
                sysopen(my $lock, "lock$n", O_RDWR | O_CREAT); flock($lock, LOCK_SH);
                syswrite($tell, 'u'); close $tell; close STDOUT; close STDERR;
                for (1 .. 1500) { my $pid = fork(); POSIX::_exit(0) if $pid || !defined $pid; select(undef, undef, undef, 0.002) }
                POSIX::_exit(0);
            }
            close $tell; try 'daemons', sub { my $up = ''; sysread($hear, $up, 1, length $up) or last for 1 .. 2; $up };"#,
        l3: "uu",
        l2_open: "uu",
        limits: |limits| limits.processes = Some(200),
        after: |place, ran| {
            for name in ["lock1", "lock2"] {
                assert!(place.is_free(ran, name), "a daemon lives");
            }
        },
        ..PLAIN
    },
];
