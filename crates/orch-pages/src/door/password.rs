//! Passwords: argon2id, as the library sets it by default. Slow on purpose: never called where others wait.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Least characters of a password.
const LEAST: usize = 10;
/// Checked where nobody has that name, so that an answer takes as long.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password"));

/// Too few characters to be one.
pub(crate) fn is_short(password: &str) -> bool {
    password.chars().count() < LEAST
}

/// What is kept of a password; `None` if the machine gives no random numbers.
pub(crate) fn hash(password: &str) -> Option<String> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed.inspect_err(|error| tracing::error!(%error, "a password was not hashed")).ok().map(|hash| hash.to_string())
}

/// Whether it is the one that was kept. `None`, nobody of that name or no password, takes as long and is never right.
pub(crate) fn is(password: &str, kept: Option<&str>) -> bool {
    let Some(hash) = kept.or(NOBODY.as_deref()).and_then(|phc| PasswordHash::new(phc).ok()) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && kept.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_password_is_right_and_no_other() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$") && !kept.contains("horse"));
        assert_ne!(kept, hash("correct horse").unwrap(), "salted");
        assert!(is("correct horse", Some(&kept)));
        for wrong in ["", "correct horse ", "nobody has this password"] {
            assert!(!is(wrong, Some(&kept)) && !is(wrong, None), "{wrong}");
        }
        assert!(!is("x", Some("no hash")));
        assert!(is_short("123456789") && !is_short("парольпаро"));
    }
}
