//! Signatures of webhooks: HMAC-SHA256 over the body as it came, in hexadecimal digits.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether `signature` is `secret`'s of this body; without a secret nothing is.
pub(crate) fn is_signed(body: &[u8], secret: &str, signature: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
    mac.update(body);
    let Some(shown) = unhex(signature.trim()) else { return false };
    !secret.is_empty() && mac.verify_slice(&shown).is_ok()
}

/// In hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    text.is_ascii().then(|| pairs.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()).collect())?
}
