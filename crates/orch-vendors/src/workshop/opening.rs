//! A repository that is opened when it is needed, and again after it could not be worked in: one that is away keeps
//! nobody's start, and one that comes back needs none.

use std::sync::{Arc, Mutex, PoisonError};

use orch_ports::{Port, PortError, PortResult};
use orch_rules::port_error::{ErrorKind, ForEffect};

/// Opens one repository, for a call of that port.
type Open = Box<dyn Fn(Port) -> PortResult<orch_git::Forge> + Send + Sync>;

/// A bare repository that need not be open yet; a workshop and a forge share it.
pub struct Opening {
    open: Open,
    opened: Mutex<Option<Arc<orch_git::Forge>>>,
}

/// The opened repository, for one call of a port.
pub struct Bare {
    /// Git.
    pub repository: Arc<orch_git::Forge>,
    /// Whose call it is.
    pub(crate) port: Port,
}

impl Opening {
    /// `open` says in words for people, with what to do, why it cannot be opened.
    pub fn new(open: impl Fn() -> Result<orch_git::Forge, String> + Send + Sync + 'static) -> Self {
        Self::asking(move |port| {
            open().map_err(|why| PortError::of_target(ErrorKind::Refused, port, "a local repository", why))
        })
    }

    /// `open` may have to ask somebody else than this machine's disk, and says what kind of trouble it met.
    pub fn asking(open: impl Fn(Port) -> PortResult<orch_git::Forge> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), opened: Mutex::new(None) }
    }

    /// An opened one, in which nothing can be missing.
    pub fn opened(repository: orch_git::Forge) -> Self {
        let gone = || Err("it was opened once, for a moment".to_owned());
        let opened = Self::new(gone);
        Self { opened: Mutex::new(Some(Arc::new(repository))), ..opened }
    }

    pub(crate) fn get(&self, port: Port) -> PortResult<Bare> {
        // Held while it is opened: whoever comes meanwhile needs it too.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repository) = &*opened {
            return Ok(Bare { repository: Arc::clone(repository), port });
        }
        let repository = Arc::new((self.open)(port)?);
        *opened = Some(Arc::clone(&repository));
        Ok(Bare { repository, port })
    }

    /// What was found while the repository was looked at; it is opened anew if somebody has to mend it, for that may give
    /// it another path or another base branch.
    pub(crate) fn looked<T>(&self, found: PortResult<T>) -> PortResult<T> {
        if found.as_ref().is_err_and(|error| error.for_effect() == ForEffect::Mend) {
            *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        found
    }
}
