//! Secrets and other people's work in files.

use super::{PLAIN, Row};

pub const ROWS: &[Row] = &[
    Row {
        name: "modes, times and owners of other people's files are changed",
        attack: r#"for my $file ('state/token', 'state/orch.db', 'state', 'home/.ssh/id_ed25519', 'home', 'state/host') {
                try "mode $file", sub { chmod(0777, "$P/$file") && 'CHANGED' };
                try "time $file", sub { utime(1, 1, "$P/$file") && 'CHANGED' };
                try "owner $file", sub { chown($<, -1, "$P/$file") && 'CHANGED' };
            }"#,
        tries: 18,
        l3: "ENOENT|EROFS|EPERM",
        l2_open: "EPERM|EACCES|ENOENT",
        ..PLAIN
    },
    Row {
        name: "the service's settings, keys, token and database are read",
        attack: r#"try $_, sub { get("$P/$_") } for
            'home/.config/orch/host.toml', 'state/keys/anthropic', 'state/token', 'state/orch.db';"#,
        tries: 4,
        l3: "ENOENT",
        l2_open: "EACCES",
        open: Some("READ"),
        ..PLAIN
    },
    Row {
        name: "the user's keys and credentials are read",
        attack: r#"try $_, sub { get("$P/home/$_") } for
            '.ssh/id_ed25519', '.cargo/credentials.toml', '.git-credentials', '.netrc';
            try 'a cache beside them', sub { get("$P/home/.cargo/registry/cache") };"#,
        tries: 5,
        l3: "ENOENT, ENOENT, ENOENT, ENOENT, READ",
        l2_open: "EACCES, EACCES, EACCES, EACCES, READ",
        open: Some("READ"),
        ..PLAIN
    },
    Row {
        name: "the machine's own secrets are read",
        attack: r#"try $_, sub { get($_) } for '/etc/shadow', '/etc/sudoers', '/root/.bashrc', '/var/log/dpkg.log';
            try '/etc/passwd', sub { get('/etc/passwd') };"#,
        tries: 5,
        l3: "ENOENT, ENOENT, ENOENT|EACCES, ENOENT, OTHER",
        l2_open: "EACCES|ENOENT, EACCES|ENOENT, EACCES|ENOENT, EACCES|ENOENT, OTHER",
        ..PLAIN
    },
    Row {
        name: "secrets are read through a link in the clone, through .. and through /proc",
        attack: r#"symlink "$P/state/token", 'link'; symlink "$P/state", 'folder';
            try 'link', sub { get('link') };
            try 'folder', sub { get('folder/token') };
            try 'dots', sub { get('../../../token') };
            try 'cwd', sub { get('/proc/self/cwd/../../../token') };
            try 'root', sub { get("/proc/self/root$P/state/token") };"#,
        tries: 5,
        l3: "ENOENT",
        l2_open: "EACCES",
        open: Some("READ"),
        ..PLAIN
    },
    Row {
        name: "secrets are linked into the clone and renamed into it",
        attack: r#"try 'link', sub { link("$P/state/token", 'mine') && get('mine') };
            try 'rename', sub { rename("$P/state/token", 'mine') && 'RENAMED' };
            try 'unlink', sub { unlink("$P/state/token") && 'GONE' };"#,
        tries: 3,
        l3: "ENOENT|EXDEV",
        l2_open: "EACCES|EXDEV|EPERM",
        ..PLAIN
    },
    Row {
        name: "settings, keys and database are written",
        attack: r#"try $_, sub { put("$P/$_") } for
            'home/.config/orch/host.toml', 'home/.ssh/authorized_keys', 'state/orch.db', 'state/keys/mine';"#,
        tries: 4,
        // Without root the folders on the way to its own place are its own, in its own temporary folder.
        l3: "ENOENT, ENOENT, EACCES|EROFS|WROTE, ENOENT",
        l2_open: "EACCES",
        ..PLAIN
    },
    Row {
        name: "its own run directory is read and forged",
        attack: r#"my $run = "$P/state/runs/$ENV{ATTACK_RUN}";
            try $_, sub { get("$run/$_") } for 'spec.json', 'egress.json', 'started.json', 'supervisor.log';
            try "forged $_", sub { put("$run/$_") } for 'result.json', 'started.json', 'metered.json', 'supervisor.log';
            try 'listed', sub { list($run) };"#,
        tries: 9,
        l3: "ENOENT",
        l2_open: "EACCES",
        open: Some("OTHER, OTHER, OTHER, OTHER|EISDIR|ENOENT, WROTE, WROTE, WROTE, WROTE, LISTED"),
        ..PLAIN
    },
    Row {
        name: "another run's directory is read",
        attack: r#"my $run = "$P/state/runs/neighbour";
            try $_, sub { get("$run/$_") } for 'spec.json', 'egress.json', 'output.log';
            try 'all runs', sub { list("$P/state/runs") };"#,
        tries: 4,
        l3: "ENOENT",
        l2_open: "EACCES",
        open: Some("OTHER, OTHER, OTHER, LISTED"),
        ..PLAIN
    },
    Row {
        name: "another run's clone, home and result are read and written",
        attack: r#"my $other = "$P/state/places/other";
            try 'clone', sub { get("$other/code/work.rs") };
            try 'result', sub { get("$other/own/result.json") };
            try 'home', sub { get("$P/state/scratch/other/home/session") };
            try 'places', sub { list("$P/state/places") };
            try "forged $_", sub { put("$other/$_") } for 'code/work.rs', 'code/new.rs', 'own/result.json';"#,
        tries: 7,
        l3: "ENOENT, ENOENT, ENOENT, LISTED, ENOENT, ENOENT, ENOENT",
        l2_open: "EACCES",
        ..PLAIN
    },
    Row {
        name: "the forge's branches are read and moved, its objects forged",
        attack: r#"my $forge = "$P/state/forge/code.git";
            try 'branches', sub { list("$forge/refs/heads") };
            try 'main', sub { get("$forge/refs/heads/main") };
            try "write $_", sub { put("$forge/$_") } for 'refs/heads/main', 'refs/heads/new', 'config', 'hooks/update';
            try "write $_", sub { put("$forge/objects/$_") } for 'pack/pack-1.pack', 'pack/pack-2.pack', 'info/alternates';
            try 'remove', sub { unlink("$forge/objects/pack/pack-1.pack") && 'GONE' };"#,
        tries: 10,
        l3: "ENOENT, ENOENT, ENOENT|EROFS, ENOENT|EROFS, EROFS|EACCES|WROTE, ENOENT|EROFS, EROFS, EROFS, ENOENT|EROFS, EROFS",
        l2_open: "EACCES, EACCES, EACCES, EACCES, EACCES, ENOENT|EACCES, EACCES, EACCES, ENOENT|EACCES, EACCES",
        ..PLAIN
    },
    Row {
        // What no level gives: a clone borrows the forge's objects, and other tasks' work is among them.
        name: "objects of other branches are read in the shared store",
        attack: r#"try 'pack', sub { get("$P/state/forge/code.git/objects/pack/pack-1.pack") };"#,
        l3: "READ",
        l2_open: "READ",
        open: Some("READ"),
        ..PLAIN
    },
    Row {
        name: "the system is changed",
        attack: r#"try $_, sub { put($_) } for '/usr/bin/git', '/usr/bin/new', '/etc/passwd', '/etc/ld.so.preload', '/new';"#,
        tries: 5,
        l3: "EROFS|EACCES",
        l2_open: "EACCES",
        ..PLAIN
    },
    Row {
        name: "a temporary file of somebody else is read, and one is left for them",
        attack: r#"my $name = $P; $name =~ s{.*/}{}; my $tmp = $P =~ m{^(.*)/} ? $1 : '/tmp';
            try 'listed', sub { list($tmp) };
            try 'left', sub { put("$tmp/$name.left") };
            try 'shared memory', sub { put("/dev/shm/$name") };"#,
        tries: 3,
        l3: "LISTED|ENOENT, WROTE|ENOENT|EROFS, WROTE|EACCES",
        l2_open: "EACCES",
        after: |place, _| {
            let folder = place.folder.path();
            let left = format!("{}.left", folder.display());
            let shared = format!("/dev/shm/{}", folder.file_name().unwrap().display());
            assert!(!std::path::Path::new(&left).exists() && !std::path::Path::new(&shared).exists());
        },
        ..PLAIN
    },
    Row {
        name: "marks are put on other people's files",
        attack: r#"my ($n, $v) = ('user.orch', 'x');
            for my $file ('state/token', 'home/.ssh/id_ed25519', 'state/forge/code.git/refs/heads/main') {
                my $path = "$P/$file"; try $file, sub { call('setxattr', $path, $n, $v, 1, 0) }; }"#,
        tries: 3,
        l3: "ENOENT|EROFS|EPERM|EOPNOTSUPP|ENOTSUP",
        // What L2-open leaves open, as with modes: whoever may write a file may mark it.
        l2_open: "DONE|EACCES|EPERM|EOPNOTSUPP|ENOTSUP",
        ..PLAIN
    },
    Row {
        name: "other people's files are cut, and replaced by name",
        attack: r#"open(my $f, '>', 'mine'); close $f;
            for my $file ('state/token', 'state/orch.db', 'home/.netrc') {
                try "cut $file", sub { truncate("$P/$file", 0) && 'CUT' };
                try "replaced $file", sub { rename('mine', "$P/$file") && 'REPLACED' };
                try "removed $file", sub { unlink("$P/$file") && 'REMOVED' }; }"#,
        tries: 9,
        l3: "ENOENT|EROFS|EXDEV|EACCES|EPERM",
        l2_open: "EACCES|EXDEV|EPERM",
        ..PLAIN
    },
    Row {
        name: "what starts by itself is planted",
        attack: r#"try $_, sub { put($_) } for '/etc/cron.d/attack', '/var/spool/cron/crontabs/root', '/etc/profile.d/attack.sh',
                '/etc/systemd/system/attack.service', '/usr/lib/systemd/system/attack.service', '/etc/ld.so.conf.d/attack.conf';
            try $_, sub { put("$P/home/$_") } for '.bashrc', '.profile', '.gitconfig', '.config/autostart/attack', '.ssh/authorized_keys',
                '.config/systemd/user/attack.service';"#,
        tries: 12,
        l3: "ENOENT|EROFS|EACCES",
        l2_open: "EACCES|ENOENT",
        ..PLAIN
    },
    Row {
        name: "sessions and engines of the machine are reached by their sockets",
        attack: r#"try $_, sub { unix_socket($_) } for '/run/dbus/system_bus_socket', '/var/run/docker.sock', '/run/containerd/containerd.sock',
                '/run/systemd/private', '/run/systemd/journal/socket', '/run/podman/podman.sock', "/run/user/$</bus", '/run/snapd.socket';"#,
        tries: 8,
        l3: "ENOENT",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "the agents' own homes and log-ins are read",
        attack: r#"try $_, sub { get("$P/home/$_") } for '.claude/.credentials.json', '.claude.json', '.codex/auth.json', '.gemini/oauth_creds.json',
                '.config/gh/hosts.yml', '.docker/config.json', '.aws/credentials', '.npmrc', '.pypirc';"#,
        tries: 9,
        l3: "ENOENT",
        l2_open: "EACCES|ENOENT",
        ..PLAIN
    },
    Row {
        name: "descriptors of the supervisor are inherited",
        attack: r#"opendir(my $folder, '/proc/self/fd'); my $own = fileno($folder) // -1;
            my @open = grep { /\d/ && readlink("/proc/self/fd/$_") !~ m{/proc/|attack\.pl} } readdir $folder;
            try 'open', sub { join(' ', sort @open) };"#,
        l3: "0 1 2",
        l2_open: "0 1 2",
        open: Some("0 1 2"),
        ..PLAIN
    },
    Row {
        name: "devices are made and opened",
        attack: r#"try 'disk', sub { POSIX::mkfifo('pipe', 0600); my $name = 'disk'; call('mknodat', -100, $name, 0060666, 0x0800) };
            try $_, sub { sysopen(my $f, $_, O_RDONLY) && 'OPENED' } for '/dev/mem', '/dev/kmsg', '/dev/sda', '/dev/fuse';
            try '/dev/null', sub { sysopen(my $f, '/dev/null', O_RDWR) && 'OPENED' };"#,
        tries: 6,
        l3: "EPERM, ENOENT, ENOENT, ENOENT, ENOENT, OPENED",
        l2_open: "EPERM|EACCES, ENOENT|EACCES, ENOENT|EACCES, ENOENT|EACCES, ENOENT|EACCES, OPENED",
        ..PLAIN
    },
    Row {
        name: "its own place is moved away, so that another folder stands there",
        attack: r#"my $own = $ENV{ATTACK_PLACE} . "/state/places/$ENV{ATTACK_RUN}";
            try 'own', sub { rename("$own/own", "$own/away") && 'RENAMED' };
            try 'clone', sub { rename("$own/code", "$own/away") && 'RENAMED' };
            try 'link', sub { symlink('/etc', "$own/link") && 'LINKED' };
            try 'remove', sub { rmdir("$own/own") && 'GONE' };"#,
        tries: 4,
        l3: "EACCES|EBUSY, EACCES|EBUSY, EACCES|EROFS|LINKED, EACCES|EBUSY",
        l2_open: "EACCES",
        ..PLAIN
    },
];
