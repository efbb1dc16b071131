//! Secrets: password hashes, session ids, CSRF tokens, keys and signatures.
