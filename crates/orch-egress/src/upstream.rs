//! The way to the vendor: TLS, and connections that are used again.

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::line::{Line, Patience, Socket};
use crate::outer::OuterProxy;
use crate::tunnel::{Network, Ways};

/// A connection at rest for longer is not used again: vendors close theirs after a minute or more.
const REST_MAX: Duration = Duration::from_secs(30);
/// Connections at rest that are kept.
const KEPT: usize = 4;

/// A vendor's address.
pub struct Upstream {
    /// Host, as the `host` header names it.
    pub authority: String,
    /// Path before the vendor's own paths; without a slash at its end.
    pub prefix: String,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    limit: Duration,
    /// The proxy of the network, unless it is a host of that network.
    proxy: Option<OuterProxy>,
    at_rest: Mutex<Vec<(Line, Instant)>>,
}

/// Whether a vendor's address can be used: https, or http to a loopback address; no user and no query in it.
pub fn check(base_url: &str) -> bool {
    Upstream::new("", base_url, None, Duration::ZERO).is_ok()
}

impl Upstream {
    /// Reads `base_url`. `name` is the model's name in the settings; `limit` is for reaching the vendor.
    ///
    /// # Errors
    /// In words, with what to do.
    pub fn new(name: &str, base_url: &str, ca_file: Option<&Path>, limit: Duration) -> Result<Self, String> {
        let wrong =
            |why: &str| format!("models.{name}.base_url {why}: write https://HOST, or http:// and a loopback address");
        // What is wrong is not repeated: an address may carry a password.
        let uri: Uri = base_url.parse().map_err(|_| wrong("is no address"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("has no scheme or no host"));
        };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong("carries a user or a query"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match scheme {
            "https" => {
                let server = ServerName::try_from(host.clone()).map_err(|_| wrong("has a host that is no name"))?;
                Some((Arc::new(client_config(name, ca_file)?), server))
            }
            "http" if is_loopback(&host) => None,
            "http" => return Err(wrong("would send the key in the clear")),
            _ => return Err(wrong("has another scheme")),
        };
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            port: authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            prefix: path.strip_suffix("/v1").unwrap_or(path).to_owned(),
            host,
            tls,
            limit,
            proxy: None,
            at_rest: Mutex::new(Vec::new()),
        })
    }

    /// The same, reached as `ways` say: through the proxy, unless it is inside or on this machine.
    #[must_use]
    pub fn by(mut self, ways: &Ways) -> Self {
        let near = is_loopback(&self.host) || ways.is_inside(&self.host, self.port);
        self.proxy = ways.proxy.clone().filter(|_| !near);
        self
    }

    /// A connection: one at rest, or a new one. The end of `watch` ends the attempt.
    ///
    /// # Errors
    /// Why the vendor cannot be reached.
    pub fn take(&self, watch: Option<BorrowedFd<'_>>) -> Result<Line, String> {
        loop {
            let rested = self.at_rest.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((mut line, since)) = rested else { break };
            if since.elapsed() < REST_MAX && line.is_at_rest() {
                return Ok(line);
            }
        }
        let unreachable = |why: String| format!("{} cannot be reached: {why}", self.authority);
        let until = Instant::now() + self.limit;
        if let Some(proxy) = &self.proxy {
            let socket = proxy.open(&self.host, self.port, &Network, until)?;
            return self.greet(socket, Patience { until, watch }).map_err(unreachable);
        }
        let addresses = (self.host.as_str(), self.port).to_socket_addrs().map_err(|e| unreachable(e.to_string()))?;
        let mut why = "its name has no address".to_owned();
        for address in addresses {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(socket) => return self.greet(socket, Patience { until, watch }).map_err(unreachable),
                Err(error) => why = error.to_string(),
            }
        }
        Err(unreachable(why))
    }

    fn greet(&self, socket: TcpStream, patience: Patience<'_>) -> Result<Line, String> {
        let tls = match &self.tls {
            Some((config, server)) => {
                Some(ClientConnection::new(config.clone(), server.clone()).map_err(|e| e.to_string())?)
            }
            None => None,
        };
        let mut line = Line::new(Socket::Tcp(socket), tls).map_err(|e| e.to_string())?;
        line.handshake(patience).map_err(|trouble| trouble.words())?;
        Ok(line)
    }

    /// Puts a connection to rest whose last answer was read to its end.
    pub fn give_back(&self, line: Line) {
        let mut at_rest = self.at_rest.lock().unwrap_or_else(PoisonError::into_inner);
        if at_rest.len() < KEPT && line.data().is_empty() {
            at_rest.push((line, Instant::now()));
        }
    }
}

/// `localhost`, or an address of this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn client_config(name: &str, ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        let wrong = |why: String| format!("models.{name}.ca_file {} {why}", file.display());
        let authorities = CertificateDer::pem_file_iter(file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let before = roots.len();
        for authority in authorities {
            let authority = authority.map_err(|e| wrong(format!("is no PEM: {e}")))?;
            roots.add(authority).map_err(|e| wrong(format!("holds what is no authority: {e}")))?;
        }
        if roots.len() == before {
            return Err(wrong("holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
