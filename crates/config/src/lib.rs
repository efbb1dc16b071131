//! What was asked: doorward.toml and rule files, compiled into a policy.
