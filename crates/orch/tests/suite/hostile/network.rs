//! The way to the network: the run's own proxy, and nothing else.

use super::{PLAIN, Row};

pub const ROWS: &[Row] = &[
    Row {
        name: "other services of this machine are reached on loopback",
        attack: r#"try 'service', sub { tcp('127.0.0.1', $ENV{ATTACK_PORT}) };
            try 'other loopback', sub { tcp('127.9.9.9', $ENV{ATTACK_PORT}) };
            try 'this host', sub { tcp('0.0.0.0', $ENV{ATTACK_PORT}) };
            try 'version 6', sub { reach(PF_INET6, SOCK_STREAM, 0,
                Socket::pack_sockaddr_in6($ENV{ATTACK_PORT}, Socket::inet_pton(AF_INET6, '::ffff:127.0.0.1'))) };
            try 'api', sub { tcp('127.0.0.1', 8500) };
            try 'ssh', sub { tcp('127.0.0.1', 22) };"#,
        tries: 6,
        l3: "ECONNREFUSED|ENETUNREACH",
        l2_open: "ECONNREFUSED|ENETUNREACH|EACCES",
        ..PLAIN
    },
    Row {
        name: "that service is there",
        attack: r#"try 'service', sub { tcp('127.0.0.1', $ENV{ATTACK_PORT}) };"#,
        l3: "ECONNREFUSED",
        l2_open: "ECONNREFUSED|EACCES",
        open: Some("REACHED"),
        ..PLAIN
    },
    Row {
        name: "the internet is reached by address, by datagram and by name",
        attack: r#"try 'tcp', sub { tcp('1.1.1.1', 443) };
            try 'metadata', sub { tcp('169.254.169.254', 80) };
            try 'private', sub { tcp('10.0.0.1', 80) };
            try 'udp', sub { socket(my $s, PF_INET, SOCK_DGRAM, 0) or return;
                send($s, 'x', 0, pack_sockaddr_in(53, inet_aton('8.8.8.8'))) && 'SENT' };
            try 'fast open', sub { socket(my $s, PF_INET, SOCK_STREAM, 0) or return;
                send($s, 'x', 0x20000000, pack_sockaddr_in(443, inet_aton('1.1.1.1'))) && 'SENT' };
            try 'name', sub { my $found = inet_aton('crates.io'); $found ? 'FOUND' : 'NOT FOUND' };"#,
        tries: 6,
        l3: "ENETUNREACH, ENETUNREACH, ENETUNREACH, ENETUNREACH, ENETUNREACH|EOPNOTSUPP, NOT FOUND",
        l2_open: "ENETUNREACH|EACCES, ENETUNREACH|EACCES, ENETUNREACH|EACCES, ENETUNREACH|EPERM, ENETUNREACH|EPERM|EOPNOTSUPP, NOT FOUND",
        ..PLAIN
    },
    Row {
        name: "abstract sockets of this machine are reached",
        attack: r#"try 'abstract', sub { unix_socket("\0$P-abstract") };"#,
        l3: "ECONNREFUSED",
        l2_open: "ECONNREFUSED|EPERM",
        open: Some("REACHED"),
        ..PLAIN
    },
    Row {
        name: "a named socket that everybody may use is reached",
        attack: r#"try 'docker', sub { unix_socket("$P/sockets/docker.sock") };"#,
        l3: "ENOENT",
        l2_open: "EPERM",
        open: Some("REACHED"),
        ..PLAIN
    },
    Row {
        name: "the control socket of its supervisor is asked",
        attack: r#"try $_, sub { unix_socket($_) } for
            "../../../runs/$ENV{ATTACK_RUN}/socket", "../../../runs/neighbour/socket", "../../../host/host.sock";"#,
        tries: 3,
        l3: "ENOENT",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "it listens to the network, and leaves a socket for others",
        attack: r#"my $listen = sub { my ($family, $address) = @_;
                socket(my $s, $family, SOCK_STREAM, 0) or return;
                if ($address) { bind($s, $address) or return }
                return listen($s, 1) && 'LISTENS' };
            try 'everywhere', sub { $listen->(PF_INET, pack_sockaddr_in(0, INADDR_ANY)) };
            try 'unbound', sub { $listen->(PF_INET) };
            try 'version 6', sub { $listen->(PF_INET6) };
            try 'named', sub { $listen->(PF_UNIX, pack_sockaddr_un('mine.sock')) };
            try 'abstract', sub { $listen->(PF_UNIX, pack_sockaddr_un("\0mine")) };"#,
        tries: 5,
        // In a network of its own nobody hears it.
        l3: "LISTENS",
        l2_open: "EPERM|EACCES",
        ..PLAIN
    },
    Row {
        name: "the port number of its proxy is reached at other addresses",
        attack: r#"my ($host, $port) = proxy(); my $found = `hostname -I 2>/dev/null` // ''; my ($outer) = $found =~ /(\S+)/;
            try 'outer', sub { tcp($outer // '192.0.2.1', $port) };
            try 'documentation', sub { tcp('192.0.2.1', $port) };"#,
        tries: 2,
        l3: "ENETUNREACH",
        // What L2-open leaves open: the kernel's rule has a port and no address.
        l2_open: "ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|DIED HUNG",
        ..PLAIN
    },
    Row {
        name: "another run's proxy is used",
        attack: r#"try 'socket', sub { unix_socket('../../../runs/neighbour/egress.sock') };
            try 'own socket', sub { unix_socket("../../../runs/$ENV{ATTACK_RUN}/egress.sock") };"#,
        tries: 2,
        l3: "ENOENT",
        l2_open: "EPERM",
        ..PLAIN
    },
    Row {
        name: "its proxy is led to where it must not go",
        attack: r#"try $_, sub { tunnel($_) } for 'evil.example.com:443', 'crates.io:22', 'crates.io:80', '127.0.0.1:443',
                '169.254.169.254:443', '[::1]:443', '10.0.0.1:443', '2130706433:443', '0x7f000001:443', 'localhost:443',
                'localhost:' . $ENV{ATTACK_PORT}, 'crates.io.evil.example.com:443', "crates.io:443\@evil.example.com:443", ':443', 'crates.io';"#,
        tries: 15,
        l3: "403",
        l2_open: "403",
        ..PLAIN
    },
    Row {
        name: "its proxy is asked without the run's key, or with another one",
        attack: r#"try 'no key', sub { ask("CONNECT crates.io:443 HTTP/1.1\r\nHost: crates.io\r\n\r\n") };
            try 'guessed', sub { tunnel('crates.io:443', 'x' x 32) };
            try 'empty', sub { tunnel('crates.io:443', '') };
            try 'model without key', sub { ask("POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}") };
            try 'model with a guess', sub { ask("POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: sk-ant-api03-guess\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}") };"#,
        tries: 5,
        l3: "407, 407, 407, 401, 401",
        l2_open: "407, 407, 407, 401, 401",
        ..PLAIN
    },
    Row {
        name: "its proxy is asked for its key and its files",
        attack: r#"my ($host, $port, $key) = proxy(); my $with = "Host: x\r\nx-api-key: $key\r\nConnection: close\r\n";
            try $_, sub { ask("GET $_ HTTP/1.1\r\n$with\r\n") } for '/v1/models', '/../../egress.json', '/v1/messages/%2e%2e/%2e%2e/key', '/metrics';
            try 'plain', sub { ask("GET http://127.0.0.1:$ENV{ATTACK_PORT}/ HTTP/1.1\r\n$with\r\n") };
            try 'file', sub { ask("GET file://$P/state/token HTTP/1.1\r\n$with\r\n") };
            try 'trace', sub { ask("TRACE /v1/messages HTTP/1.1\r\n$with\r\n") };
            try 'smuggled', sub { ask("POST /v1/messages HTTP/1.1\r\n${with}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}") };
            try 'torn', sub { ask("POST /v1/messages HTTP/1.1\r\n${with}X: a\0b\r\n\r\n") };"#,
        tries: 9,
        l3: "404|405|400|403|529|501",
        l2_open: "404|405|400|403|529|501",
        ..PLAIN
    },
    Row {
        name: "its proxy is kept busy by hundreds of silent connections, and serves on",
        attack: r#"my ($host, $port) = proxy(); my @held;
            for (1 .. 200) { socket(my $s, PF_INET, SOCK_STREAM, 0) or last; connect($s, pack_sockaddr_in($port, inet_aton($host))) or last; push @held, $s; }
            try 'held', sub { @held > 50 ? 'MANY' : 'FEW ' . @held };
            close $_ for @held; @held = ();
            try 'served', sub { my $a; for (1 .. 50) { $a = tunnel('evil.example.com:443') // ''; last if $a eq '403'; select(undef, undef, undef, 0.1) } $a };"#,
        tries: 2,
        l3: "MANY, 403",
        l2_open: "MANY, 403",
        ..PLAIN
    },
];
