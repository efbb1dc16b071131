//! What is printed of whatever holds a secret: nothing of the secret.

use crate::{
    OAuthError,
    client::Secret,
    rfc6749::{
        Parameters,
        client::Caller,
        token::{Issued, Outcome, Tokens},
    },
    rfc7591::Registered,
    rfc7636::Verifier,
    rfc9449::{Request, Sent},
    testing::Bench,
};
use doorward_core::ports::ClientMethod;
use serde_json::json;
use std::{fmt::Debug, marker::PhantomData};

const SECRET: &str = "never-shown-0123456789-0123456789-0123456789";

#[tokio::test]
async fn nothing_that_holds_a_secret_shows_it() {
    let client = Bench::new().await.client("shop", ClientMethod::SecretPost, Some(SECRET)).await;
    let hash = client.secret.clone().unwrap();
    let tokens = Tokens {
        token_type: "Bearer",
        expires_in: 1,
        access_token: format!("a{SECRET}"),
        refresh_token: Some(format!("r{SECRET}")),
        id_token: Some(format!("i{SECRET}")),
        scope: "orders".into(),
    };
    let issued = Issued { tokens: tokens.clone(), account: None };
    let outcome = Outcome { client: Some(client.clone()), grant: None, result: Ok::<_, OAuthError>(issued.clone()) };
    let form = format!("client_secret={SECRET}&client_assertion={SECRET}&code={SECRET}&refresh_token={SECRET}&token={SECRET}");
    let answer = json!({ "client_secret": SECRET });
    let all: [(&str, &dyn Debug); 7] = [
        ("tokens", &tokens),
        ("what is issued", &issued),
        ("an outcome", &outcome),
        ("a form", &Parameters::parse(&form).unwrap()),
        ("a client that registered", &Registered { client, answer }),
        ("our own secret", &Secret::new(SECRET)),
        ("a verifier", &Verifier::parse(SECRET).unwrap()),
    ];
    for (what, one) in all {
        for text in [format!("{one:?}"), format!("{one:#?}")] {
            assert!(!text.contains(SECRET) && !text.contains(&*hash), "{what}: {text}");
        }
    }
}

/// Whether a type can be printed: the constant of the type itself is nearer than that of the trait, where it is there.
struct Printed<T>(PhantomData<T>);

trait Unprinted {
    const IS: bool = false;
}

impl<T> Unprinted for Printed<T> {}

impl<T: Debug> Printed<T> {
    const IS: bool = true;
}

/// Calls hold headers and tokens as they were sent, so there is no way to print one.
#[test]
fn what_was_sent_cannot_be_printed() {
    const { assert!(Printed::<Parameters>::IS, "the question can be answered with yes") }
    const { assert!(!Printed::<Caller<'static>>::IS) }
    const { assert!(!Printed::<Sent<'static>>::IS) }
    const { assert!(!Printed::<Request<'static>>::IS) }
}
