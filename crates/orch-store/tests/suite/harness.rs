//! Worlds to test in: a database of either engine, and a second connection that knows nothing of the store.

use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use camino::Utf8PathBuf;
use orch_ports::Store;
use orch_ports::access::Access;
use orch_ports::hosts::Hosts;
use orch_ports::intake::Intake;
use orch_ports::outbox::Outbox;
use orch_ports::people::People;
use orch_store::{PostgresStore, SqliteStore};

/// Longest wait for something that must happen; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Which engine a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Sqlite,
    Postgres,
}

/// The store under test.
pub enum Under {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

/// Whatever the helpers can be given.
pub trait AsStore: Sync {
    fn as_store(&self) -> &dyn Store;
}
impl AsStore for Under {
    fn as_store(&self) -> &dyn Store {
        self.store()
    }
}
impl AsStore for SqliteStore {
    fn as_store(&self) -> &dyn Store {
        self
    }
}
impl AsStore for dyn Store {
    fn as_store(&self) -> &dyn Store {
        self
    }
}

impl Under {
    fn store(&self) -> &(dyn Store + 'static) {
        match self {
            Self::Sqlite(store) => &**store,
            Self::Postgres(store) => &**store,
        }
    }
    pub async fn budget(&self, name: &str) -> Option<(i64, i64, i64)> {
        match self {
            Self::Sqlite(store) => store.budget(name).await.unwrap(),
            Self::Postgres(store) => store.budget(name).await.unwrap(),
        }
    }
}

impl std::ops::Deref for Under {
    type Target = dyn Store;
    fn deref(&self) -> &Self::Target {
        self.store()
    }
}

/// A database of its own for one test.
#[derive(Clone)]
pub struct World {
    pub store: Arc<Under>,
    outbox: Arc<dyn Outbox>,
    intake: Arc<dyn Intake>,
    pub hosts: Arc<dyn Hosts>,
    people: Arc<dyn People>,
    access: Arc<dyn Access>,
    pub on: On,
    /// File name or address.
    pub at: String,
}

/// A transaction of somebody else that has written and not yet committed.
pub enum Held {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Held {
    pub async fn commit(self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("COMMIT").unwrap(),
            Self::Postgres(client) => client.batch_execute("COMMIT").await.unwrap(),
        }
    }
}

pub async fn postgres(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    client
}

pub fn sqlite(path: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection
}

impl World {
    fn of<E>(store: Arc<E>, under: impl FnOnce(Arc<E>) -> Under, on: On, at: String) -> Self
    where
        E: Outbox + Intake + Hosts + People + Access + 'static,
    {
        Self {
            outbox: store.clone(),
            intake: store.clone(),
            hosts: store.clone(),
            people: store.clone(),
            access: store.clone(),
            store: Arc::new(under(store)),
            on,
            at,
        }
    }
    pub fn outbox(&self) -> Arc<dyn Outbox> {
        self.outbox.clone()
    }
    pub fn intake(&self) -> Arc<dyn Intake> {
        self.intake.clone()
    }
    pub fn access(&self) -> Arc<dyn Access> {
        self.access.clone()
    }
    pub fn people(&self) -> Arc<dyn People> {
        self.people.clone()
    }
    /// Runs statements on a connection that is not the store's.
    pub async fn raw(&self, sql: &str) {
        match self.on {
            On::Sqlite => sqlite(&self.at).execute_batch(sql).unwrap(),
            On::Postgres => postgres(&self.at).await.batch_execute(sql).await.unwrap(),
        }
    }
    /// One number from a connection that is not the store's.
    pub async fn number(&self, sql: &str) -> i64 {
        match self.on {
            On::Sqlite => sqlite(&self.at).query_row(sql, [], |row| row.get(0)).unwrap(),
            On::Postgres => postgres(&self.at).await.query_one(sql, &[]).await.unwrap().get(0),
        }
    }
    /// Writes in a transaction of somebody else and leaves it open.
    pub async fn hold(&self, sql: &str) -> Held {
        match self.on {
            On::Sqlite => {
                let connection = sqlite(&self.at);
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql}")).unwrap();
                Held::Sqlite(connection)
            }
            On::Postgres => {
                let client = postgres(&self.at).await;
                client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap();
                Held::Postgres(client)
            }
        }
    }
    /// Returns when a transaction of the store waits for a lock (SQLite: cannot be seen, and needs not be).
    pub async fn somebody_waits(&self) {
        if self.on == On::Sqlite {
            return;
        }
        let client = postgres(&self.at).await;
        let blocked = "SELECT COUNT(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting = async {
            while client.query_one(blocked, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("nobody waits for the lock: the guard does not look");
    }
}

/// Notes a test that this machine cannot run.
pub fn not_run_here(name: &str, reason: &str) {
    println!("not run here: {name}: {reason}");
    if let Some(file) = std::env::var_os("ORCH_TEST_NOT_RUN") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}

/// The address of another database of the same server.
fn sibling(url: &str, database: &str) -> String {
    if !url.contains("://") {
        return format!("{url} dbname={database}");
    }
    let (main, query) = url.split_once('?').map_or((url, None), |(main, query)| (main, Some(query)));
    let start = main.find("://").unwrap() + 3;
    let host = main[start..].find('/').map_or(main, |slash| &main[..start + slash]);
    query.map_or_else(|| format!("{host}/{database}"), |query| format!("{host}/{database}?{query}"))
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Gives `case` the address of an empty database: a file that does not exist, or a fresh PostgreSQL database.
pub fn with_address<F: Future<Output = ()>>(name: &str, on: On, case: impl FnOnce(String) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    match on {
        On::Sqlite => {
            let folder = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(folder.path().join("orch.db")).unwrap();
            runtime.block_on(case(path.into_string()));
        }
        On::Postgres => {
            let Ok(url) = std::env::var("ORCH_TEST_POSTGRES") else {
                let reason = "ORCH_TEST_POSTGRES does not name a PostgreSQL database";
                return not_run_here(&format!("store/postgres/{name}"), reason);
            };
            let database = format!("orch_test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
            runtime.block_on(async {
                let server = postgres(&url).await;
                server.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
                case(sibling(&url, &database)).await;
                server.batch_execute(&format!("DROP DATABASE {database} WITH (FORCE)")).await.unwrap();
            });
        }
    }
}

/// Runs a case in a world of its own.
pub fn run<F: Future<Output = ()>>(name: &str, on: On, case: impl FnOnce(World) -> F) {
    with_address(name, on, |at| async move {
        let world = match on {
            On::Sqlite => World::of(Arc::new(SqliteStore::open(&at).unwrap()), Under::Sqlite, on, at),
            On::Postgres => World::of(Arc::new(PostgresStore::connect(&at).await.unwrap()), Under::Postgres, on, at),
        };
        case(world).await;
    });
}

/// Makes `name::sqlite` and `name::postgres` of each case.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {$(
        mod $case {
            use crate::harness::{On, run};
            #[test]
            fn sqlite() {
                run(stringify!($case), On::Sqlite, super::$case);
            }
            #[test]
            fn postgres() {
                run(stringify!($case), On::Postgres, super::$case);
            }
        }
    )+};
}
pub(crate) use on_both;
