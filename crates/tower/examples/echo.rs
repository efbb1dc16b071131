//! A service that says as JSON what it received, behind Doorward: for tests, and for a look at what a service is told.
//!
//! `cargo run -p doorward-tower --example echo -- doorward.toml` prints `ready http://127.0.0.1:PORT` and serves until
//! Ctrl-C. HTTP/1.1 only; an answer is `{"method", "path", "query", "headers": {NAME: [VALUE]}, "body", "identity"}`.

use doorward_tower::{Body, Configuration, Doorward, Identity, Peer};
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde_json::{Map, Value, json};
use std::{error::Error, io::Write};
use tokio::net::TcpListener;
use tower::{BoxError, Layer, ServiceBuilder, service_fn};

async fn echo(request: Request<Body>) -> Result<Response<String>, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut headers = Map::new();
    for name in parts.headers.keys() {
        let values = parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name.to_string(), values.collect::<Vec<_>>().into());
    }
    let told: Value = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "identity": parts.extensions.get::<Identity>().map(ToString::to_string),
    });
    Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(format!("{told}\n"))?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("say which doorward.toml")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let doorward = Doorward::open(Configuration::from_file(&file)?.listening_at(listener.local_addr()?)).await?;
    let background = doorward.start();
    let layer = doorward.layer();
    writeln!(std::io::stdout(), "ready http://{}", listener.local_addr()?)?;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                request
            })
            .service(layer.layer(service_fn(echo)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::spawn(connection);
    }
    background.stop().await;
    Ok(())
}
