//! The proxy of a network that has one: what is outside of it is reached through that.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use http::Uri;
use serde::{Deserialize, Serialize};

use crate::tunnel::Outside;

/// A longer answer is none.
const HEAD_MAX: usize = 16 << 10;

/// `egress.proxy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OuterProxy {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are there, if it asks: the user, and the file with the password on its first line.
    #[serde(default)]
    pub login: Option<(String, PathBuf)>,
}

impl OuterProxy {
    /// Reads `http://HOST:PORT`. `None` if it is something else: no login stands in it.
    pub fn read(address: &str) -> Option<Self> {
        let uri: Uri = address.parse().ok()?;
        let authority = uri.authority()?;
        let plain = uri.scheme_str() == Some("http") && !authority.as_str().contains('@');
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        (plain && bare && !host.is_empty()).then_some(Self { host, port: authority.port_u16()?, login: None })
    }

    /// A connection through it to `name` at `port`.
    ///
    /// # Errors
    /// In words: it cannot be reached, wants another login, or does not let this out.
    pub fn open(&self, name: &str, port: u16, outside: &dyn Outside, until: Instant) -> Result<TcpStream, String> {
        let place = format!("the proxy {}:{} (egress.proxy)", self.host, self.port);
        let unreachable = |why: String| format!("{place} cannot be reached: {why}");
        let login = self.login.as_ref().map(|(user, file)| login(user, file)).transpose()?;
        let addresses = match self.host.parse() {
            Ok(address) => vec![address],
            Err(_) => outside.resolve(&self.host).map_err(|e| unreachable(e.to_string()))?,
        };
        let mut why = "its name has no address".to_owned();
        for address in addresses {
            match outside.dial(SocketAddr::new(address, self.port), left(until)) {
                Ok(mut socket) => {
                    let header = login.map(|login| format!("proxy-authorization: Basic {login}\r\n"));
                    let authority =
                        if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
                    let head = format!(
                        "CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{}\r\n",
                        header.unwrap_or_default()
                    );
                    return match asked(&mut socket, &head, until) {
                        Ok(200..=299) => Ok(socket),
                        Ok(407) => Err(format!("{place} wants another login: set egress.proxy_credential")),
                        Ok(status) => Err(format!("{place} does not let {name}:{port} out: it answered {status}")),
                        Err(words) => Err(format!("{place} {words}")),
                    };
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(unreachable(why))
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn login(user: &str, file: &Path) -> Result<String, String> {
    let place = format!("the password for egress.proxy in {}", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| format!("{place} cannot be read: {e}"))?;
    if std::fs::metadata(file).map_or(0, |known| known.mode()) & 0o077 != 0 {
        return Err(format!("{place} may be read by others: chmod 600 {}", file.display()));
    }
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(password) => Ok(base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))),
        None => Err(format!("{place} is empty: write it on the first line")),
    }
}

/// Sends a CONNECT and reads the head of its answer, and no byte of what follows: that is the host's.
fn asked(socket: &mut TcpStream, head: &str, until: Instant) -> Result<u16, String> {
    let broke = |e: std::io::Error| match e.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "does not answer".to_owned(),
        _ => format!("broke off: {e}"),
    };
    socket.set_write_timeout(Some(left(until))).map_err(broke)?;
    socket.write_all(head.as_bytes()).map_err(broke)?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > HEAD_MAX || Instant::now() >= until {
            return Err("does not answer as a proxy does".to_owned());
        }
        socket.set_read_timeout(Some(left(until))).map_err(broke)?;
        match socket.read(&mut byte) {
            Ok(0) => return Err("hung up".to_owned()),
            Ok(_) => answer.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(broke(error)),
        }
    }
    socket.set_read_timeout(None).map_err(broke)?;
    socket.set_write_timeout(None).map_err(broke)?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    status.ok_or_else(|| "does not answer as a proxy does".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_carries_no_login() {
        let proxy = OuterProxy::read("http://proxy.corp:3128").unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.corp", 3128));
        assert_eq!(OuterProxy::read("http://[::1]:3128/").unwrap().host, "::1");
        for bad in [
            "",
            "proxy.corp:3128",
            "https://proxy.corp:3128",
            "http://proxy.corp",
            "http://u:p@proxy.corp:1",
            "http://proxy.corp:1/x",
            "socks5://p:1",
        ] {
            assert_eq!(OuterProxy::read(bad), None, "{bad}");
        }
    }
}
