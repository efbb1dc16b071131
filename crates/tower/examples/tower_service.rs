//! Any tower service, served by hyper: no framework, and the address of the client by an extension.
//!
//! `cargo run -p doorward-tower --example tower_service`

use doorward_tower::{AccessRule, Authentication, Body, Directory, Doorward, Firewall, Identity, NewUser, Peer, Unmatched};
use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{convert::Infallible, error::Error, io::Write};
use tokio::net::TcpListener;
use tower::{Layer, ServiceBuilder};

async fn hello(request: Request<Body>) -> Result<Response<String>, Infallible> {
    let caller = request.extensions().get::<Identity>().map(ToString::to_string).unwrap_or_default();
    Ok(Response::new(format!("hello, {caller}\n")))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let doorward = Doorward::builder()
        .directory(Directory::admins("staff"))
        .firewall(Firewall::new("programs", Authentication::Basic).path("^/api"))
        .firewall(Firewall::new("browsers", Authentication::Session))
        .access_control(AccessRule::path("^/api").roles(["ROLE_ADMIN"]))
        .unmatched(Unmatched::Allow)
        .open()
        .await?;
    let _background = doorward.start();
    doorward.accounts().add(NewUser::new("staff", "carl").password("a long one for carl")).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "ready http://{}", listener.local_addr()?)?;
    loop {
        let (stream, peer) = listener.accept().await?;
        let known = ServiceBuilder::new().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let service = known.service(doorward.layer().layer(tower::service_fn(hello)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::spawn(connection.with_upgrades());
    }
}
