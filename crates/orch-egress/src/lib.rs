//! The way out of a run.
//!
//! One small process for each run, outside of its confinement, does what the run must not do itself: it puts the real
//! key into requests to the model, counts the tokens of the answers, keeps the run's budget, and opens tunnels to the
//! hosts on a list. The run holds a worthless key. Synchronous: a thread for each connection, no runtime.
//!
//! | room | idea |
//! |---|---|
//! | [`access`], [`config`] | what a host lets out; what one proxy is told, as a file |
//! | [`server`] | listening, threads, the end |
//! | [`exchange`] | one request to the model and its answer |
//! | [`meaning`] | what a request asks for besides an answer |
//! | [`refusal`], [`unavailable`] | answers of our own; what a vendor's refusal means |
//! | [`count`], [`price`], [`ledger`] | tokens, money, the run's sums |
//! | [`credential`], [`upstream`] | the real key; the way to the vendor |
//! | [`tunnel`], [`allow`], [`address`] | CONNECT: how, to whom, and to where never |
//! | [`inside`], [`outer`], `plain` | hosts of the own network, its proxy, HTTP without TLS to its hosts |
//! | [`line`], [`message`], [`heads`] | connections with deadlines; HTTP/1.1; what is passed on of a head |
//! | [`journal`] | what went out and what was refused |

pub mod access;
pub mod address;
pub mod allow;
pub mod config;
pub mod count;
pub mod credential;
pub mod exchange;
pub mod heads;
pub mod inside;
pub mod journal;
pub mod ledger;
pub mod line;
pub mod meaning;
pub mod message;
mod neutral;
pub mod outer;
mod plain;
pub mod price;
pub mod refusal;
pub mod server;
pub mod tunnel;
pub mod unavailable;
pub mod upstream;

pub use access::Access;
pub use config::{Budget, CONFIG_FILE, Config, Limits, Listen, Model, Wire, fresh_run_key, write_config};
pub use inside::InsideEntry;
pub use ledger::{METERED_FILE, Metered, Unavailable};
pub use outer::OuterProxy;
pub use price::Price;
pub use server::serve;
pub use tunnel::Ways;
