//! Using up what the machine has.

use super::{PLAIN, Row};

/// Bytes.
const MB: u64 = 1_000_000;

pub const ROWS: &[Row] = &[
    Row {
        name: "a bomb of forks",
        attack: r#"my $made = 0; $SIG{CHLD} = 'IGNORE';
            while ($made < 3000) { my $pid = fork(); last unless defined $pid; if (!$pid) { sleep 100 while 1 } $made++ }
            my $error = why(); try 'forks', sub { $made < 3000 ? $error : 'ALL' };"#,
        l3: "EAGAIN",
        // Without root and control groups L2 has no means against it, and says so among the limits of the run.
        l2_open: "EAGAIN|ALL",
        limits: |limits| limits.processes = Some(400),
        after: |_, ran| assert!(ran.output.contains("EAGAIN") || !super::place::is_root(), "{}", ran.output),
        ..PLAIN
    },
    Row {
        name: "a bomb of memory",
        attack: r#"print "memory: begun\n"; my $bytes = 400_000_000; my $all = 'x' x $bytes; my $more = $all . $all; print "memory: EATEN\n";"#,
        l3: "begun",
        l2_open: "begun",
        end: "exit code 1|signal 9|exit code 137|exit code 12",
        limits: |limits| limits.memory_bytes = Some(200 * MB),
        ..PLAIN
    },
    Row {
        name: "a file that fills the disk",
        attack: r#"$SIG{XFSZ} = 'IGNORE'; open(my $f, '>', 'big'); my $piece = 'x' x (1 << 20);
            try 'big', sub { for (1 .. 40) { defined syswrite($f, $piece) or return } 'FILLED' };
            try 'sparse', sub { truncate($f, 1 << 40) && 'GROWN' };"#,
        tries: 2,
        l3: "EFBIG",
        l2_open: "EFBIG",
        limits: |limits| limits.file_bytes = Some(20 * MB),
        ..PLAIN
    },
    Row {
        // What no level gives: the sum of all files is bounded by the disk floor alone, before the next run starts.
        name: "many files that fill the disk together, and its inodes",
        attack: r#"my $piece = 'x' x (1 << 20);
            try 'files', sub { for my $n (1 .. 30) { open(my $f, '>', "f$n") or return; defined syswrite($f, $piece) or return } 'FILLED' };
            try 'inodes', sub { mkdir 'many'; for my $n (1 .. 3000) { sysopen(my $f, "many/$n", O_WRONLY | O_CREAT) or return } 'FILLED' };"#,
        tries: 2,
        l3: "FILLED",
        l2_open: "FILLED",
        limits: |limits| limits.file_bytes = Some(2 * MB),
        ..PLAIN
    },
    Row {
        name: "every descriptor it can get is opened",
        attack: r#"my @open; while (@open < 2_000_000) { sysopen(my $f, '/dev/null', O_RDONLY) or last; push @open, $f }
            my $error = why(); my $count = @open; @open = (); try 'descriptors', sub { $count < 2_000_000 ? $error : 'ALL' };"#,
        l3: "EMFILE",
        l2_open: "EMFILE",
        ..PLAIN
    },
    Row {
        name: "the processor is kept busy to the deadline, and SIGTERM is not heard",
        attack: r#"$SIG{$_} = 'IGNORE' for 'TERM', 'INT', 'HUP'; print "busy: BEGUN\n"; 1 while 1;"#,
        l3: "BEGUN",
        l2_open: "BEGUN",
        end: "timed out",
        order: |order| {
            order.deadline_ms = 2_000;
            order.stop_grace_ms = 200;
        },
        ..PLAIN
    },
    Row {
        name: "it stops itself and says nothing more",
        attack: r#"print "stopped: BEGUN\n"; kill('STOP', $$); sleep 100 while 1;"#,
        l3: "BEGUN",
        l2_open: "BEGUN",
        end: "stalled",
        order: |order| {
            order.stall_ms = 2_000;
            order.stop_grace_ms = 200;
        },
        ..PLAIN
    },
    Row {
        name: "a gigabyte of output",
        attack: r#"print "output: BEGUN\n"; my $line = ('x' x 65535) . "\n"; for (1 .. 16384) { syswrite(STDOUT, $line) // die } "#,
        l3: "BEGUN",
        l2_open: "BEGUN",
        order: |order| order.output_cap_bytes = 14,
        after: |place, ran| {
            let log = place.path("state/runs").join(&ran.name).join("output.log");
            assert!(std::fs::metadata(log).unwrap().len() < 1000, "the log grew");
        },
        ..PLAIN
    },
    Row {
        name: "output of one endless line and no sense",
        attack: r#"print "line: BEGUN\n"; syswrite(STDOUT, "\0\xff\x1b]0;" x 100_000);"#,
        l3: "BEGUN",
        l2_open: "BEGUN",
        order: |order| order.output_cap_bytes = 12,
        ..PLAIN
    },
    Row {
        name: "a folder so deep that nobody can remove it by name",
        attack: r#"try 'deep', sub { for (1 .. 3000) { mkdir 'dddddddd' or return; chdir 'dddddddd' or return } 'MADE' };"#,
        l3: "MADE",
        l2_open: "MADE",
        after: |_, ran| {
            orch_git::remove_clone(&ran.clone).unwrap();
            assert!(!ran.clone.exists(), "the clone cannot be removed");
        },
        ..PLAIN
    },
    Row {
        name: "folders that their owner may not enter, in the clone and in its home",
        attack: r#"for my $top ('.', $ENV{HOME}) { mkdir "$top/closed"; open(my $f, '>', "$top/closed/x"); chmod 0000, "$top/closed"; }
            try 'closed', sub { (stat 'closed')[2] & 0777 ? 'OPEN' : 'CLOSED' };"#,
        l3: "CLOSED",
        l2_open: "CLOSED",
        after: |place, ran| {
            assert!(!place.path("state/scratch").join(&ran.name).exists(), "its home was left");
            orch_git::remove_clone(&ran.clone).unwrap();
            assert!(!ran.clone.exists(), "the clone cannot be removed");
        },
        ..PLAIN
    },
];
