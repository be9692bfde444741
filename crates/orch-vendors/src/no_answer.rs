//! What a request that got no answer over HTTP came to.

use orch_rules::port_error::ErrorKind;

/// In doubt if it may have arrived and changes something.
pub(crate) fn kind(error: &ureq::Error, changes: bool) -> ErrorKind {
    let never_sent = match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => false,
    };
    if never_sent || !changes { ErrorKind::Passing } else { ErrorKind::InDoubt }
}

/// In words, without the address: that may carry a secret.
pub(crate) fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it took too long".to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "it cannot be reached".to_owned(),
        ureq::Error::Tls(words) => format!("its certificate is not taken: {words}"),
        ureq::Error::Rustls(error) => format!("its certificate is not taken: {error}"),
        ureq::Error::Io(error) => error.to_string(),
        _ => "the connection broke".to_owned(),
    }
}
