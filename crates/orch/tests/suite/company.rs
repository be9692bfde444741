//! A company's network: mirrors inside, and a proxy before everything else; both are played.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use orch_testkit::world::not_run;

use super::caches::have_own_files;
use super::carried::{Carried, script};

/// Answers everything with the same words; what it was asked for, without what names a run.
fn server(address: &str, answer: &'static str) -> Option<(SocketAddr, Arc<Mutex<Vec<String>>>)> {
    let listener = TcpListener::bind((address, 0)).ok()?;
    let (at, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let heard = asked.clone();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            heard.lock().unwrap().push(head.join("\n"));
            let _gone = socket.write_all(answer.as_bytes());
        }
    });
    Some((at, asked))
}

/// Asks for an address as tools do, by the proxy that the environment names.
const ASK: &str = "python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())'";

#[test]
fn runs_reach_mirrors_and_the_proxy_and_doctor_asks_them() {
    let test = "company::runs_reach_mirrors_and_the_proxy_and_doctor_asks_them";
    let record = std::env::var_os("ORCH_TEST_NOT_RUN");
    let python = std::process::Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success());
    // No tool goes around its proxy for this address of the machine.
    let mirror = server("127.0.0.2", "HTTP/1.1 200 fine\r\ncontent-length: 11\r\n\r\nfrom inside");
    let (true, Some((mirror, asked_inside))) = (python, mirror) else {
        return not_run(record.as_deref(), test, "python3 or a second address of the machine is missing");
    };
    let (proxy, asked_outside) = server("127.0.0.1", "HTTP/1.1 407 who are you\r\n\r\n").unwrap();
    let mut carried =
        Carried::small(&script("[[play]]\ntitle = \"*\"\n[[play.act]]\nrole = \"developer\"\nsteps = []\n"));
    carried.world.confined();
    if !have_own_files(&carried, test) {
        return;
    }
    let host = carried.world.config();
    let text = std::fs::read_to_string(&host).unwrap();
    let password = carried.world.path("password");
    std::fs::write(&password, "hush\n").unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let settings = [
        ("proxy", format!("http://{proxy}")),
        ("proxy_credential", "proxy".to_owned()),
        ("pip", format!("http://{mirror}/simple")),
        ("cargo", format!("http://{mirror}/crates")),
        ("go", format!("http://{mirror}")),
        ("npm", format!("http://{mirror}/npm")),
        ("bundler", format!("http://{mirror}/gems")),
    ];
    let set = |line: &str| {
        let found = settings.iter().find(|(key, _)| line.starts_with(&format!("# {key} = ")));
        found.map_or_else(|| format!("{line}\n"), |(key, value)| format!("{key} = \"{value}\"\n"))
    };
    let credential = format!("\n[credentials.proxy]\nuser = \"ann\"\ntoken_file = \"{}\"\n", password.display());
    std::fs::write(&host, text.lines().map(set).collect::<String>() + &credential).unwrap();
    let command = format!(
        "{ASK} $PIP_INDEX_URL && echo mirrors: $GOPROXY $npm_config_registry $UV_DEFAULT_INDEX $BUNDLE_MIRROR__ALL && cat ../.cargo/config.toml && {ASK} https://pypi.org/"
    );
    carried.amend_settings("\"sh test.sh\"", &toml::Value::from(command).to_string());
    let told = carried.world.run(&carried.repository, &["check"]).unwrap().code(1);
    let said = told.stdout + &told.stderr;
    for words in [
        "from inside",
        &format!("mirrors: http://{mirror} http://{mirror}/npm http://{mirror}/simple http://{mirror}/gems"),
        &format!("registry = \"sparse+http://{mirror}/crates/\""),
        "refused on its way out: the proxy",
        "wants another login: set egress.proxy_credential",
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let inside = asked_inside.lock().unwrap().join("\n");
    assert!(inside.starts_with("GET /simple HTTP/1.1") && !inside.to_lowercase().contains("proxy-auth"), "{inside}");
    let outside = asked_outside.lock().unwrap().join("\n");
    assert!(outside.starts_with("CONNECT pypi.org:443") && outside.contains("Basic YW5uOmh1c2g="), "{outside}");
    let doctor = carried.world.run(&carried.repository, &["doctor"]).unwrap().stdout;
    let doctor = doctor.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["wants another login", &format!("the mirror for go answers: {mirror}")] {
        assert!(doctor.contains(words), "{words}:\n{doctor}");
    }
    assert!(!(said + &doctor).contains("hush"));
}
