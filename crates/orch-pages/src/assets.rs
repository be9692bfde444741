//! What pages load: one style sheet, one script, one icon. Part of the program; the name carries the digest of what is in
//! it, so browsers keep it for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file of the program.
pub(crate) struct Asset {
    /// With the digest: `orch-1f0a9c3b52d4.css`.
    pub name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

fn asset(stem: &str, end: &str, kind: &'static str, bytes: &'static [u8]) -> Asset {
    let digest: String = Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Asset { name: format!("{stem}-{digest}.{end}"), kind, bytes }
}

/// All of them: style sheet, script, icon.
pub(crate) static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset("orch", "css", "text/css; charset=utf-8", include_bytes!("../assets/orch.css")),
        asset("orch", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/orch.js")),
        asset("icon", "svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
    ]
});

/// One of them.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return (StatusCode::NOT_FOUND, "no such file").into_response();
    };
    let mut response = asset.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}
