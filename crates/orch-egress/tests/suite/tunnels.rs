//! CONNECT.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use orch_egress::tunnel::{Closed, Outside, open};
use orch_egress::{Config, Listen, Ways, Wire};

use crate::world::{Answer, Proxy, RUN_KEY};

/// A name service that says what it is told, and a network on which every address is one local listener.
pub struct Net {
    pub names: Vec<(&'static str, Vec<&'static str>)>,
    pub here: SocketAddr,
    pub dialled: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Outside for Net {
    fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.names.iter().find(|(n, _)| *n == name).ok_or_else(|| io::Error::other("no such name"))?;
        Ok(found.1.iter().map(|address| address.parse().unwrap()).collect())
    }
    fn dial(&self, address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
        self.dialled.lock().unwrap().push(address);
        // The proxy of the network is a real one.
        let real = address.ip() == IpAddr::from([127, 0, 0, 1]);
        TcpStream::connect_timeout(if real { &address } else { &self.here }, limit)
    }
}

/// Sends back what it gets, in capitals, until its end.
pub fn shouting() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut piece = [0; 10_000];
                while let Ok(n @ 1..) = socket.read(&mut piece) {
                    socket.write_all(&piece[..n].to_ascii_uppercase()).unwrap();
                }
                socket.write_all(b" bye").unwrap();
            });
        }
    });
    address
}

fn net() -> (Net, Arc<Mutex<Vec<SocketAddr>>>) {
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let names = vec![
        ("pypi.org", vec!["151.101.0.223"]),
        ("rebinding.org", vec!["8.8.8.8", "127.0.0.1"]),
        ("metadata.org", vec!["169.254.169.254"]),
        ("six.org", vec!["::ffff:10.0.0.1"]),
    ];
    (Net { names, here: shouting(), dialled: dialled.clone() }, dialled)
}

fn list() -> Vec<String> {
    ["pypi.org", "rebinding.org", "metadata.org", "six.org", "nowhere.org"].map(str::to_owned).to_vec()
}

fn proxy(change: impl FnOnce(&mut Config)) -> Proxy {
    let change = |config: &mut Config| {
        config.model = None;
        config.allow = list();
        change(config);
    };
    Proxy::outside(Wire::AnthropicMessages, "http://127.0.0.1:1", change, Box::new(net().0))
}

pub fn connect(target: &str) -> String {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("orch:{RUN_KEY}"));
    format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\nproxy-authorization: Basic {basic}\r\n\r\n")
}

#[test]
fn a_tunnel_carries_bytes_both_ways_and_half_ends() {
    let mut proxy = proxy(|_| {});
    let mut socket = proxy.connect();
    // The first bytes of TLS may come with the request.
    socket.write_all(format!("{}hello ", connect("PyPI.org:443")).as_bytes()).unwrap();
    let long = "words ".repeat(100_000);
    let mut writer = socket.try_clone().unwrap();
    let sent = long.clone();
    let writes = std::thread::spawn(move || {
        writer.write_all(sent.as_bytes()).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    writes.join().unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert_eq!(body, format!("HELLO {} bye", long.to_uppercase()));
    proxy.stop();
    assert!(!proxy.run_directory().join("metered.json").exists(), "no model, no counts");
    let line = &proxy.journal()[0];
    assert_eq!((line["kind"].as_str(), line["bytes_out"].as_u64()), (Some("connect"), Some(600_006)));
    assert_eq!(line["bytes_in"], 600_010);
}

#[test]
fn a_tunnel_is_opened_with_the_runs_key_alone() {
    let over_tcp = proxy(|_| {});
    for header in
        ["", "proxy-authorization: Basic bm9uZTpub25l\r\n", &format!("proxy-authorization: Bearer {RUN_KEY}\r\n")]
    {
        let answer = over_tcp.raw(format!("CONNECT pypi.org:443 HTTP/1.1\r\n{header}\r\n").as_bytes());
        assert_eq!(answer.status, 407, "{header}");
    }
    let local = proxy(|config| config.listen = Listen::Unix(config.run_directory.join("p.sock")));
    let mut socket = std::os::unix::net::UnixStream::connect(local.run_directory().join("p.sock")).unwrap();
    socket.write_all(connect("pypi.org:443").as_bytes()).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = Vec::new();
    socket.read_to_end(&mut text).unwrap();
    assert_eq!(Answer::of(&text).status, 200);
}

#[test]
fn what_is_not_let_out_is_refused_with_the_setting_to_change() {
    let proxy = proxy(|_| {});
    for target in [
        "evil.com:443",
        "pypi.org:80",
        "pypi.org:22",
        "127.0.0.1:443",
        "[::1]:443",
        "2130706433:443",
        "0x7f.1:443",
        "metadata.org:443",
        "rebinding.org:443",
        "six.org:443",
        "a.pypi.org:443",
        "pypi.org",
        "pypi.org:443:443",
    ] {
        let answer = proxy.raw(connect(target).as_bytes());
        assert_eq!(answer.status, 403, "{target}: {}", answer.body);
        let names_it = answer.body.contains("egress.allow") || target == "pypi.org";
        assert!(names_it, "{target}: {}", answer.body);
    }
    assert_eq!(proxy.raw(connect("nowhere.org:443").as_bytes()).status, 502);
    let refused = proxy.journal().iter().filter(|line| line["refused"].is_string()).count();
    assert_eq!(refused, 14);
    let told = orch_egress::journal::refused(&proxy.run_directory());
    assert!(told.len() == 5 && told[0].starts_with("evil.com is not let out"), "{told:?}");
}

#[test]
fn what_is_dialled_is_what_was_looked_at() {
    let (net, dialled) = net();
    let limit = Duration::from_secs(10);
    let ways = Ways::read(&list(), &[], None).unwrap();
    assert!(open("pypi.org.:443", &ways, &net, limit).is_ok());
    assert_eq!(*dialled.lock().unwrap(), ["151.101.0.223:443".parse().unwrap()]);
    for target in ["rebinding.org:443", "metadata.org:443", "six.org:443", "evil.com:443"] {
        assert!(matches!(open(target, &ways, &net, limit), Err(Closed::Refused(_))), "{target}");
    }
    assert_eq!(dialled.lock().unwrap().len(), 1, "nothing else was touched");
}

#[test]
fn a_silent_tunnel_is_ended() {
    let proxy = proxy(|config| config.limits.tunnel_idle_ms = 200);
    let mut socket = proxy.connect();
    socket.write_all(connect("pypi.org:443").as_bytes()).unwrap();
    let mut text = Vec::new();
    socket.read_to_end(&mut text).unwrap();
    assert_eq!(Answer::of(&text).status, 200);
}

#[test]
fn an_entry_that_is_no_name_stops_the_proxy_at_its_start() {
    let proxy = proxy(|config| config.allow = vec!["https://pypi.org".to_owned()]);
    let problem = proxy.first_line["problem"].as_str().unwrap();
    assert!(problem.contains("egress.allow") && problem.contains("https://pypi.org"), "{problem}");
}

#[test]
fn a_run_without_a_model_is_told_so() {
    let answer = proxy(|_| {}).ask("/v1/messages", "{}");
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("[models]"), "{}", answer.body);
}
