//! A server of git repositories by ssh on this machine: the real `sshd`, one process for each connection.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fixture::run;

/// The server; it ends with the test process.
pub struct SshServer {
    root: PathBuf,
    port: u16,
    account: String,
}

impl SshServer {
    /// Serves `root/shop.git`, a bare repository that is made from `source`; why it cannot, if a program is missing.
    pub fn new(root: &Path, source: &Path) -> Result<Self, String> {
        let sshd =
            ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|p| Path::new(p).exists());
        let sshd = sshd.ok_or("there is no sshd")?;
        std::fs::create_dir_all(root).expect("a folder is made");
        let bare = root.join("shop.git");
        run(root, ["clone".as_ref(), "--quiet".as_ref(), "--bare".as_ref(), source.as_os_str(), bare.as_os_str()]);
        for key in ["host_key", "client_key", "other_key"] {
            let mut keygen = Command::new("ssh-keygen");
            let made = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(root.join(key)).status();
            if !made.is_ok_and(|status| status.success()) {
                return Err("ssh-keygen makes no key".to_owned());
            }
        }
        std::fs::copy(root.join("client_key.pub"), root.join("authorized_keys")).expect("a file is copied");
        std::fs::set_permissions(root.join("authorized_keys"), PermissionsExt::from_mode(0o600)).expect("a mode");
        let account = Command::new("id").arg("-un").output().map_err(|error| error.to_string())?;
        let account = String::from_utf8_lossy(&account.stdout).trim().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let public = std::fs::read_to_string(root.join("host_key.pub")).expect("a key");
        std::fs::write(root.join("known_hosts"), format!("[127.0.0.1]:{port} {public}")).expect("a file");
        // Root's sshd wants it, and the unit that makes it may never have run.
        drop(std::fs::create_dir("/run/sshd"));
        let serving = root.to_path_buf();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (input, output) = (connection.try_clone().expect("a socket"), connection);
                let mut server = Command::new(sshd);
                server.args(["-i", "-e", "-f", "/dev/null"]);
                for (option, value) in [
                    ("HostKey", format!("\"{}\"", serving.join("host_key").display())),
                    ("AuthorizedKeysFile", format!("\"{}\"", serving.join("authorized_keys").display())),
                    ("StrictModes", "no".to_owned()),
                    ("UsePAM", "no".to_owned()),
                    ("PasswordAuthentication", "no".to_owned()),
                ] {
                    server.arg("-o").arg(format!("{option}={value}"));
                }
                server.stdin(Stdio::from(OwnedFd::from(input))).stdout(Stdio::from(OwnedFd::from(output)));
                if let Ok(mut server) = server.stderr(Stdio::null()).spawn() {
                    std::thread::spawn(move || drop(server.wait()));
                }
            }
        });
        let server = Self { root: root.to_path_buf(), port, account };
        server.lets_us_in().map(|()| server)
    }

    /// An account without a password, or without a shell, is let in by nobody.
    fn lets_us_in(&self) -> Result<(), String> {
        // In quotation marks: ssh divides what stands there at blanks.
        let option = |name: &str, value: &Path| format!("-o{name}=\"{}\"", value.display());
        let tried = Command::new("ssh")
            .args(["-F", "/dev/null", "-T", "-oBatchMode=yes", "-oIdentitiesOnly=yes", "-p", &self.port.to_string()])
            .arg(option("UserKnownHostsFile", &self.known_hosts()))
            .arg(option("IdentityFile", &self.key()))
            .arg(format!("{}@127.0.0.1", self.account))
            .arg("git --version")
            .output();
        match tried {
            Ok(tried) if tried.status.success() => Ok(()),
            Ok(tried) => Err(String::from_utf8_lossy(&tried.stderr).trim().replace('\n', "; ")),
            Err(error) => Err(error.to_string()),
        }
    }

    pub fn url(&self) -> String {
        let path = self.repository().display().to_string().replace(' ', "%20");
        format!("ssh://{}@127.0.0.1:{}{path}", self.account, self.port)
    }

    pub fn repository(&self) -> PathBuf {
        self.root.join("shop.git")
    }

    /// The key that it lets in.
    pub fn key(&self) -> PathBuf {
        self.root.join("client_key")
    }

    /// One that it does not.
    pub fn other_key(&self) -> PathBuf {
        self.root.join("other_key")
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.root.join("known_hosts")
    }
}
