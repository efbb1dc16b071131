//! A handler that demands more than the rules do: `RequireResource`.
//!
//! `cargo run -p doorward-tower --features axum --example require_resource`

use axum::{
    Router,
    routing::{get, post},
};
use doorward_tower::{Directory, Doorward, NewUser, Permit, RequireResource, Resource, Route};
use std::{error::Error, io::Write, net::SocketAddr};
use tokio::net::TcpListener;

/// Giving money back.
struct Refunds;

impl Resource for Refunds {
    const ID: &'static str = "Example_Sales::refunds";
}

async fn orders(permit: Permit) -> String {
    format!("orders, by {}\n", permit.proof())
}

async fn refund(caller: RequireResource<Refunds>) -> String {
    format!("refunded by {}\n", *caller)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let doorward = Doorward::builder()
        .directory(Directory::admins("staff"))
        .resource("Example_Sales::orders", "Orders")
        .resource_below("Example_Sales::orders", Refunds::ID, "Give money back")
        .route(Route::new(["GET", "POST"], "/orders/*rest").require("Example_Sales::orders"))
        .open()
        .await?;
    let background = doorward.start();
    let accounts = doorward.accounts();
    accounts.put_role("clerk", &["Example_Sales::orders"]).await?;
    accounts.put_role("cashier", &["Example_Sales::orders", Refunds::ID]).await?;
    accounts.add(NewUser::new("staff", "carl").password("a long one for carl").role("clerk")).await?;
    accounts.add(NewUser::new("staff", "cora").password("a long one for cora").role("cashier")).await?;

    let api = Router::new().route("/orders/7", get(orders)).route("/orders/7/refund", post(refund));
    let app = Router::new().fallback_service(doorward.protect(api));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "ready http://{}", listener.local_addr()?)?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    background.stop().await;
    Ok(())
}
