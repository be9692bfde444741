//! What a running service leaves in its state folder for those who look for it: its address and its token. Both are put
//! back when somebody takes them away, for without them nobody gets in; without the folder itself the service ends.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::exit::{Exit, Failure};
use crate::settings::{Paths, secret};

/// Between two looks; whoever took a file away waits so long.
const EVERY: Duration = Duration::from_secs(2);

/// The files of this service; the one with its address is gone with it, however it ends.
pub struct Left {
    paths: Paths,
    address: String,
    token: secret::Secret,
    /// Device and inode of the state folder.
    folder: Option<(u64, u64)>,
}

impl Left {
    /// Leaves them. The token is there already.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write(paths: &Paths, bound: SocketAddr, token: &secret::Secret) -> Result<Self, Failure> {
        let address =
            serde_json::json!({"listen": bound.ip(), "port": bound.port(), "pid": std::process::id()}).to_string();
        write_address(&paths.service_file(), &address).map_err(|error| {
            Failure::new(Exit::Failed, format!("the service cannot leave its address: {error}"))
                .at(paths.service_file().to_string())
                .fix("make the state folder writable")
        })?;
        Ok(Self { paths: paths.clone(), address, token: token.clone(), folder: identity(&paths.state) })
    }

    /// Puts back what somebody took away or emptied. Ends when the state folder is not there any more.
    pub async fn keep(&self) -> Failure {
        loop {
            tokio::time::sleep(EVERY).await;
            if identity(&self.paths.state) != self.folder {
                tracing::error!("the state folder {} was taken away: the service ends", self.paths.state);
                return Failure::new(Exit::Failed, "the state folder was taken away while the service worked in it")
                    .at(self.paths.state.to_string())
                    .fix("put it back, or a backup of it: orch restore FOLDER; then: orch up");
            }
            let token = secret::put_back_token(&self.paths, &self.token);
            let address = match std::fs::read_to_string(self.paths.service_file()) {
                Ok(text) if text == self.address => Ok(false),
                _ => write_address(&self.paths.service_file(), &self.address).map(|()| true),
            };
            for (what, put_back) in [("token", token), ("service.json", address)] {
                match put_back {
                    Ok(false) => {}
                    Ok(true) => tracing::warn!("{what} of the state folder was missing or changed, and was put back"),
                    Err(error) => tracing::warn!(%error, "{what} of the state folder cannot be put back"),
                }
            }
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        let file: Utf8PathBuf = self.paths.service_file();
        if let Err(error) = std::fs::remove_file(&file) {
            tracing::warn!(%error, "{file} was not removed");
        }
    }
}

fn identity(folder: &Utf8Path) -> Option<(u64, u64)> {
    std::fs::metadata(folder).ok().map(|found| (found.dev(), found.ino()))
}

fn write_address(file: &Utf8Path, text: &str) -> std::io::Result<()> {
    let beside = file.with_extension("json.new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file))
}
