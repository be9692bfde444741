//! What stands on the way to a folder of a commit and is no folder: nothing could be written below it.

use crate::error::{Error, Result};
use crate::evidence::tree_of;
use crate::forge::Forge;
use crate::git::Git;
use crate::tree::{self, Mode};
use crate::words::{CommitId, RepoPath};

impl Forge {
    /// What stands on the way to a folder at a commit, as `docs is a symbolic link`; `None` if nothing does.
    ///
    /// # Errors
    /// As every call of git.
    pub fn obstacle(&self, commit: &CommitId, folder: &RepoPath) -> Result<Option<String>> {
        let mut objects = self.objects()?;
        let mut id = tree_of(&mut objects, commit)?;
        let mut end = 0;
        for part in folder.as_str().split('/') {
            end += part.len();
            let Some(entry) = tree::read(&mut objects, &id)?.remove(part.as_bytes()) else { return Ok(None) };
            let what = match entry.mode {
                Mode::Folder => "",
                Mode::Symlink => LINK,
                Mode::Submodule => SUBMODULE,
                Mode::File | Mode::Executable => FILE,
            };
            if !what.is_empty() {
                return Ok(Some(format!("{} is {what}", &folder.as_str()[..end])));
            }
            id = entry.id;
            end += 1;
        }
        Ok(None)
    }
}

const LINK: &str = "a symbolic link";
const SUBMODULE: &str = "a submodule";
const FILE: &str = "a file";

/// As [`Forge::obstacle`], in a repository of the user's.
///
/// # Errors
/// As every call of git.
pub fn obstacle_in(git: &Git, path: &std::path::Path, commit: &CommitId, folder: &RepoPath) -> Result<Option<String>> {
    let call = git.call(path).setting("safe.directory", "*").args(["--literal-pathspecs"]);
    let ends = folder.as_str().match_indices('/').map(|(at, _)| at).chain([folder.as_str().len()]);
    let way: Vec<&str> = ends.map(|end| &folder.as_str()[..end]).collect();
    let call = call.args(["ls-tree", "-z", "--full-tree", commit.as_str(), "--"]).args(way.clone());
    let shown = call.shown();
    let answer = call.text_raw()?;
    for line in answer.split('\0').filter(|line| !line.is_empty()) {
        let odd = || Error::Unexpected { command: shown.clone(), answer: line.to_owned() };
        let (entry, path) = line.split_once('\t').ok_or_else(odd)?;
        let what = match entry.get(..6).ok_or_else(odd)? {
            // What is beside the way, git lists with it.
            _ if !way.contains(&path) => continue,
            "040000" => continue,
            "120000" => LINK,
            "160000" => SUBMODULE,
            _ => FILE,
        };
        return Ok(Some(format!("{path} is {what}")));
    }
    Ok(None)
}
