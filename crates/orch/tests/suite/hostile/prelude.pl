# What attacks have in common. Each try prints one line, `name: outcome`; the outcome is a word of success or the name of
# the error. Perl is everywhere git is, and reaches every system call.
use strict;
use warnings;
no warnings 'once';
use Errno;
use Fcntl qw(:DEFAULT :flock);
use POSIX ();
use Socket;
$| = 1;
$SIG{PIPE} = 'IGNORE';

# Where everything lies.
our $P = $ENV{ATTACK_PLACE};

sub why {
    for my $name (sort keys %!) { return $name if $!{$name}; }
    return 'E' . ($! + 0);
}

# One try: a true answer is its outcome, else the error is.
sub try($&) {
    my ($name, $code) = @_;
    my ($answer, $error);
    eval {
        local $SIG{ALRM} = sub { die "HUNG\n" };
        alarm 10;
        $! = 0;
        $answer = $code->();
        $error = why();
        alarm 0;
        1;
    } or $answer = "DIED $@";
    $answer = $error unless $answer;
    chomp $answer;
    $answer =~ s/\n/ /g;
    print "$name: $answer\n";
}

# READ if a secret stands there, OTHER if something else does.
sub get {
    my ($path) = @_;
    sysopen(my $file, $path, O_RDONLY | O_NONBLOCK) or return;
    my $text = '';
    while (1) {
        my $count = sysread($file, my $piece, 65536);
        return unless defined $count;
        last unless $count;
        $text .= $piece;
        last if length $text > 1 << 22;
    }
    return $text =~ /CANARY/ ? 'READ' : 'OTHER';
}

sub put {
    my ($path) = @_;
    sysopen(my $file, $path, O_WRONLY | O_APPEND | O_CREAT, 0666) or return;
    defined syswrite($file, "forged\n") or return;
    return 'WROTE';
}

sub list { opendir(my $folder, $_[0]) or return; return 'LISTED'; }

# A connection to an address; REACHED once it stands.
sub reach {
    my ($family, $type, $protocol, $address) = @_;
    socket(my $socket, $family, $type, $protocol) or return;
    connect($socket, $address) or return;
    return 'REACHED';
}

sub tcp { return reach(PF_INET, SOCK_STREAM, 0, pack_sockaddr_in($_[1], inet_aton($_[0]))); }
sub unix_socket { return reach(PF_UNIX, SOCK_STREAM, 0, pack_sockaddr_un($_[0])); }

# The proxy of this run: host, port and the run's key.
sub proxy { return ($ENV{HTTPS_PROXY} // '') =~ m{^http://orch:(.*)@(.*):(\d+)$} ? ($2, $3, $1) : (); }

# The status the proxy answers a request with.
sub ask {
    my ($request) = @_;
    my ($host, $port) = proxy() or return 'NO PROXY';
    socket(my $socket, PF_INET, SOCK_STREAM, 0) or return;
    connect($socket, pack_sockaddr_in($port, inet_aton($host))) or return;
    syswrite($socket, $request);
    my $answer = '';
    while (sysread($socket, my $piece, 4096)) { $answer .= $piece; last if length $answer > 1 << 20; }
    return 'READ' if $answer =~ /CANARY/;
    return $answer =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'NO ANSWER';
}

# CONNECT with the run's key, or with another one.
sub tunnel {
    my ($target, $key) = @_;
    my @proxy = proxy() or return 'NO PROXY';
    my $words = MIME(defined $key ? "orch:$key" : "orch:$proxy[2]");
    return ask("CONNECT $target HTTP/1.1\r\nHost: $target\r\nProxy-Authorization: Basic $words\r\n\r\n");
}

sub MIME { my $text = pack('u', $_[0]); $text =~ s/^.//mg; $text =~ s/\n//g; $text =~ tr{ -_`}{A-Za-z0-9+/A}; 
    my $rest = length($_[0]) % 3; substr($text, -(3 - $rest)) = '=' x (3 - $rest) if $rest; return $text; }

# System calls by name, for the two machines we run on.
our %NUMBER = (
    prlimit64 => [302, 261], sched_setaffinity => [203, 122], sched_setscheduler => [144, 119],
    sched_setparam => [142, 118], setpriority => [141, 140], ioprio_set => [251, 30],
    ptrace => [101, 117], process_vm_readv => [310, 270], mount => [165, 40], umount2 => [166, 39], unshare => [272, 97],
    setns => [308, 268], clone => [56, 220], clone3 => [435, 435], pivot_root => [155, 41], chroot => [161, 51],
    bpf => [321, 280], keyctl => [250, 219], add_key => [248, 217], userfaultfd => [323, 282], perf_event_open => [298, 241],
    io_uring_setup => [425, 425], init_module => [175, 105], kexec_load => [246, 104], pidfd_open => [434, 434],
    pidfd_getfd => [438, 438], name_to_handle_at => [303, 264], open_by_handle_at => [304, 265], fsopen => [430, 430],
    open_tree => [428, 428], sethostname => [170, 161], clock_settime => [227, 112], quotactl => [179, 60],
    swapon => [167, 224], syslog => [103, 116], acct => [163, 89], socket => [41, 198], kcmp => [312, 272],
    fanotify_init => [300, 262], setuid => [105, 146], mknodat => [259, 33],
    move_pages => [279, 239], migrate_pages => [256, 238], pidfd_send_signal => [424, 424], rt_sigqueueinfo => [129, 138],
    tgkill => [234, 131], tkill => [200, 130], process_vm_writev => [311, 271], process_madvise => [440, 440],
    process_mrelease => [448, 448], delete_module => [176, 106], finit_module => [313, 273], kexec_file_load => [320, 294],
    reboot => [169, 142], fspick => [433, 433], fsconfig => [431, 431], fsmount => [432, 432], move_mount => [429, 429],
    mount_setattr => [442, 442], open_tree_attr => [467, 467], settimeofday => [164, 170], clock_adjtime => [305, 266],
    adjtimex => [159, 171], setdomainname => [171, 162], quotactl_fd => [443, 443], request_key => [249, 218],
    io_uring_enter => [426, 426], io_uring_register => [427, 427], capset => [126, 91], prctl => [157, 167],
    setgroups => [116, 159], setresuid => [117, 147], setresgid => [119, 149], setfsuid => [122, 151],
    sched_setattr => [314, 274], vhangup => [153, 58], setxattr => [188, 5],
);

sub call {
    my ($name, @arguments) = @_;
    my $column = (POSIX::uname())[4] eq 'aarch64' ? 1 : 0;
    my $answer = syscall($NUMBER{$name}[$column], @arguments);
    return if $answer == -1;
    return 'DONE';
}
