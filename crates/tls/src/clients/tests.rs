//! Chains of client certificates that must, and must not, count: cases in the manner of x509-limbo, each from a clause of
//! RFC 5280, made on the spot.

use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose as Usage, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// 2027-01-15.
const NOW: Time = Time(1_800_000_000_000);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(name: &str, below: BasicConstraints) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(below);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

struct Made {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn root(name: &str) -> Made {
    let (params, key) = (authority(name, BasicConstraints::Unconstrained), KeyPair::generate().unwrap());
    let made = params.self_signed(&key).unwrap();
    Made { pem: made.pem(), der: made.der().clone().into_owned(), issuer: Issuer::new(params, key) }
}

impl Made {
    fn issue(&self, params: CertificateParams) -> Made {
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Made { pem: made.pem(), der: made.der().clone().into_owned(), issuer: Issuer::new(params, key) }
    }

    /// A client's certificate.
    fn client(&self, change: impl FnOnce(&mut CertificateParams)) -> Made {
        let mut params = named("jane");
        params.extended_key_usages = vec![Usage::ClientAuth];
        params.serial_number = Some(SerialNumber::from(7_u64));
        change(&mut params);
        self.issue(params)
    }

    /// A list of revoked serial numbers, which is out of date in this year.
    fn revoke(&self, serials: &[u64], until: i32) -> Revoked {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 6, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).unwrap();
        let (pem, der) = (Revoked::read(list.pem().unwrap().as_bytes()).unwrap(), Revoked::read(list.der()).unwrap());
        assert_eq!(pem, der);
        der
    }
}

/// Whether the first of a chain counts for those who believe `roots`.
fn counts(roots: &[&Made], revoked: Vec<Revoked>, chain: &[&Made]) -> bool {
    let pem: String = roots.iter().map(|root| &*root.pem).collect();
    let clients = Clients::new(Chain::read(&pem).unwrap(), revoked).unwrap();
    let verifier = clients.verifier(&provider()).unwrap();
    let rest: Vec<_> = chain[1..].iter().map(|made| made.der.clone()).collect();
    verifier.verify_client_cert(&chain[0].der, &rest, UnixTime::since_unix_epoch(Duration::from_millis(NOW.0))).is_ok()
}

#[test]
fn chains_that_rfc_5280_lets_count_and_those_that_it_does_not() {
    let (top, other) = (root("top"), root("other"));
    let middle = top.issue(authority("middle", BasicConstraints::Constrained(0)));
    let low = middle.issue(authority("low", BasicConstraints::Unconstrained));
    let mut dated = authority("dated", BasicConstraints::Unconstrained);
    dated.not_after = date_time_ymd(2026, 12, 1);
    let dated = top.issue(dated);
    let mut narrow = authority("narrow", BasicConstraints::Unconstrained);
    narrow.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: Vec::new(),
    });
    let narrow = top.issue(narrow);
    let mut signs_nothing = authority("signs nothing", BasicConstraints::Unconstrained);
    signs_nothing.is_ca = IsCa::ExplicitNoCa;
    let signs_nothing = top.issue(signs_nothing);
    let dns = |name: &'static str| {
        move |params: &mut CertificateParams| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        }
    };
    let cases: Vec<(&str, bool, Made, Vec<&Made>)> = vec![
        ("6.1: issued by an authority that is believed", true, top.client(|_| {}), vec![]),
        ("6.1: through an intermediate", true, middle.client(|_| {}), vec![&middle]),
        ("4.2.1.12: no extended key usage is for everything", true, top.client(|p| p.extended_key_usages.clear()), vec![]),
        ("6.1: an intermediate is missing", false, middle.client(|_| {}), vec![]),
        ("6.1: another authority", false, other.client(|_| {}), vec![]),
        ("6.1: another authority that comes along", false, other.client(|_| {}), vec![&other]),
        ("6.1.3 (a)(2): expired", false, top.client(|p| p.not_after = date_time_ymd(2026, 12, 1)), vec![]),
        ("6.1.3 (a)(2): not valid yet", false, top.client(|p| p.not_before = date_time_ymd(2028, 1, 1)), vec![]),
        ("6.1.3 (a)(2): an intermediate expired", false, dated.client(|_| {}), vec![&dated]),
        ("4.2.1.12: for servers only", false, top.client(|p| p.extended_key_usages = vec![Usage::ServerAuth]), vec![]),
        ("4.2.1.9: who issued it is no authority", false, signs_nothing.client(|_| {}), vec![&signs_nothing]),
        ("4.2.1.9: a path that is too long", false, low.client(|_| {}), vec![&low, &middle]),
        ("4.2.1.10: a name within what its authority may name", true, narrow.client(dns("a.example.com")), vec![&narrow]),
        ("4.2.1.10: a name beyond it", false, narrow.client(dns("a.example.net")), vec![&narrow]),
        (
            "4.2: a critical extension that nobody knows",
            false,
            top.client(|p| {
                let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
                unknown.set_criticality(true);
                p.custom_extensions = vec![unknown];
            }),
            vec![],
        ),
    ];
    for (name, expected, leaf, rest) in cases {
        let chain: Vec<&Made> = std::iter::once(&leaf).chain(rest).collect();
        assert_eq!(counts(&[&top], Vec::new(), &chain), expected, "{name}");
    }
    let alone = root("alone");
    assert!(!counts(&[&top], Vec::new(), &[&alone]), "vouches for itself");
}

#[test]
fn a_signature_that_was_changed_counts_for_nothing() {
    let top = root("top");
    let mut leaf = top.client(|_| {});
    let mut der = leaf.der.to_vec();
    *der.last_mut().unwrap() ^= 1;
    leaf.der = CertificateDer::from(der);
    assert!(!counts(&[&top], Vec::new(), &[&leaf]));
    // The same names, another key.
    let impostor = root("top");
    assert!(!counts(&[&top], Vec::new(), &[&impostor.client(|_| {})]));
}

#[test]
fn what_the_lists_say_and_do_not_say() {
    let (top, other) = (root("top"), root("other"));
    let middle = top.issue({
        let mut params = authority("middle", BasicConstraints::Unconstrained);
        params.serial_number = Some(SerialNumber::from(5_u64));
        params
    });
    let (leaf, below) = (top.client(|_| {}), middle.client(|_| {}));
    for (name, expected, lists, chain) in [
        ("nothing revoked", true, vec![top.revoke(&[], 2030)], vec![&leaf]),
        ("another is revoked", true, vec![top.revoke(&[8], 2030)], vec![&leaf]),
        ("it is revoked", false, vec![top.revoke(&[8, 7], 2030)], vec![&leaf]),
        ("the list is out of date", false, vec![top.revoke(&[], 2027)], vec![&leaf]),
        ("no list speaks of it: its status is not known", false, vec![other.revoke(&[], 2030)], vec![&leaf]),
        ("both lists", true, vec![top.revoke(&[], 2030), middle.revoke(&[], 2030)], vec![&below, &middle]),
        ("the intermediate is revoked", false, vec![top.revoke(&[5], 2030), middle.revoke(&[], 2030)], vec![&below, &middle]),
        ("no list of the intermediate's", false, vec![top.revoke(&[], 2030)], vec![&below, &middle]),
        ("no list of the root's", false, vec![middle.revoke(&[], 2030)], vec![&below, &middle]),
    ] {
        assert_eq!(counts(&[&top, &other], lists, &chain), expected, "{name}");
    }
}

#[test]
fn a_connection_is_asked_again_after_a_change_and_every_minute() {
    let top = root("top");
    let leaf = top.client(|p| p.not_after = date_time_ymd(2027, 2, 1));
    let clients = |revoked| Clients::new(Chain::read(&top.pem).unwrap(), revoked).unwrap().verifier(&provider()).unwrap();
    let trust = Arc::new(Trust::default());
    let trusted = trust.set(Some(clients(Vec::new()))).unwrap();
    let peer = PeerCertificate::new(vec![leaf.der.clone()], Arc::clone(&trust), &trusted, NOW);
    assert_eq!(peer.owner(Map::Cn, NOW), Ok("jane".into()));
    // It expires while the connection is open.
    let after = Time(NOW.0 + 31 * 24 * 3600 * 1000);
    assert!(peer.owner(Map::Cn, after).is_err());
    trust.set(Some(clients(vec![top.revoke(&[7], 2030)])));
    assert!(peer.owner(Map::Cn, NOW).is_err(), "revoked since");
    trust.set(Some(clients(vec![top.revoke(&[], 2030)])));
    assert!(peer.owner(Map::Cn, NOW).is_ok());
    trust.set(None);
    assert!(peer.owner(Map::Cn, NOW).is_err());
    let stranger = root("stranger");
    let clients = Clients::new(Chain::read(&stranger.pem).unwrap(), Vec::new()).unwrap();
    trust.believe(Some(&clients)).unwrap();
    assert!(peer.owner(Map::Cn, NOW).is_err(), "what was good before anybody was believed again");
}

#[test]
fn what_another_server_was_shown_is_judged_here_and_not_believed() {
    let (top, other) = (root("top"), root("other"));
    let middle = top.issue(authority("middle", BasicConstraints::Unconstrained));
    let trust = Arc::new(Trust::default());
    let shown = |chain: &[&Made]| trust.shown(chain.iter().map(|made| made.der.to_vec()));
    assert!(shown(&[]).is_none());
    let jane = shown(&[&top.client(|_| {})]).unwrap();
    assert_eq!(jane.owner(Map::Cn, NOW), Err("no authority is believed"));
    trust.believe(Some(&Clients::new(Chain::read(&top.pem).unwrap(), vec![]).unwrap())).unwrap();
    assert_eq!(jane.owner(Map::Cn, NOW), Ok("jane".into()));
    let below = middle.client(|_| {});
    assert_eq!(shown(&[&below, &middle]).unwrap().owner(Map::Cn, NOW), Ok("jane".into()));
    let expired = top.client(|p| p.not_after = date_time_ymd(2026, 12, 1));
    for chain in [&[&below][..], &[&other.client(|_| {})], &[&other.client(|_| {}), &other], &[&expired], &[&other]] {
        let shown = shown(chain).unwrap();
        assert_eq!(shown.owner(Map::Cn, NOW), Err("the certificate does not count"));
        assert!(shown.said(NOW).is_err());
    }
    let nonsense = trust.shown([b"no certificate".to_vec()]).unwrap();
    assert!(nonsense.owner(Map::Cn, NOW).is_err());
    trust.believe(Some(&Clients::new(Chain::read(&top.pem).unwrap(), vec![top.revoke(&[7], 2030)]).unwrap())).unwrap();
    assert_eq!(jane.owner(Map::Cn, NOW), Err("the certificate does not count any more"), "revoked since");
}

#[test]
fn says_what_is_wrong_with_authorities_and_lists() {
    assert!(Revoked::read(b"").unwrap_err().starts_with("holds no list"));
    assert!(Revoked::read(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n").unwrap_err().contains("number 1"));
    for der in [&b"0"[..], b"0\x82\xff\xff", b"0\x00", &[&root("r").der[..], b"x"].concat()] {
        assert!(Revoked::read(der).unwrap_err().contains("number 1"), "{der:?}");
    }
    let top = root("top");
    let said = |until| top.revoke(&[], until).warnings(NOW).into_iter().map(|warning| warning.message).collect::<String>();
    assert_eq!(said(2030), "");
    assert!(said(2027).contains("its list of `CN=top` is out of date since 2027-01-01"), "{}", said(2027));
}
