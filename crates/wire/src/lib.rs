//! How it looks: media types, XML and JSON bodies, pages.
