//! What a running service leaves in the state directory for those who look for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};

/// `service.json`: written when the service listens, removed when it ends. May outlive a service that was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ServiceFile {
    port: u16,
    pid: u32,
    /// The address it listens on; left out by releases that knew 127.0.0.1 alone.
    #[serde(default = "loopback")]
    listen: IpAddr,
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

/// A service that runs, or did.
#[derive(Clone, PartialEq, Eq)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
    /// What it asks for; never printed.
    pub token: String,
}

impl Running {
    /// What the files `service.json` and `token` in `state` say; `None` if no service has left them.
    ///
    /// # Errors
    /// [`Exit::Settings`] if they are there and cannot be read.
    pub fn read(state: &Utf8Path) -> Result<Option<Self>, Failure> {
        let file = state.join("service.json");
        let Some(text) = read(&file)? else { return Ok(None) };
        let ServiceFile { port, pid, listen } = serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Settings, format!("the file of the running service cannot be read: {error}"))
                .at(file.to_string())
                .fix("remove the file; if a service runs, restart it: orch up writes a new one")
        })?;
        let file = state.join("token");
        let token = read(&file)?.ok_or_else(|| {
            Failure::new(Exit::Settings, "the service runs, but its token is missing")
                .at(file.to_string())
                .fix("wait a moment: the service puts it back; if it does not, restart it")
        })?;
        let address = SocketAddr::new(listen, port);
        Ok(Some(Self { address, pid, token: token.trim().to_owned() }))
    }

    /// Where it answers; on this machine itself if it listens on all addresses.
    pub fn base(&self) -> String {
        let address = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(address, self.address.port()))
    }
}

fn read(file: &Utf8PathBuf) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Exit::Settings, format!("the file cannot be read: {error}"))
            .at(file.to_string())
            .fix("run orch as the user the service runs as")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        assert!(Running::read(state).unwrap().is_none());
        std::fs::write(state.join("service.json"), r#"{"port":8500,"pid":7}"#).unwrap();
        assert_eq!(Running::read(state).err().unwrap().place, Some(state.join("token").to_string()));
        std::fs::write(state.join("token"), "secret\n").unwrap();
        let running = Running::read(state).unwrap().unwrap();
        assert_eq!(
            (running.base().as_str(), running.pid, running.token.as_str()),
            ("http://127.0.0.1:8500", 7, "secret")
        );
        for (listen, base) in
            [("::1", "http://[::1]:8500"), ("0.0.0.0", "http://127.0.0.1:8500"), ("::", "http://[::1]:8500")]
        {
            let text = format!(r#"{{"port":8500,"pid":7,"listen":"{listen}"}}"#);
            std::fs::write(state.join("service.json"), text).unwrap();
            assert_eq!(Running::read(state).unwrap().unwrap().base(), base);
        }
        std::fs::write(state.join("service.json"), "{").unwrap();
        assert_eq!(Running::read(state).err().unwrap().exit, Exit::Settings);
    }
}
