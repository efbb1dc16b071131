//! Hands one message over.

use crate::{Encryption, Smtp};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long one answer of a mail server may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a whole delivery may take.
const DELIVERY: Duration = Duration::from_secs(120);

/// Why a message was not handed over. It holds no address and nothing of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Whether another try can do no good.
    pub(crate) for_good: bool,
    /// For the operator.
    pub(crate) why: String,
}

impl Trouble {
    fn passing(why: impl Into<String>) -> Self {
        Self { for_good: false, why: why.into() }
    }
}

/// To a mail server.
pub(crate) async fn by_smtp(smtp: &Smtp, from_domain: &str, message: &Message) -> Result<(), Trouble> {
    let transport = connect(smtp, from_domain)?;
    match tokio::time::timeout(DELIVERY, transport.send(message.clone())).await {
        Ok(Ok(_)) => Ok(()),
        // A server may repeat the address in its answer, so its code is all that is said.
        Ok(Err(error)) => Err(Trouble {
            for_good: error.is_permanent(),
            why: match error.status() {
                Some(code) => format!("the mail server answered {code}"),
                None => cause(&error),
            },
        }),
        Err(_) => Err(Trouble::passing(format!("the mail server took longer than {} s", DELIVERY.as_secs()))),
    }
}

/// The innermost cause says most: what the network or TLS had against it.
fn cause(error: &lettre::transport::smtp::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn connect(smtp: &Smtp, from_domain: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, Trouble> {
    let tls = || {
        let mut parameters = TlsParameters::builder(smtp.host.trim_matches(['[', ']']).to_owned());
        if !smtp.certificates.0.is_empty() {
            let pem = certificates(&smtp.certificates.0).map_err(Trouble::passing)?;
            parameters = pem.into_iter().fold(parameters, |parameters, one| parameters.add_root_certificate(one));
        }
        parameters.build().map_err(|error| Trouble::passing(cause(&error)))
    };
    let tls = match smtp.encryption {
        Encryption::Implicit => Tls::Wrapper(tls()?),
        Encryption::StartTls => Tls::Required(tls()?),
        Encryption::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.host.trim_matches(['[', ']']))
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(ANSWER))
        .hello_name(ClientId::Domain(from_domain.to_owned()));
    if let Some((user, password)) = &smtp.credentials {
        builder = builder
            .credentials(Credentials::new(user.clone(), password.clone()))
            .authentication(vec![Mechanism::Plain, Mechanism::Login]);
    }
    Ok(builder.build())
}

/// Reads PEM text.
pub(crate) fn certificates(pem: &str) -> Result<Vec<Certificate>, String> {
    const END: &str = "-----END CERTIFICATE-----";
    let all: Result<Vec<_>, _> = pem
        .split_inclusive(END)
        .filter(|part| part.contains("-----BEGIN CERTIFICATE-----"))
        .map(|part| Certificate::from_pem(part.as_bytes()).map_err(|error| error.to_string()))
        .collect();
    match all {
        Ok(all) if all.is_empty() => Err("holds no certificate in PEM".into()),
        other => other,
    }
}

/// To a file of its own that only we may read; it appears whole, under a name that sorts by time.
pub(crate) async fn to_folder(folder: &Path, name: String, message: &Message) -> Result<(), Trouble> {
    let (folder, bytes): (PathBuf, _) = (folder.to_owned(), message.formatted());
    let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes)).await;
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Trouble::passing(format!("the folder for mail: {error}"))),
        Err(_) => Err(Trouble::passing("the folder for mail: writing broke off")),
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let part = folder.join(format!("{name}.part"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(bytes)?;
    fs::rename(&part, folder.join(format!("{name}.eml")))
}
