//! Who are you: sessions, sign-in, throttling, CSRF.
