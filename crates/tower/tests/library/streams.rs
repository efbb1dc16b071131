//! Bodies that stream through, in both directions.

use crate::support::{House, PEER};
use bytes::Bytes;
use doorward_tower::{Body, Peer, SessionEnd};
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use std::convert::Infallible;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tower::{Layer, ServiceExt, service_fn};

/// A body that is what is sent to it.
fn body(receiver: Receiver<&'static str>) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static {
    StreamBody::new(stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from(text))), receiver))
    }))
}

async fn next(body: &mut Body) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

fn post(
    cookie: &str,
    token: &str,
    sent: Receiver<&'static str>,
) -> Request<impl http_body::Body<Data = Bytes, Error = Infallible> + use<>> {
    let request = Request::post("/own").header("host", "shop.test").header("cookie", cookie).header("x-csrf-token", token);
    request.extension(Peer(PEER.parse().unwrap())).body(body(sent)).unwrap()
}

#[tokio::test]
async fn each_piece_passes_before_the_next_is_sent() {
    let house = House::new().await;
    let jane = house.sign_in("jane").await;
    // What comes goes back at once.
    let service = house
        .door
        .layer()
        .layer(service_fn(|request: Request<Body>| async move { Ok::<_, Infallible>(Response::new(request.into_body())) }));
    let (sender, sent): (Sender<_>, _) = channel(1);
    let mut answer = service.oneshot(post(&jane.cookie, &jane.token, sent)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    for text in ["one", "two", "three"] {
        sender.send(text).await.unwrap();
        assert_eq!(next(answer.body_mut()).await, text);
    }
    drop(sender);
    assert!(answer.body_mut().frame().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_the_session_behind_it() {
    let house = House::new().await;
    let jane = house.sign_in("jane").await;
    let (ends, mut ended) = channel(1);
    let (sender, sent) = channel(1);
    let answering = std::sync::Arc::new(std::sync::Mutex::new(Some(sent)));
    let service = house.door.layer().layer(service_fn(move |request: Request<Body>| {
        let (ends, sent) = (ends.clone(), answering.lock().unwrap().take().unwrap());
        async move {
            let end = request.extensions().get::<SessionEnd>().unwrap().clone();
            assert!(!end.has_come());
            tokio::spawn(async move {
                end.wait().await;
                ends.send(()).await
            });
            Ok::<_, Infallible>(Response::new(body(sent)))
        }
    }));
    let (_keep, nothing) = channel(1);
    let mut answer = service.oneshot(post(&jane.cookie, &jane.token, nothing)).await.unwrap();
    sender.send("while it lasts").await.unwrap();
    assert_eq!(next(answer.body_mut()).await, "while it lasts");
    house.door.accounts().set_enabled("people", "jane", false).await.unwrap();
    let end = answer.body_mut().frame().await.unwrap().unwrap_err();
    assert_eq!(end.to_string(), "the session ended");
    assert_eq!(ended.recv().await, Some(()), "the service was told, too");
}
