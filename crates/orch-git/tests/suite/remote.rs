//! A repository on a server: tips, fetching, pushes that name the old value, and what becomes of trouble.

use std::net::TcpListener;
use std::time::Duration;

use orch_git::*;

use crate::fixture::*;
use crate::git_server::{Fault, GitServer, TOKEN};

struct Far {
    world: World,
    server: GitServer,
    remote: Remote,
}

fn name() -> RemoteName {
    RemoteName::new("shop").expect("a name")
}

fn token(text: &str) -> Access {
    Access::Token { user: "bot".to_owned(), token: Secret::new(text) }
}

fn far() -> Far {
    let world = World::new();
    let server = GitServer::new(&world.place("served"), &world.source);
    let url = RemoteUrl::new(&server.url()).expect("an address");
    let remote = Remote::new(&git(), name(), url, token(TOKEN)).expect("a remote");
    Far { world, server, remote }
}

impl Far {
    fn push(&self, name: &str, expected: Option<&CommitId>, head: &CommitId) -> Result<Pushed, RemoteError> {
        self.remote.push(&self.world.forge, &branch(name), expected, head)
    }

    /// A commit on top of main that only the forge has.
    fn work(&self, key: &str) -> CommitId {
        self.world.attempt(key, &[("src/new.txt", key)])
    }

    /// Moves a branch at the server, as a person would.
    fn move_there(&self, name: &str, to: &CommitId) {
        run(&self.server.repository(), ["update-ref", &format!("refs/heads/{name}"), to.as_str()]);
    }
}

#[test]
fn branches_are_listed_and_fetched() {
    let far = far();
    let main = far.world.main();
    let forge = &far.world.forge;
    assert_eq!(far.remote.branches(forge).expect("a list"), [(branch("main"), main.clone())]);
    assert_eq!(far.remote.tip(forge, &branch("nothing")).expect("an answer"), None);
    assert_eq!(far.remote.fetch(forge, &branch("nothing")).expect("an answer"), None);

    put(&far.world.source, "README.md", "changed\n");
    let newer = commit(&far.world.source, "three");
    run(&far.world.source, ["push".as_ref(), "--quiet".as_ref(), far.server.repository().as_os_str(), "main".as_ref()]);
    assert_eq!(far.remote.fetch(forge, &branch("main")).expect("a fetch"), Some(newer.clone()));
    assert_eq!(far.world.in_forge(&["rev-parse", "refs/orch/remote/shop/main"]), newer.as_str());
    // The forge's own main moves by other rules.
    assert_eq!(far.world.main(), main);
    // A branch whose name ends like another one's is another one.
    far.move_there("x/refs/heads/main", &main);
    assert_eq!(far.remote.tip(forge, &branch("main")).expect("an answer"), Some(newer));
}

#[test]
fn a_push_moves_a_branch_from_where_it_was_and_from_nowhere_else() {
    let far = far();
    let main = far.world.main();
    let (first, second) = (far.work("ET-001"), far.work("ET-002"));
    assert_eq!(far.push("feature/a", None, &first).expect("pushed"), Pushed::Moved);
    assert_eq!(far.push("feature/a", None, &first).expect("pushed"), Pushed::Already);
    assert_eq!(far.push("feature/a", Some(&main), &first).expect("pushed"), Pushed::Already);
    // Not a fast-forward, but from the very value it has: a candidate is made anew like this.
    assert_eq!(far.push("feature/a", Some(&first), &second).expect("pushed"), Pushed::Moved);
    for wrong in [None, Some(&first), Some(&main)] {
        let stale = Pushed::Stale { found: Some(second.clone()) };
        assert_eq!(far.push("feature/a", wrong, &first).expect("an answer"), stale, "{wrong:?}");
    }
    assert_eq!(far.push("feature/gone", Some(&main), &first).expect("an answer"), Pushed::Stale { found: None });
    assert_eq!(far.server.tip("feature/a").as_deref(), Some(second.as_str()));

    let remove = |expected: &CommitId| far.remote.remove(&far.world.forge, &branch("feature/a"), expected);
    assert_eq!(remove(&first).expect("an answer"), Pushed::Stale { found: Some(second.clone()) });
    assert_eq!(remove(&second).expect("removed"), Pushed::Moved);
    assert_eq!(remove(&second).expect("an answer"), Pushed::Already);
}

#[test]
fn a_branch_that_moves_during_the_push_is_stale() {
    let far = far();
    let (first, other) = (far.work("ET-001"), far.work("ET-002"));
    assert_eq!(far.push("feature/other", None, &other).expect("pushed"), Pushed::Moved);
    // The hook runs after the server has listed its branches to us and before it moves one.
    far.server.hook(
        "pre-receive",
        &format!("#!/bin/sh\nunset GIT_QUARANTINE_PATH\nexec git update-ref refs/heads/feature/a {other}\n"),
    );
    assert_eq!(far.push("feature/a", None, &first).expect("an answer"), Pushed::Stale { found: Some(other) });
}

#[test]
fn a_server_that_says_no_is_heard() {
    let far = far();
    let head = far.work("ET-001");
    far.server.hook("pre-receive", "#!/bin/sh\necho 'Not allowed to push to protected branch main' >&2\nexit 1\n");
    let Pushed::Refused { why } = far.push("main", Some(&far.world.main()), &head).expect("an answer") else {
        panic!("it was taken");
    };
    assert!(why.contains("pre-receive hook declined") && why.contains("protected branch main"), "{why}");
    far.server.hook("pre-receive", "#!/bin/sh\n");
    far.server.hook("update", "#!/bin/sh\necho 'that branch is closed' >&2\nexit 1\n");
    let answer = far.push("main", Some(&far.world.main()), &head).expect("an answer");
    assert!(matches!(&answer, Pushed::Refused { why } if why.contains("that branch is closed")), "{answer:?}");
}

#[test]
fn trouble_has_a_kind() {
    let far = far();
    let head = far.work("ET-001");
    for (fault, expected, passes) in [
        (Fault::Status(401), RemoteTrouble::Unauthorised, false),
        (Fault::Status(403), RemoteTrouble::Unauthorised, false),
        (Fault::Status(404), RemoteTrouble::Missing, false),
        (Fault::Status(429), RemoteTrouble::RateLimited, true),
        (Fault::Status(500), RemoteTrouble::Unreachable, true),
        (Fault::Status(503), RemoteTrouble::Unreachable, true),
        (Fault::Status(422), RemoteTrouble::Refused, false),
        (Fault::Cut, RemoteTrouble::Unreachable, true),
        (Fault::Redirect, RemoteTrouble::Refused, false),
    ] {
        far.server.fault(Some(fault));
        let listed = far.remote.branches(&far.world.forge).expect_err("a fault");
        let fetched = far.remote.fetch(&far.world.forge, &branch("main")).expect_err("a fault");
        let pushed = far.push("feature/a", None, &head).expect_err("a fault");
        for error in [&listed, &fetched] {
            assert_eq!((error.trouble, error.is_retryable()), (expected, passes), "{fault:?}: {error}");
        }
        // Whether a push arrived is open when the server was there and did not say.
        let pushing = if expected == RemoteTrouble::Unreachable { RemoteTrouble::InDoubt } else { expected };
        assert_eq!((pushed.trouble, pushed.is_retryable()), (pushing, passes), "{fault:?}: {pushed}");
        assert_eq!(far.server.tip("feature/a"), None);
    }
    far.server.fault(None);
    assert_eq!(far.push("feature/a", None, &head).expect("pushed"), Pushed::Moved);
}

#[test]
fn a_server_that_is_not_there_cannot_have_been_pushed_to() {
    let world = World::new();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let url = RemoteUrl::new(&format!("http://{closed}/shop.git")).expect("an address");
    let remote = Remote::new(&git(), name(), url, token(TOKEN)).expect("a remote");
    let error = remote.branches(&world.forge).expect_err("nobody is there");
    assert_eq!(error.trouble, RemoteTrouble::Unreachable, "{error}");
    assert!(
        error.to_string().starts_with(&format!("http://{closed}/shop.git: the server cannot be reached")),
        "{error}"
    );
}

#[test]
fn a_push_whose_answer_is_lost_is_looked_after() {
    let far = far();
    let head = far.work("ET-001");
    far.server.fault(Some(Fault::CutAfterPush));
    assert_eq!(far.push("feature/a", None, &head).expect("it arrived"), Pushed::Moved);
    far.server.fault(Some(Fault::CutBeforePush));
    let lost = far.push("feature/b", None, &head).expect_err("it did not arrive");
    assert_eq!(lost.trouble, RemoteTrouble::InDoubt, "{lost}");
    assert!(lost.is_retryable());
}

#[test]
fn a_server_that_never_answers_is_left() {
    let far = far();
    far.server.fault(Some(Fault::Hang));
    let remote = far.remote.clone().with_time_limit(Duration::from_millis(300));
    let error = remote.branches(&far.world.forge).expect_err("no answer");
    assert_eq!(error.trouble, RemoteTrouble::Slow, "{error}");
}

#[test]
fn a_token_goes_to_its_server_and_nowhere_else() {
    let far = far();
    // What git and all its children were given, as another account could read it.
    let arguments = far.world.place("arguments");
    let real = far.world.place("real");
    std::fs::create_dir_all(&real).expect("a folder");
    let wrapper = far.world.place("wrapped").join("git");
    let true_git = git().program().to_path_buf();
    program(
        &wrapper,
        &format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{}'\nexec '{}' \"$@\"\n",
            arguments.display(),
            true_git.display()
        ),
    );
    let mut path = wrapper.parent().expect("a folder").as_os_str().to_owned();
    path.push(":");
    path.push(search_path());
    let wrapped = Git::detect(path).expect("git");
    let remote = Remote::new(&wrapped, name(), far.remote.url().clone(), token(TOKEN)).expect("a remote");
    remote.fetch(&far.world.forge, &branch("main")).expect("a fetch");
    let seen = std::fs::read_to_string(&arguments).expect("arguments were noted");
    assert!(seen.contains("ls-remote") && !seen.contains(TOKEN), "{seen}");
    assert!(!far.server.seen().is_empty() && far.server.requests() > 0);

    // The address in an error, the words of the server, the debug form: the token is in none of them.
    let wrong = Remote::new(&git(), name(), far.remote.url().clone(), token("wr0ng-token")).expect("a remote");
    let error = wrong.branches(&far.world.forge).expect_err("refused");
    assert_eq!(error.trouble, RemoteTrouble::Unauthorised, "{error}");
    assert!(!format!("{error} {error:?} {wrong:?}").contains("wr0ng-token"));
    // Nothing of it stays behind.
    let config = std::fs::read_to_string(far.world.forge.path().join("config")).expect("a file");
    assert!(!config.contains("credential") && !config.contains("127.0.0.1"), "{config}");
}

#[test]
fn ssh_asks_nobody_and_trusts_the_named_hosts_alone() {
    let world = World::new();
    let bin = world.place("b i'n");
    let noted = world.place("noted");
    // Stands for ssh: notes its arguments and runs what it was to run over there.
    let served = world.source.join(".git");
    program(
        &bin.join("ssh"),
        &format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\nexec git upload-pack '{}'\n",
            noted.display(),
            served.display()
        ),
    );
    let mut path = bin.as_os_str().to_owned();
    path.push(":");
    path.push(search_path());
    let (key, known_hosts) = (world.place("k'ey 1%"), world.place("known \"hosts\""));
    let access = Access::Key { key: key.clone(), known_hosts: known_hosts.clone() };
    let url = RemoteUrl::new("git@forge.example:team/shop.git").expect("an address");
    let git = Git::detect(path).expect("git");
    let remote = Remote::new(&git, name(), url.clone(), access.clone()).expect("a remote");
    assert_eq!(remote.fetch(&world.forge, &branch("main")).expect("a fetch"), Some(world.main()));
    let seen = std::fs::read_to_string(&noted).expect("arguments were noted");
    let text = |path: &std::path::Path| path.display().to_string();
    let key = format!("IdentityFile=\"{}\"", text(&key).replace('%', "%%"));
    let known = format!("UserKnownHostsFile=\"{}\"", text(&known_hosts).replace('"', "\\\""));
    for wanted in
        ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "git@forge.example", &key, &known]
    {
        assert!(seen.lines().any(|line| line == wanted), "{wanted} in {seen}");
    }
    program(&bin.join("ssh"), "#!/bin/sh\necho 'git@forge.example: Permission denied (publickey).' >&2\nexit 255\n");
    let error = remote.branches(&world.forge).expect_err("refused");
    assert_eq!(error.trouble, RemoteTrouble::Unauthorised, "{error}");
    program(&bin.join("ssh"), "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n");
    assert_eq!(remote.branches(&world.forge).expect_err("refused").trouble, RemoteTrouble::Refused);
}

#[test]
fn a_failure_of_this_machine_is_no_servers() {
    let far = far();
    let broken = far.world.place("broken").join("git");
    program(
        &broken,
        "#!/bin/sh\ncase \"$*\" in *ls-remote*) echo 'fatal: unable to create thread: Resource temporarily unavailable' >&2; exit 128;; esac\necho git version 2.39.5\n",
    );
    let mut path = broken.parent().expect("a folder").as_os_str().to_owned();
    path.push(":");
    path.push(search_path());
    let git = Git::detect(path).expect("git");
    let remote = Remote::new(&git, name(), far.remote.url().clone(), token(TOKEN)).expect("a remote");
    let error = remote.branches(&far.world.forge).expect_err("a fault");
    assert_eq!(error.trouble, RemoteTrouble::Local, "{error}");
}
