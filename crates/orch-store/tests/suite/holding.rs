//! One service on one database.

use std::time::Duration;

use orch_ports::store::StoreError;
use orch_store::postgres::{Holder, ServiceLock, Taken, tell_service};

use crate::harness::{On, PATIENCE, postgres, with_address};

fn me(pid: u32) -> Holder {
    Holder { pid, address: Some(format!("127.0.0.1:{pid}")), host: "here".into() }
}

async fn take(at: &str, pid: u32) -> Result<ServiceLock, Option<Holder>> {
    match ServiceLock::take(at, &me(pid)).await.unwrap() {
        Taken::Held(lock) => Ok(lock),
        Taken::By(holder) => Err(holder),
    }
}

#[test]
fn postgres_the_second_is_told_of_the_first() {
    with_address("service_lock", On::Postgres, |at| async move {
        let first = take(&at, 1).await.unwrap();
        assert_eq!(take(&at, 2).await.unwrap_err(), Some(me(1)));
        // Another schema of the same database is another store.
        postgres(&at).await.batch_execute("CREATE SCHEMA other").await.unwrap();
        let beside = format!("{at}{}options=-csearch_path%3Dother", if at.contains('?') { '&' } else { '?' });
        let other = take(&beside, 3).await.unwrap();
        assert_eq!(take(&at, 2).await.unwrap_err(), Some(me(1)));
        drop((first, other));
        let freed = async {
            loop {
                if let Ok(lock) = take(&at, 2).await {
                    return lock;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, freed).await.unwrap();
    });
}

#[test]
fn postgres_a_lock_whose_connection_ends_is_lost() {
    with_address("service_lock_lost", On::Postgres, |at| async move {
        let first = take(&at, 1).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(10), first.lost()).await.is_err());
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'orch 1 %'
            AND datname = current_database()";
        postgres(&at).await.batch_execute(end).await.unwrap();
        tokio::time::timeout(PATIENCE, first.lost()).await.unwrap();
        let next = take(&at, 2).await.expect("the next one may have it");
        assert_eq!(take(&at, 3).await.unwrap_err(), Some(me(2)));
        drop(next);
    });
}

#[test]
fn postgres_the_holder_hears_of_what_others_stored() {
    with_address("service_lock_told", On::Postgres, |at| async move {
        let first = take(&at, 1).await.unwrap();
        tell_service(&at).await.unwrap();
        tokio::time::timeout(PATIENCE, first.told()).await.unwrap();
    });
}

/// A stand-in for a pooler in transaction mode: every client speaks to one and the same session of the server.
mod pooler {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Mutex;

    /// One message of the protocol: its type (0 for the first of a client) and its body.
    async fn message(stream: &mut TcpStream, typed: bool) -> Option<(u8, Vec<u8>)> {
        let kind = if typed { stream.read_u8().await.ok()? } else { 0 };
        let length = stream.read_u32().await.ok()?;
        let mut body = vec![0; length.checked_sub(4)? as usize];
        stream.read_exact(&mut body).await.ok()?;
        Some((kind, body))
    }

    async fn send(stream: &mut TcpStream, kind: u8, body: &[u8]) {
        if kind != 0 {
            stream.write_u8(kind).await.unwrap();
        }
        stream.write_u32(u32::try_from(body.len()).unwrap() + 4).await.unwrap();
        stream.write_all(body).await.unwrap();
    }

    /// What a server says until it is ready for the next question.
    async fn until_ready(server: &mut TcpStream) -> Vec<(u8, Vec<u8>)> {
        let mut said = Vec::new();
        while let Some((kind, body)) = message(server, true).await {
            said.push((kind, body));
            if kind == b'Z' {
                break;
            }
        }
        said
    }

    async fn serve(mut client: TcpStream, server: Arc<Mutex<TcpStream>>, hello: Vec<(u8, Vec<u8>)>) {
        let Some(_startup) = message(&mut client, false).await else { return };
        for (kind, body) in &hello {
            send(&mut client, *kind, body).await;
        }
        // Prepared statements have names of the client's; the session has those of all clients.
        loop {
            let mut asked = Vec::new();
            loop {
                let Some((kind, body)) = message(&mut client, true).await else { return };
                if kind == b'X' {
                    return;
                }
                asked.push((kind, body));
                if matches!(kind, b'S' | b'Q') {
                    break;
                }
            }
            let mut server = server.lock().await;
            for (kind, body) in asked {
                send(&mut server, kind, &body).await;
            }
            for (kind, body) in until_ready(&mut server).await {
                send(&mut client, kind, &body).await;
            }
        }
    }

    /// Listens, and gives its port.
    pub async fn start(server: (&str, u16), user: &str, database: &str) -> u16 {
        let mut session = TcpStream::connect(server).await.unwrap();
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        body.extend(format!("user\0{user}\0database\0{database}\0\0").as_bytes());
        send(&mut session, 0, &body).await;
        let hello = until_ready(&mut session).await;
        let session = Arc::new(Mutex::new(session));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&session), hello.clone()));
            }
        });
        port
    }
}

#[test]
fn postgres_a_pooler_in_transaction_mode_is_refused() {
    with_address("service_lock_pooler", On::Postgres, |at| async move {
        let config: tokio_postgres::Config = at.parse().unwrap();
        let (host, port) = match (config.get_hosts(), config.get_ports()) {
            ([tokio_postgres::config::Host::Tcp(host)], ports) if config.get_password().is_none() => {
                (host.clone(), ports.first().copied().unwrap_or(5432))
            }
            _ => {
                return crate::harness::not_run_here(
                    "store/postgres/pooler",
                    "the server is not reached over TCP without a password",
                );
            }
        };
        let (user, database) = (config.get_user().unwrap(), config.get_dbname().unwrap());
        let pooled = pooler::start((&host, port), user, database).await;
        match ServiceLock::take(&format!("postgres://{user}@127.0.0.1:{pooled}/{database}"), &me(1)).await {
            Err(StoreError::Unusable { detail }) => assert!(detail.contains("transaction mode"), "{detail}"),
            other => panic!("{other:?}"),
        }
    });
}
