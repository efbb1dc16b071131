//! An axum API that was there already, protected: the lines that name Doorward are all that it takes.
//!
//! `cargo run -p doorward-tower --features axum --example protect_axum`

use axum::{Router, routing::get};
use doorward_tower::{Directory, Doorward, Identity, NewUser, Route};
use std::{error::Error, net::SocketAddr};
use tokio::net::TcpListener;

async fn open() -> &'static str {
    "for everyone\n"
}

async fn account(caller: Identity) -> String {
    format!("this is {}\n", *caller)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rules = Doorward::builder().directory(Directory::customers("people"));
    let rules = rules.route(Route::get("/open").anonymous()).route(Route::get("/account").own());
    let doorward = rules.open().await?;
    let background = doorward.start();
    doorward.accounts().add(NewUser::new("people", "jane").password("a long one for jane")).await?;

    let app = Router::new().route("/open", get(open)).route("/account", get(account));
    let app = Router::new().fallback_service(doorward.protect(app));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener)?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(interrupted()).await?;
    background.stop().await;
    Ok(())
}

fn announce(listener: &TcpListener) -> std::io::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "ready http://{}", listener.local_addr()?)
}

async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
