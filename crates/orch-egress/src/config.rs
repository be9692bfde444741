//! What one proxy is told: a file in its run's directory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outer::OuterProxy;
use crate::price::Price;

/// File name of the configuration in a run's directory.
pub const CONFIG_FILE: &str = "egress.json";

/// Everything one proxy is told. Holds the run's worthless key and the *name* of the file with the real one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Where the run reaches it.
    pub listen: Listen,
    /// Key of the run: opens this proxy and nothing else. At least 16 characters.
    pub run_key: String,
    /// The model it lets the run talk to.
    pub model: Option<Model>,
    /// Names that CONNECT reaches on port 443: exact ones, or `*.suffix`.
    pub allow: Vec<String>,
    /// Hosts and addresses of the own network that are reached too, as [`crate::inside::InsideEntry`] reads them.
    #[serde(default)]
    pub allow_inside: Vec<String>,
    /// The proxy of the network, for everything that is outside of it.
    #[serde(default)]
    pub proxy: Option<OuterProxy>,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Where `metered.json` and `egress.jsonl` are written.
    pub run_directory: PathBuf,
}

impl std::fmt::Debug for Config {
    /// Without the run's key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).field("model", &self.model).finish_non_exhaustive()
    }
}

/// Where a proxy listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listen {
    /// A unix socket for its owner alone, or for all where root makes it, in a private directory; at most about 100 bytes of path. May be relative to the folder in
    /// which the proxy is started.
    Unix(PathBuf),
    /// A TCP port of 127.0.0.1 that the system chooses.
    Tcp,
}

/// Wire formats of model vendors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wire {
    /// `POST /v1/messages`.
    AnthropicMessages,
    /// `POST /v1/responses`.
    OpenAiResponses,
}

impl Wire {
    /// Where the vendor listens.
    pub fn default_base_url(self) -> &'static str {
        match self {
            Self::AnthropicMessages => "https://api.anthropic.com",
            Self::OpenAiResponses => "https://api.openai.com",
        }
    }
}

/// A model's vendor, as one run may use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Its name in the host's settings: `[models.<name>]`.
    pub name: String,
    /// Wire format.
    pub wire: Wire,
    /// `https://…`, or `http://` to a loopback address. A `/v1` at its end may be there or not.
    pub base_url: String,
    /// The file with the real key on its first line, readable by its owner alone.
    pub key_file: PathBuf,
    /// A PEM file with authorities to trust besides the public ones, for a gateway of one's own.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Whether a run may ask the vendor for more than an answer: tools and servers of its own, addresses to fetch, other
    /// prices ([`crate::meaning`]).
    #[serde(default)]
    pub vendor_tools: bool,
    /// What this run may use.
    #[serde(default)]
    pub budget: Budget,
    /// Prices that stand above the built-in table, tried in this order.
    #[serde(default)]
    pub prices: Vec<(String, Price)>,
}

/// What a run may use; `None` is without end. Checked before each request, so what is under way is finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Input, cached or not, and output together.
    pub tokens: Option<u64>,
    /// Millionths of a US dollar.
    pub micros: Option<u64>,
}

/// Bounds of one proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// A whole head must be there within so many milliseconds of its first byte.
    pub head_ms: u64,
    /// Reaching a vendor or a host: milliseconds.
    pub connect_ms: u64,
    /// The vendor's first byte must come within so many milliseconds: an answer that is not streamed takes its time.
    pub answer_ms: u64,
    /// An answer whose reader has hung up is read on for so many milliseconds, for what it cost stands at its end.
    pub after_hang_up_ms: u64,
    /// Silence within a message, and between messages: milliseconds.
    pub idle_ms: u64,
    /// Silence in a tunnel, both ways: milliseconds.
    pub tunnel_idle_ms: u64,
    /// Largest request to a model: bytes.
    pub request_bytes: u64,
    /// Largest `egress.jsonl`: bytes.
    pub journal_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head_ms: 10_000,
            connect_ms: 10_000,
            answer_ms: 600_000,
            after_hang_up_ms: 3_000,
            idle_ms: 120_000,
            tunnel_idle_ms: 300_000,
            request_bytes: 64 << 20,
            journal_bytes: 4 << 20,
        }
    }
}

/// A key for one run: 256 random bits.
///
/// # Errors
/// If the system gives no random bytes.
pub fn fresh_run_key() -> Result<String, String> {
    let mut bytes = [0; 32];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| "the system gives no random bytes for the run's key".to_owned())?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok(format!("orch-run-{digits}"))
}

/// Writes `config` for the proxy of the run whose directory this is (mode 0600, whole or not at all) and says where.
///
/// # Errors
/// What could not be written, in words.
pub fn write_config(run_directory: &Path, config: &Config) -> Result<PathBuf, String> {
    let file = run_directory.join(CONFIG_FILE);
    let text = serde_json::to_vec_pretty(config).map_err(|e| format!("the proxy's configuration: {e}"))?;
    replace(&file, &text).map_err(|e| format!("{} cannot be written: {e}", file.display()))?;
    Ok(file)
}

/// Reads what [`write_config`] wrote.
///
/// # Errors
/// In words; never a part of the content, it may hold the run's key.
pub fn read_config(file: &Path) -> Result<Config, String> {
    let text = fs::read(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
    let config: Config = serde_json::from_slice(&text).map_err(|e| {
        format!("{} is no configuration of a proxy (line {}, column {})", file.display(), e.line(), e.column())
    })?;
    if config.run_key.len() < 16 {
        return Err(format!("{}: `run_key` has fewer than 16 characters", file.display()));
    }
    Ok(config)
}

/// Puts `bytes` where `file` is, mode 0600, so that a reader sees the old content or the new one.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    open.open(&fresh)?.write_all(bytes)?;
    fs::rename(&fresh, file)
}
