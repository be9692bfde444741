//! What a run leaves for others to read.

use orch_run::RunDirectory;

use super::place::{CANARY, Place, Ran};
use super::{PLAIN, Row};

/// The file was refused, and with these words.
fn refused(ran: &Ran, words: &str) {
    let Some(Err(reason)) = &ran.result else { panic!("the result was taken: {:?}", ran.result) };
    assert!(reason.contains(words) && !reason.contains(CANARY), "{reason}");
}

fn link(_: &Place, ran: &Ran) {
    refused(ran, "symbolic link");
}

fn irregular(_: &Place, ran: &Ran) {
    refused(ran, "no regular file");
}

pub const ROWS: &[Row] = &[
    Row {
        name: "the result file is a link to a secret",
        attack: r#"try 'link', sub { symlink("$P/state/token", '../own/result.json') && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: link,
        ..PLAIN
    },
    Row {
        name: "the result file is a pipe that nobody writes",
        attack: r#"try 'pipe', sub { POSIX::mkfifo('../own/result.json', 0666) && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: irregular,
        ..PLAIN
    },
    Row {
        name: "the result file is a folder",
        attack: r#"try 'folder', sub { mkdir('../own/result.json') && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: irregular,
        ..PLAIN
    },
    Row {
        name: "the result file is a socket",
        attack: r#"try 'socket', sub { socket(my $s, PF_UNIX, SOCK_STREAM, 0) or return;
            bind($s, pack_sockaddr_un('../own/result.json')) && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "EPERM",
        after: |place, ran| {
            if place.level > orch_run::Confinement::Shared {
                refused(ran, "cannot be opened");
            }
        },
        ..PLAIN
    },
    Row {
        name: "the result file is a gigabyte",
        attack: r#"try 'large', sub { open(my $f, '>', '../own/result.json'); print $f '{"a":"'; truncate($f, 1 << 30) && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: |_, ran| refused(ran, "larger"),
        ..PLAIN
    },
    Row {
        name: "the result file is nested without end",
        attack: r#"try 'deep', sub { open(my $f, '>', '../own/result.json'); print $f '{"a":' . '[' x 500_000; close $f && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: |_, ran| refused(ran, "not JSON"),
        ..PLAIN
    },
    Row {
        name: "the result file may not be read by anybody",
        attack: r#"try 'closed', sub { open(my $f, '>', '../own/result.json'); print $f '{}'; close $f; chmod(0000, '../own/result.json') && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: |_, ran| {
            // Root reads it; another account cannot, and says so.
            assert!(matches!(&ran.result, Some(Ok(_) | Err(_))), "{:?}", ran.result);
        },
        ..PLAIN
    },
    Row {
        name: "the result file is another name of a secret",
        attack: r#"try 'linked', sub { link("$P/state/token", '../own/result.json') && 'LEFT' };"#,
        l3: "ENOENT|EXDEV|EPERM",
        l2_open: "EACCES|EXDEV|EPERM",
        ..PLAIN
    },
    Row {
        name: "the result file is a link to itself, and a link that leads round and round",
        attack: r#"try 'round', sub { symlink('result.json', '../own/result.json') && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: |_, ran| assert!(matches!(ran.result, Some(Err(_))), "{:?}", ran.result),
        ..PLAIN
    },
    Row {
        name: "the result file is a list, and a text",
        attack: r#"try 'list', sub { open(my $f, '>', '../own/result.json'); print $f '["APPROVED"]'; close $f && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: |_, ran| assert!(matches!(ran.result, Some(Err(_))), "{:?}", ran.result),
        ..PLAIN
    },
    Row {
        name: "the result file has a name twice",
        attack: r#"try 'twice', sub { open(my $f, '>', '../own/result.json'); print $f '{"cost_usd":1,"cost_usd":0}'; close $f && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        ..PLAIN
    },
    Row {
        name: "the result file is in signs that are no text",
        attack: r#"try 'signs', sub { open(my $f, '>:raw', '../own/result.json'); print $f "\xff\xfe{\0}\0"; close $f && 'LEFT' };"#,
        l3: "LEFT",
        l2_open: "LEFT",
        after: |_, ran| assert!(matches!(ran.result, Some(Err(_))), "{:?}", ran.result),
        ..PLAIN
    },
    Row {
        name: "the result file claims an end, a level and evidence",
        attack: r#"try 'claims', sub { open(my $f, '>', '../own/result.json');
            print $f '{"version":2,"end":{"exited":{"code":0}},"confinement":"L3","verdict":"approved","survivors":[]}'; close $f; 'LEFT' };
            POSIX::_exit(7);"#,
        l3: "LEFT",
        l2_open: "LEFT",
        end: "exit code 7",
        after: |place, ran| {
            // It is words in a field of their own; what counts is what the supervisor saw.
            assert_eq!(ran.result.as_ref().unwrap().as_ref().unwrap()["verdict"], "approved");
            let run = RunDirectory::open(&place.path("state/runs").join(&ran.name)).unwrap();
            assert_eq!(run.confinement().unwrap().0, place.level);
        },
        ..PLAIN
    },
    Row {
        name: "it passes its settings on to the commands that come after it",
        attack: r#"open(my $f, '>', "$ENV{HOME}/.gitconfig"); print $f "[core]\n\tpager = cat $P/state/token\n[alias]\n\tx = !cat $P/state/token\n"; close $f;
            open($f, '>', 'evil.pl'); print $f "print(open(my \$t, '<', '$P/state/token') ? 'finish: READ' : 'finish: KEPT', qq(\\n)); print 'uid: ', (\$< ? 'OTHER' : 'ROOT'), qq(\\n);"; close $f;
            try 'left', sub { 'LEFT' };"#,
        tries: 3,
        l3: "LEFT, KEPT, OTHER",
        l2_open: "LEFT, KEPT, OTHER",
        order: |order| order.finish = vec![["/usr/bin/perl", "evil.pl"].map(str::to_owned).to_vec()],
        ..PLAIN
    },
];
