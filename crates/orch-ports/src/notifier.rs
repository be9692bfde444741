//! Who tells people: one value for each `[[notify]]` of the settings.

use orch_rules::ids::Timestamp;
use orch_rules::notice::{Notice, NoticeKind};

use crate::error::PortResult;

/// A way to tell people. Calls block, and end within a minute.
pub trait Notifier: Send + Sync {
    /// Its name in the settings and in rows.
    fn name(&self) -> &str;
    /// Whether it is told of such things.
    fn wants(&self, kind: &NoticeKind) -> bool;
    /// Changes when its credentials or its address do; shows neither.
    fn fingerprint(&self) -> String;
    /// Until when it is told of nothing, if that is so now. Messages stay due, and are judged anew when their turn comes.
    fn quiet_until(&self, _now: Timestamp) -> Option<Timestamp> {
        None
    }
    /// Tell it, in its own words and language; `key` is the same for every try of one message.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()>;
    /// Whether it could be told, without telling it anything: one sentence, or what is wrong.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn look(&self) -> Result<String, String>;
}
