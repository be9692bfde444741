//! The only caller of the git program.
//!
//! Everything is synchronous: a caller with an event loop moves the call to a blocking thread.
//! Every git process gets a pinned environment ([`Git`]), a time limit and its own process group.
//!
//! The map:
//!
//! * [`Git`]: finding the program, the pinned environment, the time limit.
//! * [`Source`]: looking at the user's own repository, once, before anything is built on it.
//! * [`Forge`]: the *local forge*, a bare repository in Orchestrion's state directory that owns all its
//!   objects. All the rest are its methods: clones for attempts, collecting what an attempt committed,
//!   evidence, candidates, landing, upkeep.
//! * [`Remote`]: a repository on a server, reached by https or ssh.
//! * [`Forge::parcel_command`]: the command that packs what an agent left, to be run *inside* its sandbox.
//!
//! What never happens here:
//!
//! * Git never runs *in* a directory an agent could write, and nothing of such a directory is opened. A clone's
//!   files, index and settings are agent territory; what comes home is a parcel that the run itself packed
//!   ([`Forge::parcel_command`], [`Forge::collect`]).
//! * Nothing is read from the file system that could be read from git objects: a document that is a symbolic
//!   link or a FIFO is an object with a mode, and is refused by its mode.
//! * No submodule and no LFS object is fetched: both are carried as the pointers they are.
//! * The environment is not read and no wall clock is asked. The search path and times are arguments; the only
//!   clock is the monotonic one behind the time limit of a process.
//!
//! Refs of the local forge:
//!
//! | ref | meaning |
//! |---|---|
//! | `refs/heads/<base>` | the base branch; moves only by [`Forge::land`], [`Forge::sync_base`] or a user's push |
//! | `refs/heads/<branch>` | published task branches |
//! | `refs/orch/upstream/<base>` | the user's base branch as last seen |
//! | `refs/orch/remote/<remote>/<branch>` | a branch of a forge on another machine as last fetched |
//! | `refs/orch/taken/<base>` | the user's tip that was taken over last: what they may not take back unnoticed |
//! | `refs/orch/left/<commit>` | a tip of the base branch that its user gave up |
//! | `refs/orch/pin/<task>/<attempt>` | the commit a live clone started from; keeps its objects |
//! | `refs/orch/attempts/<task>/<attempt>` | what an attempt committed |
//! | `refs/orch/told/<task>/<attempt>` | what was said of it: left out, refused |
//! | `refs/orch/database/<id>` | a database that has worked with this forge |
//! | `refs/orch/archive/<task>` | the last head of a cancelled task |

#![deny(missing_docs)]

mod branches;
mod candidate;
mod clone;
mod collect;
mod commits;
mod copy;
mod delivered;
mod error;
mod evidence;
mod forge;
mod git;
mod history;
mod landing;
mod locks;
mod objects;
mod obstacle;
mod own_commit;
mod own_pull;
mod parcel;
mod patch_id;
mod process;
mod refs;
mod remote;
mod set_aside;
mod source;
mod standing;
mod tree;
mod upkeep;
mod upstream;
mod weakened;
mod words;

pub use candidate::{Candidate, CandidateRequest, Leaving, Merged, Signature};
pub use clone::{CloneRequest, Overlay, remove_clone};
pub use collect::{CollectLimits, CollectRequest};
pub use copy::copy_forge;
pub use delivered::Delivered;
pub use error::{Error, Result};
pub use evidence::{Document, DocumentContent, DocumentLimits, Evidence, EvidenceRequest, Refusal};
pub use forge::{Forge, Opened, Origin};
pub use git::{Git, MINIMUM_VERSION, Version};
pub use history::FileAt;
pub use landing::{Landing, Published};
pub use obstacle::obstacle_in;
pub use own_commit::OwnRepository;
pub use own_pull::Brought;
pub use parcel::ParcelRequest;
pub use remote::{Access, MayPush, Pushed, Remote, RemoteError, RemoteTrouble, RemoteUrl, Secret};
pub use set_aside::SetAsideRequest;
pub use source::{BaseFrom, Source, UserEnvironment, usual_base};
pub use standing::{LandedWork, TakenNumbers};
pub use tree::{Change, ChangeStatus, Mode};
pub use upkeep::{Packing, Upkept};
pub use upstream::{RemoteAdded, Synced, forge_of, remote_of_user};
pub use weakened::Weakened;
pub use words::{BranchName, CodeId, CommitId, Identity, InvalidName, PatchId, RemoteName, RepoPath, TaskKey, TreeId};
