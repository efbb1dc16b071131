//! Accounts and sessions in a SQLite file, and the configuration in `doorward.toml`: the same that the command reads.
//!
//! `cargo run -p doorward-tower --features axum --example sqlite_file -- doorward.toml`

use axum::{Router, http::StatusCode, routing::get};
use doorward_tower::{Configuration, Doorward, Identity, NewUser};
use std::{error::Error, io::Write, net::SocketAddr};
use tokio::net::TcpListener;

async fn account(caller: Identity) -> String {
    format!("this is {}\n", *caller)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("say which doorward.toml")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let configuration = Configuration::from_file(&file)?.listening_at(listener.local_addr()?);
    let doorward = Doorward::open(configuration).await?;
    let background = doorward.start();
    if !doorward.accounts().exists("people", "jane").await? {
        doorward.accounts().add(NewUser::new("people", "jane").password("a long one for jane")).await?;
    }

    let api = Router::new().route("/account", get(account));
    let door = doorward.clone();
    let readyz = async move || door.readiness().await.map_err(|why| (StatusCode::SERVICE_UNAVAILABLE, why.to_string()));
    // What stands beside the door is for everyone.
    let app = Router::new().route("/readyz", get(readyz)).fallback_service(doorward.protect(api));
    doorward.ready().await?;
    writeln!(std::io::stdout(), "ready http://{}", listener.local_addr()?)?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    background.stop().await;
    Ok(())
}
