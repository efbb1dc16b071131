//! One canonical form of host and path. What is matched is what is forwarded.
