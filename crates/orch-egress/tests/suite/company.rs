//! A company's network: hosts inside of it, and a proxy that everything else goes through.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use orch_egress::tunnel::Network;
use orch_egress::{Config, OuterProxy, Wire};

use crate::tunnels::{Net, connect, shouting};
use crate::world::{Answer, Proxy, RUN_KEY, write_key};

/// A proxy that lets everything out to one place, if it is asked with the right login; what it was asked for.
fn outer(answer: &'static str, to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let mut head = String::new();
            let mut lines = BufReader::new(socket.try_clone().unwrap());
            while lines.read_line(&mut head).unwrap_or(0) > 2 {}
            heard.lock().unwrap().push(head);
            socket.write_all(format!("HTTP/1.1 {answer}\r\nx: y\r\n\r\n").as_bytes()).unwrap();
            let there = TcpStream::connect(to).unwrap();
            let (mut back, mut run) = (there.try_clone().unwrap(), socket.try_clone().unwrap());
            let mut there = there;
            std::thread::spawn(move || {
                let _ended = std::io::copy(&mut lines, &mut there);
                there.shutdown(std::net::Shutdown::Write)
            });
            std::thread::spawn(move || {
                std::io::copy(&mut back, &mut run).and_then(|_| run.shutdown(std::net::Shutdown::Both))
            });
        }
    });
    (address, asked)
}

/// The proxy of a run in that network. Nothing outside has an address here.
fn inside(change: impl FnOnce(&mut Config)) -> (Proxy, Arc<Mutex<Vec<SocketAddr>>>) {
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let names = vec![
        ("nexus.corp", vec!["10.1.2.3"]),
        ("a.build.corp", vec!["192.168.7.7"]),
        ("pypi.org", vec!["203.0.113.80"]),
        ("own.corp", vec!["127.0.0.1"]),
        ("metadata.corp", vec!["169.254.169.254"]),
        ("mixed.corp", vec!["10.1.2.3", "10.9.9.9"]),
    ];
    let net = Net { names, here: shouting(), dialled: dialled.clone() };
    let change = |config: &mut Config| {
        config.model = None;
        config.allow = ["pypi.org", "index.crates.io", "mixed.corp"].map(str::to_owned).to_vec();
        change(config);
    };
    (Proxy::outside(Wire::AnthropicMessages, "http://127.0.0.1:1", change, Box::new(net)), dialled)
}

fn named(entries: &[&str]) -> impl FnOnce(&mut Config) {
    let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
    move |config| config.allow_inside = entries
}

fn shouted(proxy: &Proxy, target: &str) -> Answer {
    let mut socket = proxy.connect();
    socket.write_all(format!("{}hello", connect(target)).as_bytes()).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = Vec::new();
    socket.read_to_end(&mut text).unwrap();
    Answer::of(&text)
}

#[test]
fn what_is_named_inside_is_reached_and_nothing_beside_it() {
    let entries = ["nexus.corp", "nexus.corp:8443", "*.build.corp", "pypi.org", "own.corp", "metadata.corp"];
    let (proxy, dialled) = inside(named(&entries));
    for target in ["nexus.corp:443", "nexus.corp:8443", "a.build.corp:443", "pypi.org:443"] {
        let answer = shouted(&proxy, target);
        assert_eq!((answer.status, answer.body.as_str()), (200, "HELLO bye"), "{target}");
    }
    for target in [
        "nexus.corp:22",
        "a.build.corp:8443",
        "build.corp:443",
        "10.1.2.3:443",
        "own.corp:443",
        "metadata.corp:443",
        "mixed.corp:443",
    ] {
        let answer = shouted(&proxy, target);
        assert_eq!(answer.status, 403, "{target}: {}", answer.body);
        assert!(answer.body.contains("egress.allow_inside"), "{target}: {}", answer.body);
    }
    assert_eq!(dialled.lock().unwrap().len(), 4);
}

#[test]
fn networks_open_addresses_by_themselves_and_for_names_that_are_let_out() {
    let (proxy, _) = inside(named(&["10.0.0.0/8", "127.0.0.2:81", "203.0.113.0/24"]));
    for target in ["10.1.2.3:443", "127.0.0.2:81", "mixed.corp:443", "pypi.org:443"] {
        assert_eq!(shouted(&proxy, target).status, 200, "{target}");
    }
    for target in ["11.1.2.3:443", "10.1.2.3:80", "127.0.0.2:443", "169.254.169.254:443", "nexus.corp:443"] {
        assert_eq!(shouted(&proxy, target).status, 403, "{target}");
    }
}

#[test]
fn an_inner_host_without_tls_gets_the_request_without_the_runs_key() {
    let (proxy, _) = inside(named(&["nexus.corp:8081"]));
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("orch:{RUN_KEY}"));
    let asked = |target: &str, key: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nhost: nexus.corp:8081\r\nx-one: 1\r\n{key}\r\n");
        let mut socket = proxy.connect();
        socket.write_all(head.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text
    };
    let key = format!("proxy-authorization: Basic {basic}\r\nconnection: keep-alive\r\n");
    // The host here repeats what it hears, in capitals.
    let heard = asked("http://nexus.corp:8081/simple/six/?x=1", &key);
    assert_eq!(
        heard,
        "GET /SIMPLE/SIX/?X=1 HTTP/1.1\r\nHOST: NEXUS.CORP:8081\r\nX-ONE: 1\r\nCONNECTION: CLOSE\r\n\r\n bye"
    );
    assert!(asked("http://nexus.corp:8081/", "").starts_with("HTTP/1.1 407"));
    for target in ["http://nexus.corp/", "http://pypi.org/", "http://u:p@nexus.corp:8081/"] {
        assert!(asked(target, &key).starts_with("HTTP/1.1 403"), "{target}");
    }
}

/// A login for the proxy of the network, in a file as people have it.
fn with_login(folder: &Path, address: SocketAddr) -> OuterProxy {
    let file = folder.join("password");
    write_key(&file, "hush-hush");
    OuterProxy { login: Some(("ann".to_owned(), file)), ..OuterProxy::read(&format!("http://{address}")).unwrap() }
}

#[test]
fn everything_outside_goes_through_the_proxy_and_everything_inside_does_not() {
    let (address, asked) = outer("200 fine", shouting());
    let folder = tempfile::tempdir().unwrap();
    let login = with_login(folder.path(), address);
    let change = move |config: &mut Config| {
        config.proxy = Some(login);
        config.allow_inside = vec!["nexus.corp".to_owned()];
    };
    let (mut proxy, dialled) = inside(change);
    // Nobody here knows where this is: the proxy does.
    let answer = shouted(&proxy, "index.crates.io:443");
    assert_eq!((answer.status, answer.body.as_str()), (200, "HELLO bye"));
    assert_eq!(shouted(&proxy, "nexus.corp:443").status, 200);
    assert_eq!(shouted(&proxy, "evil.org:443").status, 403, "a proxy is no way around the list");
    let basic = base64::engine::general_purpose::STANDARD.encode("ann:hush-hush");
    let heard = asked.lock().unwrap().clone();
    let wanted = format!(
        "CONNECT index.crates.io:443 HTTP/1.1\r\nhost: index.crates.io:443\r\nproxy-authorization: Basic {basic}\r\n\r\n"
    );
    assert_eq!(heard, [wanted]);
    let dialled = dialled.lock().unwrap().iter().map(SocketAddr::to_string).collect::<Vec<_>>();
    assert_eq!(dialled, [address.to_string(), "10.1.2.3:443".to_owned()]);
    proxy.stop();
    let told = std::fs::read_to_string(proxy.run_directory().join("egress.jsonl")).unwrap();
    assert!(!told.contains("hush") && !told.contains(&basic), "{told}");
}

#[test]
fn what_a_proxy_refuses_is_told_as_its_own_word() {
    let until = || Instant::now() + Duration::from_secs(10);
    let folder = tempfile::tempdir().unwrap();
    for (answer, words) in [
        ("407 who", "egress.proxy_credential"),
        ("403 no", "does not let pypi.org:443 out: it answered 403"),
        ("banana", "does not answer as a proxy does"),
    ] {
        let (address, _) = outer(answer, shouting());
        let told = with_login(folder.path(), address).open("pypi.org", 443, &Network, until()).unwrap_err();
        assert!(told.contains(words) && told.contains(&address.to_string()) && !told.contains("hush"), "{told}");
    }
    let nobody = with_login(folder.path(), "127.0.0.1:1".parse().unwrap());
    let told = nobody.open("pypi.org", 443, &Network, until()).unwrap_err();
    assert!(told.contains("cannot be reached"), "{told}");
    let file = folder.path().join("password");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = nobody.open("pypi.org", 443, &Network, until()).unwrap_err();
    assert!(told.contains("chmod 600"), "{told}");
}

#[test]
fn a_silent_proxy_is_not_waited_for_without_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = OuterProxy::read(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let told = proxy.open("pypi.org", 443, &Network, Instant::now() + Duration::from_millis(200)).unwrap_err();
    assert!(told.contains("does not answer"), "{told}");
}
