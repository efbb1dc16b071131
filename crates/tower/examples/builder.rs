//! A configuration made by calls, printed as the file that says the same, and replaced while the program serves.
//!
//! `cargo run -p doorward-tower --features axum --example builder`

use axum::{Router, routing::get};
use doorward_tower::{Builder, Configuration, Directory, Doorward, Identity, Route};
use std::{error::Error, io::Write, net::SocketAddr};
use tokio::net::TcpListener;

fn configuration() -> Builder {
    Doorward::builder().memory().directory(Directory::customers("people")).route(Route::get("/news").anonymous())
}

async fn news(caller: Identity) -> String {
    format!("news for a {}\n", *caller)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", configuration().to_toml())?;

    let doorward = Doorward::open(configuration().configuration()?.listening_at(address)).await?;
    let background = doorward.start();
    let door = doorward.clone();
    let close = move || async move {
        // Whoever is not sound changes nothing.
        if let Err(unsound) = Configuration::from_toml("[server]\nlistn = \"127.0.0.1:80\"\n") {
            tracing::warn!("{unsound}");
        }
        let closed = configuration().route(Route::get("/close").own());
        let outcome = async { Ok::<_, Box<dyn Error>>(door.replace(closed.configuration()?).await?) }.await;
        outcome.map_or_else(|error| format!("{error}\n"), |()| "closed\n".to_owned())
    };
    let opened = configuration().route(Route::get("/close").anonymous());
    doorward.replace(opened.configuration()?).await?;

    let api = Router::new().route("/news", get(news)).route("/close", get(close));
    let app = Router::new().fallback_service(doorward.protect(api));
    writeln!(out, "ready http://{address}")?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    background.stop().await;
    Ok(())
}
