//! The repository of the state directory made from a server, whether we may push there, and a real server by ssh.

use std::time::SystemTime;

use orch_git::*;

use crate::fixture::*;
use crate::git_server::{Fault, GitServer, TOKEN};
use crate::ssh_server::SshServer;

fn remote(url: &str, access: Access) -> Remote {
    let name = RemoteName::new("shop").expect("a name");
    Remote::new(&git(), name, RemoteUrl::new(url).expect("an address"), access).expect("a remote")
}

fn by_http(server: &GitServer) -> Remote {
    remote(&server.url(), Access::Token { user: "bot".to_owned(), token: Secret::new(TOKEN) })
}

/// A server, and a user's repository that it was made from.
fn served() -> (World, GitServer) {
    let world = World::new();
    let server = GitServer::new(&world.place("served"), &world.source);
    (world, server)
}

fn origin(world: &World, base: &str) -> Origin {
    Origin { source: world.place("no checkout at all"), base: branch(base) }
}

#[test]
fn it_is_made_from_the_server_alone() {
    let (world, server) = served();
    let path = world.place("state/shop.git");
    // The user's own clone has a commit that the server lacks.
    put(&world.source, "README.md", "not pushed\n");
    commit(&world.source, "mine");
    let make = |base: &str| by_http(&server).create_forge(origin(&world, base), &path, SystemTime::now());
    assert!(make("nothing").expect("an answer").is_none() && !path.exists());
    server.fault(Some(Fault::Status(503)));
    assert_eq!(make("main").expect_err("it is away").trouble, RemoteTrouble::Unreachable);
    assert!(!path.exists());
    server.fault(None);
    let opened = make("main").expect("an answer").expect("there is a main");
    assert!(opened.created);
    server.until_requests(1);
    let tip = id(&server.tip("main").expect("a main"));
    assert_eq!(opened.forge.tip(&branch("main")).expect("an answer"), Some(tip.clone()));
    assert_eq!(opened.forge.follow_base(&tip).expect("an answer"), Synced::Contained);
    // It is opened without the server.
    server.fault(Some(Fault::Cut));
    let again = make("main").expect("opened").expect("it is there");
    assert!(!again.created);
    let beside = std::fs::read_dir(path.parent().expect("a folder")).expect("a list").count();
    assert_eq!(beside, 1, "nothing unfinished stays");
}

#[test]
fn more_than_the_limit_is_not_fetched() {
    let (world, server) = served();
    let path = world.place("state/shop.git");
    let noise: Vec<u8> = (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    put(&world.source, "large.bin", noise);
    commit(&world.source, "large");
    run(&world.source, ["push".as_ref(), "--quiet".as_ref(), server.repository().as_os_str(), "main".as_ref()]);
    let small = by_http(&server).with_size_limit(100_000);
    let error = small.create_forge(origin(&world, "main"), &path, SystemTime::now()).expect_err("it is too large");
    assert_eq!((error.trouble, error.is_retryable()), (RemoteTrouble::TooLarge, false), "{error}");
    assert!(!path.exists());
    let enough = by_http(&server).with_size_limit(100_000_000);
    assert!(enough.create_forge(origin(&world, "main"), &path, SystemTime::now()).expect("made").is_some());
}

#[test]
fn whether_we_may_push_is_tried_and_leaves_nothing() {
    let (world, server) = served();
    let scratch = branch("orch-doctor");
    let ask = || by_http(&server).may_push(&world.place("probe"), &scratch);
    let branches = || run(&server.repository(), ["for-each-ref", "--format=%(refname)", "refs/heads"]);
    let before = branches();
    for _ in 0..2 {
        assert_eq!(ask().expect("an answer"), MayPush::Yes);
        assert_eq!(branches(), before);
    }
    // What a try that was killed has left is taken over.
    run(&server.repository(), ["branch", "orch-doctor", "main"]);
    assert_eq!(ask().expect("an answer"), MayPush::Yes);
    assert_eq!(branches(), before);
    server.fault(Some(Fault::ReadOnly));
    assert_eq!(ask().expect_err("reading is all it may").trouble, RemoteTrouble::Unauthorised);
    server.fault(None);
    server.hook("update", "#!/bin/sh\necho 'names begin with team/' >&2\nexit 1\n");
    assert!(matches!(ask().expect("an answer"), MayPush::No { why } if why.contains("names begin with team/")));
    assert_eq!(branches(), before);
}

#[test]
fn a_real_sshd_is_fetched_from_and_pushed_to() {
    let world = World::new();
    let server = match SshServer::new(&world.place("ssh served"), &world.source) {
        Ok(server) => server,
        Err(why) => return not_run_here("a_real_sshd_is_fetched_from_and_pushed_to", &why),
    };
    let access = |key, known_hosts| Access::Key { key, known_hosts };
    let by_ssh = remote(&server.url(), access(server.key(), server.known_hosts()));
    let path = world.place("state/shop.git");
    let opened = by_ssh.create_forge(origin(&world, "main"), &path, SystemTime::now()).expect("an answer");
    assert!(opened.is_some_and(|opened| opened.created));
    assert_eq!(by_ssh.may_push(&world.place("probe"), &branch("orch-doctor")).expect("an answer"), MayPush::Yes);
    let head = world.attempt("ET-001", &[("src/new.txt", "new\n")]);
    let pushed = by_ssh.push(&world.forge, &branch("feature/a"), None, &head).expect("pushed");
    assert_eq!(pushed, Pushed::Moved);
    assert_eq!(run(&server.repository(), ["rev-parse", "feature/a"]), head.as_str());

    let stranger = remote(&server.url(), access(server.other_key(), server.known_hosts()));
    assert_eq!(stranger.branches(&world.forge).expect_err("a wrong key").trouble, RemoteTrouble::Unauthorised);
    let nobody = world.place("known nobody");
    std::fs::write(&nobody, "").expect("a file");
    let unknown = remote(&server.url(), access(server.key(), nobody));
    assert_eq!(unknown.branches(&world.forge).expect_err("an unknown host").trouble, RemoteTrouble::Refused);
    let missing = remote(&format!("{}x", server.url()), access(server.key(), server.known_hosts()));
    assert_eq!(missing.branches(&world.forge).expect_err("no repository").trouble, RemoteTrouble::Missing);
}
