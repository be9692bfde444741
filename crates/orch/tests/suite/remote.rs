//! A repository whose branches live on a server: the line as a whole, by http and by ssh, with the server's troubles.

use std::path::{Path, PathBuf};

use orch_testkit::scripted_agent::Script;
use orch_testkit::world::{Running, World, not_run};
use serde_json::Value;

use super::carried::{Up, create_small, eventually, script, waits, world};
use super::fixture::{plain, run};
use super::git_server::{Fault, GitServer, TOKEN};
use super::ssh_server::SshServer;

pub struct Far {
    pub world: World,
    /// A person's clone, made by the command.
    clone: PathBuf,
    token: PathBuf,
}

impl Far {
    /// Registers what is served at `url`; `credential` is a table of the host file.
    fn new(world: World, url: &str, credential: &str, script: &Script) -> Self {
        Self::with(world, url, credential, script, &[])
    }

    /// The same, with more arguments of the command.
    pub fn with(world: World, url: &str, credential: &str, script: &Script, more: &[&str]) -> Self {
        let token = world.path("token");
        world.run(&world.home(), &["config", "set", "limits.max_runs", "2"]).unwrap().success();
        let told = world.run(&world.home(), &["config", "path", "--json"]).unwrap().success().stdout;
        let file = serde_json::from_str::<Value>(&told).unwrap()["host_file"].as_str().unwrap().to_owned();
        let settings = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{settings}\n[credentials.forge]\n{credential}\n")).unwrap();
        std::fs::write(world.home().join(".gitconfig"), "[user]\nname = Uma\nemail = uma@example.org\n").unwrap();
        let play = world.path("script.toml");
        std::fs::write(&play, toml::to_string(script).unwrap()).unwrap();
        let agent = format!("/usr/bin/env ORCH_SCRIPT={} {} scripted-agent", play.display(), world.program().display());
        let clone = world.path("clone of mine");
        let add = [
            &["repo", "add", url, "--into", clone.to_str().unwrap(), "--credential", "forge", "--yes"][..],
            &["--id", "code", "--prefix", "IT", "--test", "sh test.sh", "--agent-command", &agent],
            more,
        ];
        let told = world.run(&world.home(), &add.concat()).unwrap().success().stdout;
        assert!(told.contains("here and on the server"), "{told}");
        Self { world, clone, token }
    }

    pub fn up(&self) -> Up {
        Up(self.world.start(&self.world.home(), &[]).unwrap())
    }

    pub fn orch(&self, arguments: &[&str]) -> String {
        let output = self.world.run(&self.world.home(), arguments).unwrap();
        // In one line: what people read is broken where it fits.
        format!("{}{}", output.stdout, output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Letters that no file of the service may hold, nor what people read.
    pub fn keeps_to_itself(&self, secret: &str, told: &[String]) {
        assert!(told.iter().all(|words| !words.contains(secret)), "{told:?}");
        let found = std::process::Command::new("grep")
            .args(["-rlF", secret])
            .args([self.world.state(), self.clone.clone()])
            .output()
            .unwrap();
        assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    }
}

fn trouble(service: &Running) -> Option<String> {
    let (_, body) = service.get("/api/v1/repositories").unwrap();
    let list: Value = serde_json::from_str(&body).unwrap();
    Some(list["repositories"][0]["trouble"].as_object()?["reason"].as_str()?.to_owned())
}

fn told(service: &Up, words: &str) -> String {
    eventually(&format!("it is told: {words}"), || match trouble(&service.0) {
        Some(reason) if reason.contains(words) => Ok(reason),
        other => Err(format!("{other:?}")),
    })
}

pub fn writes_a_file() -> Script {
    script(
        r#"
        [[play]]
        title = "*"
        [[play.act]]
        role = "developer"
        steps = [{ write = "{id}.txt", text = "{id}\n" }, { commit = "Write it" }]
        "#,
    )
}

pub fn served(world: &World) -> PathBuf {
    let source = world.path("source");
    create_small(&source);
    source
}

/// A person pushes to main from another machine.
fn somebody_pushes(repository: &Path, desk: &Path) -> String {
    run(desk.parent().unwrap(), ["clone", "--quiet", repository.to_str().unwrap(), desk.to_str().unwrap()]);
    std::fs::write(desk.join("by-hand.txt"), "by hand\n").unwrap();
    run(desk, ["add", "--all"]);
    run(desk, ["commit", "--quiet", "--message", "By hand"]);
    run(desk, ["push", "--quiet", "origin", "main"]);
    run(desk, ["rev-parse", "main"])
}

fn is_ancestor(repository: &Path, one: &str, other: &str) -> bool {
    plain(repository).args(["merge-base", "--is-ancestor", one, other]).status().unwrap().success()
}

/// Lands what somebody pushed meanwhile leaves room for; with a server that is away, and with a credential that is refused,
/// for a while.
#[test]
fn an_issue_crosses_to_the_servers_main() {
    let world = world();
    let server = GitServer::new(&world.path("served"), &served(&world));
    std::fs::write(world.path("token"), format!("{TOKEN}\n")).unwrap();
    let token = world.path("token");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let credential = format!("user = \"bot\"\ntoken_file = \"{}\"", token.display());
    let far = Far::new(world, &server.url(), &credential, &writes_a_file());
    let mut said = vec![far.orch(&["doctor"])];
    assert!(said[0].contains("a branch could be pushed and removed"), "{}", said[0]);

    // The clone is for people; the line does not need it.
    std::fs::rename(&far.clone, far.clone.with_extension("away")).unwrap();
    let service = far.up();
    let first = service.open("Say hello");
    service.until(&first, "asks for approval", |task| waits(task, "human"));
    let by_hand = somebody_pushes(&server.repository(), &far.world.path("desk"));
    service.approve(&first);
    let landed = service.done(&first)["landed"].as_str().unwrap().to_owned();
    assert_eq!(server.tip("main").as_deref(), Some(&*landed));
    assert!(is_ancestor(&server.repository(), &by_hand, &landed), "what somebody pushed stays");

    // Away for a while: it delays and loses nothing.
    let second = service.open("Say goodbye");
    service.until(&second, "asks for approval", |task| waits(task, "human"));
    server.fault(Some(Fault::Status(503)));
    service.approve(&second);
    let reason = told(&service, "cannot be reached");
    assert!(reason.contains("127.0.0.1") && reason.contains("nothing is lost"), "{reason}");
    said.extend([reason, far.orch(&["doctor"]), far.orch(&["show", &second])]);
    server.fault(None);
    let landed = service.done(&second)["landed"].as_str().unwrap().to_owned();
    assert_eq!((server.tip("main").as_deref(), trouble(&service.0)), (Some(&*landed), None));

    // A credential that is refused is the host's trouble, and a new one needs no restart.
    let third = service.open("Say it again");
    service.until(&third, "asks for approval", |task| waits(task, "human"));
    std::fs::write(&far.token, "revoked-t0ken\n").unwrap();
    service.approve(&third);
    let reason = told(&service, "does not accept the credential");
    assert!(reason.contains("credential `forge`") && reason.contains("nobody's task"), "{reason}");
    let doctor = far.orch(&["doctor"]);
    assert!(doctor.contains("put one there that may read and push"), "{doctor}");
    said.extend([reason, doctor]);
    std::fs::write(&far.token, format!("{TOKEN}\n")).unwrap();
    let task = service.done(&third);
    assert_eq!(server.tip("main").as_deref(), task["landed"].as_str());
    assert_eq!(task["retries"], 0, "nobody was blamed");
    said.push(service.0.output());
    service.0.stop().unwrap();
    eventually("their branches are gone", || {
        let left = run(&server.repository(), ["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        if left == "main" { Ok(()) } else { Err(left) }
    });
    far.keeps_to_itself(TOKEN, &said);
    far.keeps_to_itself("revoked-t0ken", &said);
}

#[test]
fn what_cannot_be_reached_is_told_and_nothing_is_written() {
    let world = world();
    world.run(&world.home(), &["config", "set", "limits.max_runs", "2"]).unwrap().success();
    let told = world.run(&world.home(), &["config", "path", "--json"]).unwrap().success().stdout;
    let file = serde_json::from_str::<Value>(&told).unwrap()["host_file"].as_str().unwrap().to_owned();
    let settings = std::fs::read_to_string(&file).unwrap();
    let token = world.path("token");
    let settings = format!("{settings}\n[credentials.forge]\ntoken_file = \"{}\"\n", token.display());
    std::fs::write(&file, &settings).unwrap();
    let add = |url: &str, credential: &str| {
        let output = world.run(&world.home(), &["repo", "add", url, "--credential", credential, "--yes"]).unwrap();
        assert_ne!(output.code, Some(0), "{url}");
        assert!(!output.stderr.contains("s3cret") && !output.stderr.contains("error: error"), "{}", output.stderr);
        output.stderr
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/shop.git");
    assert!(add(&url, "nobody").contains("there is no [credentials.nobody]"));
    assert!(add("https://bot:s3cret@git.example.org/shop.git", "forge").contains("before the `@`"));
    assert!(add("ftp://git.example.org/shop.git", "forge").contains("use https or ssh"));
    let missing = add(&url, "forge");
    assert!(missing.contains("the token cannot be read") && missing.contains("write it there"), "{missing}");
    std::fs::write(&token, "s3cret\n").unwrap();
    assert!(add(&url, "forge").contains("chmod 600"));
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(add(&url, "forge").contains("the server cannot be reached"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), settings);
    assert!(!world.home().join("shop").exists());
}

#[test]
fn an_issue_crosses_by_ssh() {
    let world = world();
    let server = match SshServer::new(&world.path("ssh served"), &served(&world)) {
        Ok(server) => server,
        Err(why) => return not_run(std::env::var_os("ORCH_TEST_NOT_RUN").as_deref(), "an_issue_crosses_by_ssh", &why),
    };
    let credential = format!(
        "ssh_key_file = \"{}\"\nknown_hosts_file = \"{}\"",
        server.key().display(),
        server.known_hosts().display()
    );
    let far = Far::new(world, &server.url(), &credential, &writes_a_file());
    let doctor = far.orch(&["doctor"]);
    assert!(doctor.contains("a branch could be pushed and removed"), "{doctor}");
    let service = far.up();
    let task = service.open("Say hello");
    service.approve(&task);
    let landed = service.done(&task)["landed"].as_str().unwrap().to_owned();
    assert_eq!(run(&server.repository(), ["rev-parse", "main"]), landed);
}
