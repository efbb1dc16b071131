//! The road: a request enters, is judged, and reaches its upstream.
