//! Problem documents (RFC 9457): what errors look like outside the two dialects. They name the request and hold no
//! detail of the rule that refused it.

use crate::{Document, Format, json, xml};

/// A problem of no special type (`about:blank`, RFC 9457 4.2.1).
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The status.
    pub status: http::StatusCode,
    /// What the caller can do something about, such as a missing token.
    pub detail: Option<&'a str>,
    /// Names the request in our log.
    pub request_id: &'a str,
}

impl Problem<'_> {
    /// Writes it down; in XML by RFC 9457 appendix B.
    pub fn document(&self, format: Format) -> Document {
        let title = self.status.canonical_reason().unwrap_or("Error");
        match format {
            Format::Json => {
                let mut object = serde_json::Map::new();
                object.insert("type".to_owned(), "about:blank".into());
                object.insert("title".to_owned(), title.into());
                object.insert("status".to_owned(), self.status.as_u16().into());
                if let Some(detail) = self.detail {
                    object.insert("detail".to_owned(), detail.into());
                }
                object.insert("request_id".to_owned(), self.request_id.into());
                Document { content_type: "application/problem+json".to_owned(), body: json::compact(&object.into()) }
            }
            Format::Xml => {
                let status = self.status.as_u16().to_string();
                let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">\n");
                let members = [("type", "about:blank"), ("title", title), ("status", &status)];
                let detail = self.detail.map(|detail| ("detail", detail));
                for (name, text) in members.into_iter().chain(detail).chain([("request_id", self.request_id)]) {
                    xml::indent(&mut out, 1);
                    out.push_str(&format!("<{name}>"));
                    xml::escape(&mut out, text);
                    xml::close(&mut out, name);
                }
                xml::close(&mut out, "problem");
                Document { content_type: "application/problem+xml".to_owned(), body: out }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_in_both_formats() {
        let problem = Problem { status: http::StatusCode::UNAUTHORIZED, detail: Some("a < b"), request_id: "0af1" };
        assert_eq!(
            problem.document(Format::Json),
            Document {
                content_type: "application/problem+json".into(),
                body: r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"a < b","request_id":"0af1"}"#.into(),
            }
        );
        assert_eq!(
            problem.document(Format::Xml),
            Document {
                content_type: "application/problem+xml".into(),
                body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">\n  <type>about:blank</type>\n  \
                       <title>Unauthorized</title>\n  <status>401</status>\n  <detail>a &lt; b</detail>\n  \
                       <request_id>0af1</request_id>\n</problem>\n"
                    .into(),
            }
        );
    }
}
