//! Bringing home what an attempt committed.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::forge::{Forge, UPLOAD_PACK, commit_id, fetch, usable};
use crate::words::{CommitId, TaskKey};

impl Forge {
    /// Takes the head of a working copy into `refs/orch/attempts/<task>/<attempt>` and gives it. It may equal
    /// `start`: then nothing was committed.
    ///
    /// The copy is hostile ground: an agent may have written any file of it, its settings included. Only
    /// `git-upload-pack` reads it, as a process of its own with hooks, monitors, lazy fetching and other
    /// repositories' programs shut off; what arrives is checked object by object (`fetch.fsckObjects`). No process
    /// may be at work in the copy any more.
    ///
    /// # Errors
    /// [`Error::NotDescendant`] if history before `start` was rewritten (the ref then still holds the head, for a
    /// human to look at); [`Error::BrokenClone`] if there is no commit to take, or no repository.
    pub fn collect(&self, clone: &Path, task: &TaskKey, attempt: u64, start: &CommitId) -> Result<CommitId> {
        usable(clone)?;
        let broken = |reason: String| Error::BrokenClone { clone: clone.to_path_buf(), reason };
        // Git would follow a link, or a file that names another place, and wait at a FIFO.
        type IsKind = fn(&fs::FileType) -> bool;
        let expected: [(&str, IsKind, &str); 4] = [
            (".git", fs::FileType::is_dir, "a folder"),
            (".git/HEAD", fs::FileType::is_file, "a file"),
            (".git/objects", fs::FileType::is_dir, "a folder"),
            (".git/config", fs::FileType::is_file, "a file"),
        ];
        for (name, is_kind, kind) in expected {
            match fs::symlink_metadata(clone.join(name)) {
                Ok(found) if is_kind(&found.file_type()) => {}
                Ok(_) => return Err(broken(format!("{name} is not {kind}"))),
                Err(error) => return Err(broken(format!("{name}: {error}"))),
            }
        }
        let name = format!("refs/orch/attempts/{task}/{attempt}");
        let call = fetch(&self.git, &self.path)
            .arg(format!("--upload-pack={UPLOAD_PACK}"))
            .arg("--")
            .arg(clone)
            .arg(format!("+HEAD:{name}"))
            .setting("fetch.fsckObjects", "true");
        let shown = call.shown();
        let ended = call.run()?;
        if ended.code != Some(0) {
            return Err(match ended.failed(shown) {
                Error::Failed { code: Some(_), stderr, .. } => broken(stderr),
                other => other,
            });
        }
        // One question for both: where the ref is, and whether it contains the start.
        let call = self.call().args(["for-each-ref", "--format=%(objectname)", &format!("--contains={start}"), &name]);
        let shown = call.shown();
        let answer = call.text()?;
        if !answer.is_empty() {
            return commit_id(&shown, &answer);
        }
        match self.resolve(&format!("{name}^{{commit}}"))? {
            Some(head) => Err(Error::NotDescendant { start: start.clone(), head }),
            None => Err(broken("its HEAD is not a commit".to_owned())),
        }
    }
}
