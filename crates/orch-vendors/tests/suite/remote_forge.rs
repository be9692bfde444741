//! A forge on a git server by HTTP: the contracts, and the server's troubles.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;
use orch_git::{Access, BranchName, Git, Origin, Remote, RemoteName, RemoteUrl, Secret};
use orch_ports::PortError;
use orch_ports::forge::{Forge, Landing};
use orch_ports::workshop::{Workplace, Workshop};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId, Timestamp};
use orch_rules::lane::Candidate;
use orch_rules::port_error::{ErrorKind, ForEffect};
use orch_testkit::contract::{self, Bench as _};
use orch_testkit::fake::forge::Edit;
use orch_vendors::forge::reach::Reach;
use orch_vendors::forge::remote::RemoteForge;
use orch_vendors::workshop::{GitWorkshop, Opening};

use crate::fixture::{plain, run};
use crate::git_server::{Fault, GitServer, TOKEN};
use crate::local_forge as local;

pub struct Bench {
    pub folder: tempfile::TempDir,
    pub server: GitServer,
    pub workshop: GitWorkshop,
    pub forge: RemoteForge,
    pub opening: Arc<Opening>,
    pub reach: Arc<Reach>,
}

impl Bench {
    pub fn new() -> Self {
        Self::patient(Duration::from_secs(60))
    }

    /// Each call of the server ends within so long.
    fn patient(patience: Duration) -> Self {
        let folder = tempfile::Builder::new().prefix("orch remote ü ").tempdir().unwrap();
        let source = folder.path().join("user");
        std::fs::create_dir(&source).unwrap();
        run(&source, ["init", "--quiet", "--initial-branch=main"]);
        let first: Vec<_> = contract::workshop::FIRST.iter().map(|(path, text)| (*path, Some(*text))).collect();
        local::commit(&source, &first, "first");
        let server = GitServer::new(&folder.path().join("served"), &source);
        let program = Git::detect(crate::fixture::search_path()).unwrap();
        let url = RemoteUrl::new(&server.url()).unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, TOKEN).unwrap();
        let (git, to) = (program.clone(), url.clone());
        let reach = Reach::new(url, "credential `gitea`", Arc::default(), move || {
            let token = std::fs::read_to_string(&token).map_err(|error| error.to_string())?;
            let access = Access::Token { user: "bot".to_owned(), token: Secret::new(token) };
            let remote = Remote::new(&git, RemoteName::new("shop").unwrap(), to.clone(), access);
            remote.map(|remote| remote.with_time_limit(patience)).map_err(|error| error.to_string())
        });
        let reach = Arc::new(reach);
        let (origin, bare) =
            (Origin { source, base: BranchName::new("main").unwrap() }, folder.path().join("state.git"));
        let way = Arc::clone(&reach);
        let opening = Arc::new(Opening::asking(move |_| {
            way.open(&program, origin.clone(), &bare, SystemTime::now()).map(|opened| opened.forge)
        }));
        let workshop = GitWorkshop::new(Arc::clone(&opening));
        let forge = RemoteForge::new(Arc::clone(&opening), Arc::clone(&reach));
        Self { folder, server, workshop, forge, opening, reach }
    }

    /// A person's clone of what is served, at a branch as it is there now.
    fn desk(&self, branch: &str) -> PathBuf {
        let desk = self.folder.path().join("desk");
        let _none = std::fs::remove_dir_all(&desk);
        let served = self.server.repository();
        run(self.folder.path(), ["clone", "--quiet", "--branch", branch, served.to_str().unwrap(), "desk"]);
        desk
    }

    /// A candidate that adds a file, for the tip of main.
    pub fn candidate(&self, name: &str) -> Candidate {
        let tip = self.forge.base().unwrap().tip;
        let place = Workplace {
            packed_again: true,
            largest_file: 100_000_000,
            task: TaskId::from("0190-task"),
            work_item: "T-001".into(),
            attempt: 1,
            branch: "feature/T-001-x".to_owned(),
            directory: self.directory("place/code"),
            parcel: self.directory("place/parcel"),
            overlaid: false,
            message: "left".to_owned(),
            identity: orch_ports::workshop::Identity { name: "Robot".into(), email: "robot@example.org".into() },
            at: Timestamp(1_700_000_000_000),
        };
        self.workshop.prepare(&place, &tip, &[], None).unwrap();
        let head = local::commit(place.directory.as_std_path(), &[(name, Some("x\n"))], "work");
        let head = {
            // As a collected head: the workshop has it.
            let at = format!("{head}:refs/heads/work-{name}");
            let bare = self.folder.path().join("state.git");
            run(place.directory.as_std_path(), ["push", "--quiet", bare.to_str().unwrap(), &at]);
            head
        };
        let (message, identity) = ("T-001".to_owned(), place.identity);
        let order = orch_ports::workshop::CandidateOrder {
            head,
            work_item: place.work_item,
            documents_kept: None,
            message,
            identity,
            at: place.at,
        };
        match self.workshop.candidate(&order, &tip).unwrap() {
            CandidateResult::Made { candidate } => candidate,
            other => panic!("{other:?}"),
        }
    }
}

impl contract::Bench for Bench {
    fn workshop(&self) -> &dyn Workshop {
        &self.workshop
    }
    fn forge(&self) -> &dyn Forge {
        &self.forge
    }
    fn directory(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().join("places").join(name)).unwrap()
    }
    fn work(&self, place: &Workplace, edits: &[Edit<'_>], message: Option<&str>) {
        local::work(place, edits, message);
    }
    fn rewrite(&self, place: &Workplace) {
        local::rewrite(place);
    }
    fn run_commands(&self, place: &Workplace, commands: &[Vec<String>]) {
        local::run_commands(place, commands);
    }
    fn user_commits(&self, edits: &[Edit<'_>], _: bool) -> CommitId {
        let desk = self.desk("main");
        let commit = local::commit(&desk, edits, "by hand");
        run(&desk, ["push", "--quiet", "origin", "main"]);
        commit
    }
    fn merges(&self, branch: &str) {
        let desk = self.desk("main");
        run(&desk, ["merge", "--quiet", "--ff-only", &format!("origin/{branch}")]);
        run(&desk, ["push", "--quiet", "origin", "main"]);
    }
    fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId {
        let desk = self.desk(branch);
        let commit = local::commit(&desk, edits, "by hand");
        run(&desk, ["push", "--quiet", "origin", branch]);
        commit
    }
    fn branch(&self, name: &str) -> Option<CommitId> {
        self.server.tip(name).map(CommitId)
    }
    fn archived(&self, task: &TaskId) -> Option<CommitId> {
        let name = format!("refs/orch/archive/{task}");
        let bare = self.folder.path().join("state.git");
        let found = plain(&bare).args(["rev-parse", "--verify", "--quiet", &name]).output().unwrap();
        found.status.success().then(|| CommitId(crate::fixture::checked(found)))
    }
    fn files(&self, directory: &Utf8PathBuf) -> BTreeMap<String, String> {
        local::files(directory)
    }
}

#[test]
fn it_keeps_the_contracts() {
    contract::run(contract::forge::suite(), |_| Bench::new());
    contract::run(contract::branches::suite(), |_| Bench::new());
}

#[test]
fn trouble_with_the_server_is_nobodys_task() {
    let bench = Bench::new();
    let candidate = bench.candidate("b.txt");
    for (fault, kind, effect) in [
        (Fault::Status(401), ErrorKind::Unauthorised, ForEffect::Mend),
        (Fault::Status(403), ErrorKind::Unauthorised, ForEffect::Mend),
        (Fault::Status(404), ErrorKind::Missing, ForEffect::Mend),
        (Fault::Redirect, ErrorKind::Refused, ForEffect::Mend),
        (Fault::Status(500), ErrorKind::Passing, ForEffect::Again),
        (Fault::Status(503), ErrorKind::Passing, ForEffect::Again),
        (Fault::Cut, ErrorKind::Passing, ForEffect::Again),
    ] {
        let head = &candidate.commit;
        type Asked<'a> = &'a dyn Fn() -> PortError;
        let calls: [(&str, Asked<'_>); 6] = [
            ("base", &|| bench.forge.base().unwrap_err()),
            ("tip", &|| bench.forge.tip("feature/x").unwrap_err()),
            ("branches", &|| bench.forge.branches().unwrap_err()),
            ("publish", &|| bench.forge.publish("feature/x", None, head).unwrap_err()),
            ("land", &|| bench.forge.land(head, &candidate.parent).unwrap_err()),
            ("remove", &|| bench.forge.remove("feature/x", head).unwrap_err()),
        ];
        for (call, ask) in calls {
            // One failure after a success: a second one in a row is not even tried for a while.
            bench.server.fault(None);
            bench.forge.base().unwrap();
            bench.server.fault(Some(fault));
            let error = ask();
            let pushes = matches!(call, "publish" | "land" | "remove");
            let doubtful = pushes && error.kind == ErrorKind::InDoubt && kind.passes();
            assert!(error.kind == kind || doubtful, "{fault:?} {call}: {error:?}");
            assert_eq!(error.for_effect(), effect, "{fault:?} {call}");
            assert!(!error.words.contains(TOKEN) && error.words.contains("127.0.0.1"), "{error}");
        }
    }
    bench.server.fault(None);
    assert_eq!(bench.forge.base().unwrap().tip, candidate.parent);
}

#[test]
fn a_server_that_is_away_is_not_asked_by_everybody() {
    let bench = Bench::new();
    bench.forge.base().unwrap();
    bench.server.fault(Some(Fault::Status(503)));
    for _ in 0..2 {
        assert!(bench.forge.base().unwrap_err().passes());
    }
    let asked = bench.server.requests();
    let error = bench.forge.branches().unwrap_err();
    assert!(error.passes() && error.words.contains("asked again in"), "{error}");
    assert_eq!(bench.server.requests(), asked);
}

#[test]
fn a_server_that_hangs_holds_a_few_calls_and_no_more() {
    let bench = Bench::patient(Duration::from_secs(10));
    bench.forge.base().unwrap();
    bench.server.fault(Some(Fault::Hang));
    let before = bench.server.requests();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| bench.forge.branches().unwrap_err());
        }
        bench.server.until_requests(before + 4);
        let error = bench.forge.branches().unwrap_err();
        assert!(error.not_before().is_some() && error.words.contains("4 calls"), "{error:?}");
    });
    assert_eq!(bench.server.requests(), before + 4);
}

#[test]
fn who_wants_fewer_requests_gets_none_until_then() {
    let bench = Bench::new();
    bench.forge.base().unwrap();
    bench.server.fault(Some(Fault::Status(429)));
    let error = bench.forge.base().unwrap_err();
    let until = error.not_before().unwrap();
    bench.server.fault(None);
    let asked = bench.server.seen().len();
    for error in [bench.forge.base().unwrap_err(), bench.forge.branches().unwrap_err()] {
        assert_eq!((error.not_before(), error.for_effect()), (Some(until), ForEffect::Again), "{error:?}");
    }
    assert_eq!(bench.server.seen().len(), asked, "the server was left alone");
}

#[test]
fn a_credential_is_read_at_each_call_and_its_trouble_is_the_hosts() {
    let bench = Bench::new();
    let tip = bench.forge.base().unwrap().tip;
    let token = bench.folder.path().join("token");
    for bad in [Some("revoked"), None] {
        match bad {
            Some(text) => std::fs::write(&token, text).unwrap(),
            None => std::fs::remove_file(&token).unwrap(),
        }
        let error = bench.forge.base().unwrap_err();
        assert_eq!((error.kind, error.for_effect()), (ErrorKind::Unauthorised, ForEffect::Mend));
        assert!(error.words.contains("credential `gitea`") && !error.words.contains("revoked"), "{error}");
        std::fs::write(&token, TOKEN).unwrap();
        assert_eq!(bench.forge.base().unwrap().tip, tip, "{bad:?}");
    }
}

#[test]
fn a_credential_that_may_only_read_is_known_until_it_changes() {
    let bench = Bench::new();
    let candidate = bench.candidate("b.txt");
    bench.server.fault(Some(Fault::ReadOnly));
    let told = bench.forge.land(&candidate.commit, &candidate.parent).unwrap_err();
    assert_eq!(told.kind, ErrorKind::Unauthorised, "{told:?}");
    // A look that found all well would start the next push at once, and end like this one.
    assert_eq!(bench.forge.base().unwrap_err(), told);
    bench.server.fault(None);
    std::fs::write(bench.folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    assert!(bench.forge.base().is_err(), "a token with a line break is none");
    std::fs::write(bench.folder.path().join("token"), TOKEN).unwrap();
    let land = || bench.forge.land(&candidate.commit, &candidate.parent);
    assert_eq!(land().unwrap(), Landing::Landed { tip: candidate.commit.clone() });
}

#[test]
fn a_server_that_keeps_silent_holds_nobody_for_long() {
    let bench = Bench::patient(Duration::from_secs(2));
    // The workshop is made without it.
    let head = bench.workshop.known_base().unwrap();
    bench.server.fault(Some(Fault::Hang));
    for error in [bench.forge.base().unwrap_err(), bench.forge.publish("feature/x", None, &head).unwrap_err()] {
        assert!(error.passes(), "{error:?}");
    }
    bench.server.fault(None);
    bench.forge.publish("feature/x", None, &head).unwrap();
    assert_eq!(bench.branch("feature/x"), Some(head));
    assert!(bench.server.seen().iter().all(|credential| credential.starts_with("Basic ")), "and in no other place");
}

#[test]
fn a_landing_ends_however_its_answer_is_lost() {
    let bench = Bench::new();
    let candidate = bench.candidate("b.txt");
    let land = || bench.forge.land(&candidate.commit, &candidate.parent);
    bench.server.fault(Some(Fault::CutBeforePush));
    assert_eq!(land().unwrap_err().kind, ErrorKind::InDoubt);
    assert_eq!(bench.branch("main"), Some(candidate.parent.clone()));
    bench.server.fault(Some(Fault::CutAfterPush));
    let landed = Landing::Landed { tip: candidate.commit.clone() };
    assert_eq!(land().unwrap(), landed, "it was looked for");
    bench.server.fault(None);
    assert_eq!(land().unwrap(), landed);
    assert_eq!(bench.branch("main"), Some(candidate.commit.clone()));
    assert_eq!(bench.workshop.known_base().unwrap(), candidate.commit);
}

#[test]
fn a_protected_main_refuses_in_the_servers_words() {
    let bench = Bench::new();
    let candidate = bench.candidate("b.txt");
    bench.server.hook("pre-receive", "#!/bin/sh\necho 'Not allowed to push to protected branch main' >&2\nexit 1\n");
    let Landing::Refused(refused) = bench.forge.land(&candidate.commit, &candidate.parent).unwrap() else {
        panic!("it was taken");
    };
    assert!(refused.by.starts_with("127.0.0.1") && refused.why.contains("protected branch main"), "{refused:?}");
    assert_eq!(bench.branch("main"), Some(candidate.parent.clone()));
    let error = bench.forge.publish("feature/x", None, &candidate.commit).unwrap_err();
    assert!(error.kind == ErrorKind::Refused && error.is_fact(), "{error:?}");
}

#[test]
fn a_main_that_was_rewritten_is_waited_for_or_taken_by_a_persons_word() {
    let bench = Bench::new();
    let candidate = bench.candidate("b.txt");
    let landed = Landing::Landed { tip: candidate.commit.clone() };
    assert_eq!(bench.forge.land(&candidate.commit, &candidate.parent).unwrap(), landed);
    run(&bench.server.repository(), ["update-ref", "refs/heads/main", candidate.parent.as_str()]);
    let error = bench.forge.base().unwrap_err();
    assert_eq!((error.kind, error.for_effect()), (ErrorKind::Conflict, ForEffect::Mend));
    assert!(error.words.contains("orch pull --mine"), "{error}");
    assert_eq!(bench.forge.accept_base().unwrap().tip, candidate.parent);
    assert_eq!(bench.forge.base().unwrap().tip, candidate.parent);
}
